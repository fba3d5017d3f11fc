"""Commands that take an enrollment in hand: advance, pause, resume, cancel, retry, set-variables, reschedule."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import click

from service.cli.assignments import Assignment, named_struct_of, struct_of
from service.cli.enrollments import answer_enrollment
from service.cli.options import Moment, Shift, assignments, guarded, pause_options, pause_policies, timestamp
from service.cli.session import Session, Verb, pass_session
from service.cli.workflows import pause_workflow, resume_workflow

F = TypeVar("F", bound=Callable[..., Any])


def one_or_workflow(function: F) -> F:
    """Either the id of an enrollment, or `--workflow KEY`."""

    @wraps(function)
    def checked(*arguments: Any, enrollment_id: str | None, workflow: str, **given: Any) -> Any:
        if bool(enrollment_id) == bool(workflow):
            raise click.UsageError("give either the ID of an enrollment or --workflow KEY")
        return function(*arguments, enrollment_id=enrollment_id or "", workflow=workflow, **given)

    named = click.option("--workflow", default="", metavar="KEY", help="The whole workflow instead of one enrollment.")
    return cast(F, click.argument("enrollment_id", metavar="[ID]", required=False)(named(checked)))


@click.command(cls=Verb)
@click.argument("enrollment_id", metavar="ID")
@click.argument("transition", required=False)
@assignments("--data", "The step's output.")
@guarded
@pass_session
def advance(session: Session, enrollment_id: str, transition: str | None, data: Any, **guard: Any) -> None:
    """Fire a transition of an enrollment now: skip a wait, take a branch.

    Without TRANSITION: list those that are possible.
    """
    from statewright.v1 import AdvanceRequest

    if transition is None:
        _list_transitions(session, enrollment_id)
        return
    request = AdvanceRequest(enrollment_id=enrollment_id, transition=transition, data=struct_of(data), **guard)
    answer_enrollment(session, session.call(session.client.enrollments.Advance, request).enrollment)


def _list_transitions(session: Session, enrollment_id: str) -> None:
    from statewright.v1 import ListTransitionsRequest

    from service.cli.output import note, print_json, print_table
    from service.cli.shapes import plain

    request = ListTransitionsRequest(enrollment_id=enrollment_id)
    shape = plain(session.call(session.client.enrollments.ListTransitions, request))
    if session.json:
        print_json(shape)
        return
    note(f"step {shape['step']}, revision {shape['revision']}")
    rows = [(it["name"], it["target"] or it["ends_as"]) for it in shape["transitions"]]
    print_table(("transition", "leads to"), rows, empty="no transition is possible: it has ended or is held")


@click.command(cls=Verb)
@one_or_workflow
@pause_options
@guarded
@pass_session
def pause(session: Session, enrollment_id: str, workflow: str, **given: Any) -> None:
    """Hold an enrollment, or a whole workflow: its entries and all its runs."""
    from statewright.v1 import EnrollmentServicePauseRequest

    if workflow:
        return pause_workflow(session, workflow, **given)
    request = EnrollmentServicePauseRequest(enrollment_id=enrollment_id, **pause_policies(given))
    return answer_enrollment(session, session.call(session.client.enrollments.Pause, request).enrollment)


@click.command(cls=Verb)
@one_or_workflow
@guarded
@pass_session
def resume(session: Session, enrollment_id: str, workflow: str, **guard: Any) -> None:
    """Let a paused enrollment, or a paused workflow with all its runs, go on."""
    from statewright.v1 import EnrollmentServiceResumeRequest

    if workflow:
        return resume_workflow(session, workflow, **guard)
    request = EnrollmentServiceResumeRequest(enrollment_id=enrollment_id, **guard)
    return answer_enrollment(session, session.call(session.client.enrollments.Resume, request).enrollment)


@click.command(cls=Verb)
@click.argument("enrollment_id", metavar="ID")
@click.option("--reason", default="", help="Kept as its exit reason. Default: cancelled.")
@guarded
@pass_session
def cancel(session: Session, enrollment_id: str, reason: str, **guard: Any) -> None:
    """End an enrollment; its timers and open tasks go with it."""
    from statewright.v1 import CancelRequest

    request = CancelRequest(enrollment_id=enrollment_id, reason=reason, **guard)
    answer_enrollment(session, session.call(session.client.enrollments.Cancel, request).enrollment)


@click.command(cls=Verb)
@click.argument("enrollment_id", metavar="ID")
@assignments("--input", "Replaces fields of the failed step's input; k:=null removes one.")
@guarded
@pass_session
def retry(session: Session, enrollment_id: str, **given: Any) -> None:
    """Continue a failed enrollment from the step that failed."""
    from statewright.v1 import RetryRequest

    given["input"] = struct_of(given["input"])
    request = RetryRequest(enrollment_id=enrollment_id, **given)
    answer_enrollment(session, session.call(session.client.enrollments.Retry, request).enrollment)


@click.command(cls=Verb)
@click.argument("enrollment_id", metavar="ID")
@click.argument("variables", type=Assignment(), nargs=-1, required=True, metavar="K=V...")
@guarded
@pass_session
def set_variables(session: Session, enrollment_id: str, variables: Any, **guard: Any) -> None:
    """Set variables of a live enrollment: k=text, k:=json; k:=null removes one.

    A name with dots leads into an object: order.total:=12 leaves the rest of order as it is.
    """
    from statewright.v1 import SetVariablesRequest

    request = SetVariablesRequest(enrollment_id=enrollment_id, variables=named_struct_of(variables), **guard)
    answer_enrollment(session, session.call(session.client.enrollments.SetVariables, request).enrollment)


@click.command(cls=Verb)
@click.argument("enrollment_id", metavar="ID")
@click.option("--to", "moment", type=Moment(), help="The instant, such as 2026-01-31T09:00Z.")
@click.option("--by", "shift", type=Shift(), help="How much later, such as 2h; earlier with a minus: --by=-2h.")
@guarded
@pass_session
def reschedule(session: Session, enrollment_id: str, moment: Any, shift: Any, **guard: Any) -> None:
    """Move when the wait of an enrollment ends by time."""
    from statewright.v1 import RescheduleRequest

    if (moment is None) == (shift is None):
        raise click.UsageError("give either --to INSTANT or --by SPAN")
    request = RescheduleRequest(enrollment_id=enrollment_id, to_time=timestamp(moment), by=shift, **guard)
    answer_enrollment(session, session.call(session.client.enrollments.Reschedule, request).enrollment)
