"""Commands that let something happen: an event, an enrolment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from service.cli.assignments import struct_of
from service.cli.options import Instant, assignments, timestamp
from service.cli.session import Session, Verb, pass_session

_PRIORITY = click.IntRange(-100, 100)


@click.command(cls=Verb)
@click.argument("type_", metavar="TYPE")
@click.option("--contact", default="", metavar="ID", help="Whom it is about; created when unknown.")
@assignments("--contact-field", "Contact fields to set first.")
@assignments("--data", "The event's data.")
@click.option("--id", "event_id", default="", metavar="EVENT_ID", help="Your id of it; a repeat does nothing more.")
@click.option("--source", default="", help="The system that sends it, the namespace of --id.")
@click.option("--key", default="", help="One live enrollment per contact and key.")
@click.option("--conversation", default="", metavar="ID")
@click.option("--occurred", type=Instant(), help="When it happened. Default: now.")
@click.option("--priority", type=_PRIORITY, default=0, help="-100 to 100, higher first.")
@click.option("--not-matched", is_flag=True, help="Show also the workflows whose conditions were false.")
@pass_session
def trigger(session: Session, not_matched: bool, **given: Any) -> None:
    """Send an event of TYPE, and show what every workflow did."""
    from statewright.v1 import TriggerRequest

    from service.cli.output import note, print_json
    from service.cli.shapes import plain

    request = TriggerRequest(event=event_of(**given), include_not_matched=not_matched)
    response = session.call(session.client.enrollments.Trigger, request)
    if session.json:
        print_json(plain(response))
        return
    note(f"event {response.event_id} {'was accepted before; then' if response.duplicate else 'accepted'}")
    nearly = "" if not_matched else " (--not-matched shows those whose conditions were false)"
    _show_verdicts(response.verdicts, empty=f"no workflow took it{nearly}")


def event_of(
    type_: str,
    contact: str = "",
    contact_field: Any = (),
    data: Any = (),
    event_id: str = "",
    source: str = "",
    key: str = "",
    conversation: str = "",
    occurred: datetime | None = None,
    priority: int = 0,
) -> Any:
    """The event that the options describe."""
    from statewright.v1 import Event

    return Event(
        id=event_id,
        type=type_,
        source=source,
        contact_id=contact,
        conversation_id=conversation,
        key=key,
        data=struct_of(data),
        contact_patch=struct_of(contact_field),
        occurred_time=timestamp(occurred),
        priority=priority,
    )


def _show_verdicts(verdicts: Any, *, empty: str) -> None:
    from service.cli.output import print_table
    from service.cli.shapes import plain_list

    print_table(
        ("workflow", "version", "verdict", "enrollment", "step", "rule", "reason"),
        [
            (it["workflow"], it["version"], it["verdict"], it["enrollment_id"], it["step"], it["rule"], it["reason"])
            for it in plain_list(verdicts)
        ],
        empty=empty,
    )


@click.command(cls=Verb)
@click.argument("workflow")
@click.option(
    "--contact", default="", metavar="ID", help="Whom; created when unknown. Absent: a run without a contact."
)
@assignments("--contact-field", "Contact fields to set first.")
@assignments("--input", "Read as input.* and trigger.data.*.")
@click.option("--key", default="", help="One live enrollment per contact and key.")
@click.option("--conversation", "conversation_id", default="", metavar="ID", help="The conversation it belongs to.")
@click.option("--version", type=click.IntRange(min=1), help="Default: the active one.")
@click.option("--priority", type=_PRIORITY, default=0, help="-100 to 100, higher first.")
@click.option("--dry-run", is_flag=True, help="Answer the verdict and store nothing.")
@click.option("--request-id", default="", help="A repeat with the same id does nothing more.")
@pass_session
def enroll(session: Session, workflow: str, contact: str, contact_field: Any, **given: Any) -> None:
    """Enrol a contact into WORKFLOW, whatever its triggers.

    Exit code 1 when an entry rule refuses it.
    """
    from statewright.v1 import EnrollRequest, VerdictKind

    from service.cli.output import print_json
    from service.cli.shapes import plain

    given["input"] = struct_of(given["input"])
    request = EnrollRequest(workflow=workflow, contact_id=contact, contact_patch=struct_of(contact_field), **given)
    response = session.call(session.client.enrollments.Enroll, request)
    if session.json:
        shape = plain(response)
        print_json(shape["verdict"] | {"enrollment": shape["enrollment"]})
    else:
        _show_verdicts([response.verdict], empty="")
    if response.verdict.kind == VerdictKind.VERDICT_KIND_BLOCKED:
        raise click.exceptions.Exit(1)
