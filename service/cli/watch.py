"""`statewright watch`: what happens, line by line, until it ends or the reader does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from service.cli.session import Session, Verb, pass_session

if TYPE_CHECKING:
    from rich.text import Text

_PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.5

_STYLES: Final = {
    "started": "bold cyan",
    "completed": "bold green",
    "failed": "bold red",
    "step_failed": "red",
    "retrying": "yellow",
    "exited": "bold magenta",
    "cancelled": "dim",
    "paused": "yellow",
    "waiting": "cyan",
    "migrated": "blue",
    "child_ended": "green",
    "queued": "yellow",
    "dropped": "yellow",
    "held": "yellow",
    "debounced": "cyan",
    "reminded": "yellow",
    "escalated": "red",
}


@click.command(cls=Verb)
@click.argument("enrollment_id", metavar="[ID]", required=False)
@click.option("--workflow", metavar="KEY", help="All enrollments of this workflow.")
@click.option("--contact", metavar="ID", help="All enrollments of this contact.")
@click.option("--children", is_flag=True, help="With an ID: its children too, and theirs.")
@click.option("--from-start", is_flag=True, help="From the beginning. Default for an ID; not with --workflow.")
@click.option("--after", type=click.IntRange(min=0), metavar="SEQUENCE", help="Only what came after it.")
@click.option("--resume", "resume_token", default="", metavar="TOKEN", help="Only what came after that event.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many events.")
@pass_session
def watch(session: Session, limit: int | None, **given: Any) -> None:
    """Follow an enrollment, a workflow or a contact as it happens.

    The watch of one enrollment ends with it (with --children, when its whole family has ended); the others last until
    Ctrl-C. With --json one object per line; give the `resume_token` of the last one to --resume to go on from there.
    """
    from service.cli.output import console, print_json_line
    from service.cli.shapes import plain

    request = _request(**given)
    try:
        for number, event in enumerate(events_of(session, request), 1):
            if session.json:
                print_json_line(plain(event))
            else:
                console().print(line_of(event), soft_wrap=True)
            if number == limit:
                return
    except KeyboardInterrupt:
        return


def _request(
    enrollment_id: str | None,
    workflow: str | None,
    contact: str | None,
    children: bool,
    from_start: bool,
    after: int | None,
    resume_token: str,
) -> Any:
    from statewright.v1 import EnrollmentServiceWatchRequest

    targets = {"enrollment_id": enrollment_id, "workflow": workflow, "contact_id": contact}
    chosen: dict[str, Any] = {name: value for name, value in targets.items() if value}
    if len(chosen) != 1:
        raise click.UsageError("name exactly one: an enrollment's ID, --workflow KEY or --contact ID")
    if children and not enrollment_id:
        raise click.UsageError("--children goes with an ID; --contact shows the children of its runs anyway")
    if workflow and (from_start or after is not None):
        raise click.UsageError("a workflow is watched from now on, or from --resume TOKEN")
    if after is None and not resume_token and (from_start or enrollment_id):
        after = 0
    place: dict[str, Any] = {"resume_token": resume_token, "include_children": children}
    return EnrollmentServiceWatchRequest(**chosen, **place, after_sequence=after)


def events_of(session: Session, request: Any) -> Iterator[Any]:
    """The events of a watch. When the server goes away it is asked again, from the last event on, for half a minute.

    Raises grpc.RpcError.
    """
    for response in resumed(lambda: session.client.enrollments.Watch(request)):
        if response.HasField("event"):
            request.ClearField("after_sequence")
            request.resume_token = response.event.resume_token
            yield response.event


def resumed(ask: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    """What a stream answers; `ask` is called again when the server goes away. Raises grpc.RpcError."""
    import grpc

    seen, lost_at = False, 0.0
    while True:
        try:
            for response in ask():
                seen, lost_at = True, 0.0
                yield response
            return
        except grpc.RpcError as error:
            lost_at = lost_at or time.monotonic()
            gone = _code(error) == grpc.StatusCode.UNAVAILABLE
            if not (gone and seen and time.monotonic() - lost_at < _PATIENCE_S):
                raise
        time.sleep(_PAUSE_S)


def _code(error: Any) -> Any:
    return error.code()


def line_of(event: Any, *, with_time: bool = True) -> Text:
    """An event in a line."""
    from rich.text import Text

    from service.cli.output import instant
    from service.cli.shapes import plain

    shape = plain(event)
    kind = shape["kind"]
    line = Text.assemble(
        (f"{instant(event.time)}  " if with_time else "", "dim"),
        f"{event.contact_id or event.enrollment_id:8}  ",
        (f"{event.workflow:16}  ", "dim"),
        (f"{kind.replace('_', ' '):14}  ", _STYLES.get(kind, "")),
        f"{event.step:20}  ",
        (_more(event), "dim"),
    )
    line.rstrip()
    return line


def _more(event: Any) -> str:
    from service.cli.enrollments import error_text
    from service.cli.shapes import plain, struct_data
    from service.cli.told import told

    outcome = f"→ {event.outcome}" if event.outcome else ""
    attempt = f"attempt {event.attempt}" if event.attempt > 1 else ""
    more = told(plain(event)["kind"], struct_data(event.metadata))
    return "  ".join(filter(None, (outcome, more, attempt, error_text(event.error))))
