"""`statewright forecast`: what would become of a live enrollment, as a timeline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from service.cli.assignments import struct_of
from service.cli.options import Span, results
from service.cli.session import Session, Verb, pass_session
from service.cli.simulation import Happening, add_events, note_end, rounded, show_timeline

if TYPE_CHECKING:
    from statewright.v1 import ForecastResponse

_ENDINGS: Final[Mapping[str, str]] = {"failed": "it would fail", "exited": "it would leave"}


@click.command(cls=Verb)
@click.argument("enrollment_id", metavar="ID")
@click.option("--event", "events", type=Happening(), multiple=True, metavar="TYPE[@AFTER][:{DATA}]",
              help="Assume that this happens, such as order_placed@2d. Default: no further events.")  # fmt: skip
@results("Assume that the task of a step is answered so, as in workflow tests. Default: success.")
@click.option("--resumed", is_flag=True, help="Assume that what holds it now, such as a pause, ends at once.")
@click.option("--for", "longest", type=Span(), help="How far to look.")
@pass_session
def forecast(session: Session, enrollment_id: str, **given: Any) -> None:
    """Show what would become of a live enrollment, on current data: when it does what, and how it ends or waits.

    Changes nothing. What cannot be known is assumed, and told.
    """
    from statewright.v1 import ForecastRequest

    from service.cli.output import print_json
    from service.cli.shapes import plain

    request = ForecastRequest(
        enrollment_id=enrollment_id, results=struct_of(given["result"]), assume_resumed=given["resumed"]
    )
    add_events(request, given["events"])
    if given["longest"] is not None:
        request.max_duration.FromTimedelta(timedelta(seconds=given["longest"]))
    response = session.call(session.client.enrollments.Forecast, request)
    if session.json:
        print_json(plain(response))
    else:
        _show(response)


def _show(response: ForecastResponse) -> None:
    from service.cli.output import note
    from service.cli.shapes import plain
    from statemachine.wording import span

    start = response.start_time.ToDatetime(tzinfo=UTC)
    runs = {moment.enrollment_id for moment in response.timeline if moment.enrollment_id}
    show_timeline(response.timeline, start, several=len(runs) > 1)
    enrollment = response.enrollment
    shape = plain(enrollment)
    if response.HasField("waits"):
        note(f"then: {response.waits.reason}")
    else:
        error = shape["last_error"]
        failed = f"{error['code']}: {error['message']}" if error and shape["status"] == "failed" else ""
        why = f" ({shape['exit_reason'] or failed})" if shape["exit_reason"] or failed else ""
        after = span(rounded(response.end_time.ToDatetime(tzinfo=UTC) - start))
        ending = _ENDINGS.get(shape["status"], f"it would be {shape['status']}")
        note(f"then: {ending}{why}, {after} from now")
    note(f"path from here: {' → '.join(enrollment.path) or 'no step'}")
    note_end(response.end)
    note(f"assumed: {'; '.join(response.assumptions)}")
