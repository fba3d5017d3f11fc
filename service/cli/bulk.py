"""`statewright batch`: the same for every enrollment that meets a filter."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import click

from service.cli.assignments import struct_of
from service.cli.enrollments import filtered, filters
from service.cli.options import assignments, pause_options, pause_policies
from service.cli.session import Session, Verb, pass_session
from service.cli.versions import messages, progress

_TAKES: Final = {
    "cancel": ("reason",),
    "exit": ("reason",),
    "pause": ("timers", "events"),
    "resume": (),
    "retry": ("input",),
    "advance": ("transition", "data"),
}  # fmt: skip
_OF_ACTIONS: Final = ("reason", "timers", "events", "transition", "data", "input")
_NEEDS: Final = {"exit": "reason", "advance": "transition"}


@click.command(cls=Verb)
@click.argument("action", type=click.Choice(list(_TAKES)))
@filters
@click.option("--reason", default="", help="Of cancel and exit: kept as the exit reason.")
@pause_options
@click.option("--transition", default="", help="Of advance: which one.")
@assignments("--data", "Of advance: the step's output.")
@assignments("--input", "Of retry: replaces fields of the failed step's input.")
@click.option("--rate", type=click.IntRange(1, 10_000), default=200, show_default=True, help="How many per second.")
@click.option("--dry-run", is_flag=True, help="Only count them, and say which would refuse.")
@click.option("--request-id", default="", help="Go on with the batch of this id.")
@pass_session
def batch(session: Session, action: str, rate: int, dry_run: bool, request_id: str, **given: Any) -> None:
    """Do ACTION to every enrollment that meets the filters; at least one filter is needed.

    Those that refuse stay as they are. A batch that was cut short goes on with the same --request-id.
    """
    from statewright.v1 import BatchFilter, BatchRequest

    from service.cli.output import print_json
    from service.cli.shapes import plain

    details = _details(action, {name: given.pop(name) for name in _OF_ACTIONS})
    name = request_id or f"batch-{uuid4().hex[:12]}"
    wanted = BatchFilter(**filtered(**given))
    request = BatchRequest(filter=wanted, dry_run=dry_run, rate=rate, request_id=name)
    getattr(request, action).SetInParent()
    getattr(request, action).MergeFrom(type(getattr(request, action))(**details))
    last: Any = None
    with progress(action, session) as told:
        for last in messages(session, session.client.enrollments.Batch, request):
            told(last.changed + last.left, last.total)
    if session.json:
        print_json(plain(last))
    else:
        _show(plain(last), action, dry_run)


def _details(action: str, given: dict[str, Any]) -> dict[str, Any]:
    """The fields of the action's message. Raises click.UsageError for options of another action."""
    for name, value in given.items():
        if value and name not in _TAKES[action]:
            raise click.UsageError(f"--{name} is not for {action}")
    needed = _NEEDS.get(action)
    if needed and not given[needed]:
        raise click.UsageError(f"{action} needs --{needed}")
    details = {name: given[name] for name in _TAKES[action] if given[name]}
    for name in ("data", "input"):
        if name in details:
            details[name] = struct_of(details[name])
    return pause_policies(details)


def _show(shape: dict[str, Any], action: str, dry_run: bool) -> None:
    from service.cli.output import note, print_table

    would = "would be" if dry_run else "are"
    note(f"{action}: {shape['changed']} of {shape['total']} {would} changed, {shape['left']} refuse")
    if shape["groups"]:
        rows = [
            (group["step"], group["count"], group["message"], group["example_enrollment_id"])
            for group in shape["groups"]
        ]
        print_table(("step", "enrollments", "why", "for example"), rows, empty="none refuses")
