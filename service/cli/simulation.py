"""The command that shows what would happen: a journey on a virtual clock, as a timeline."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from service.cli.assignments import struct_of
from service.cli.options import Instant, Span, assignments, results
from service.cli.session import Session, Verb, pass_session

if TYPE_CHECKING:
    from statewright.v1 import ForecastRequest, SimulatedMoment, SimulateRequest, SimulateResponse

    from statemachine.errors import DefinitionError
    from statemachine.simulation.script import Script

_EVENT: Final = re.compile(r"(?P<type>[^@:{]+)(?:@(?P<after>[^:{]+))?(?::(?P<data>\{.*\}))?\Z", re.DOTALL)
_QUIET: Final = frozenset({"started", "step_started"})
_ENDS: Final = {
    "TIME": "the simulation was stopped: its time was over",
    "TRANSITIONS": "the simulation was stopped: it made too many transitions",
    "SIZE": "the simulation was stopped: its timeline grew too large",
}


class Happening(click.ParamType):  # type: ignore[type-arg]
    """`TYPE`, `TYPE@AFTER`, `TYPE@AFTER:{data}`, read as (type, seconds, data)."""

    name = "event"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float, dict[str, Any]]:
        if isinstance(value, tuple):
            return value
        found = _EVENT.match(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no event: write TYPE, TYPE@2d or TYPE@2d:'{{\"total\": 10}}'", param, ctx)
        try:
            data = json.loads(found["data"] or "{}")
        except ValueError as error:
            self.fail(f"the JSON in {value!r} cannot be read: {error}", param, ctx)
        return found["type"].strip(), Span().convert(found["after"] or "0", param, ctx), data


class Outage(click.ParamType):  # type: ignore[type-arg]
    """`SPAN` or `SPAN@AFTER`, read as (seconds, seconds)."""

    name = "outage"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        lasts, _, after = str(value).partition("@")
        return Span().convert(lasts, param, ctx), Span().convert(after or "0", param, ctx)


@click.command(cls=Verb)
@click.argument("target", metavar="FILE|KEY")
@click.option("--event", "events", type=Happening(), multiple=True, metavar="TYPE[@AFTER][:{DATA}]",
              help="What happens, such as order_placed@2d. Default: the contact is enrolled.")  # fmt: skip
@click.option("--dates", is_flag=True, help="Nobody is enrolled by hand: the dates of the contact are waited for.")
@click.option("--outage", "outages", type=Outage(), multiple=True, metavar="SPAN[@AFTER]",
              help="No server is there for so long, such as 2d@1h: what falls due comes at the end.")  # fmt: skip
@assignments("--contact-field", "The contact's fields; it exists beforehand then.")
@click.option("--contact", default="", metavar="ID", help="A contact of the server, as it is now.")
@results("How the task of a step is answered, as in workflow tests.")
@click.option("--with", "others", multiple=True, metavar="FILE|KEY", help="Another workflow that is there too.")
@click.option("--test", "name", default="", metavar="NAME", help="Play the script of this test of FILE instead.")
@click.option("--at", "start", type=Instant(), help="When it begins. Default: 2026-01-01T09:00Z.")
@click.option("--for", "longest", type=Span(), help="How long it lasts at most.")
@click.option("--version", type=click.IntRange(min=1), help="Default: the active one. Only with KEY.")
@click.option("--lenient", is_flag=True, help="As in publish. Only with FILE.")
@pass_session
def simulate(session: Session, target: str, name: str, **given: Any) -> None:
    """Play a workflow on a virtual clock, and show what would happen; nothing does.

    TARGET is a file when there is one of that name, else the key of a published workflow. A file needs no server,
    unless --contact or --with names something of one.
    """
    from service.cli.output import print_json
    from service.cli.shapes import plain

    response = _of_test(target, name) if name else _response(session, target, **given)
    if session.json:
        print_json(plain(response))
    else:
        _show(response)


def _response(session: Session, target: str, **given: Any) -> SimulateResponse:
    from service.rpc.script_message import check_script
    from service.rpc.simulate_rpcs import simulate_with
    from statemachine.errors import DefinitionError

    request = _request(session, target, **given)
    if request.source and not (request.contact_id or request.with_keys):
        try:
            check_script(request)
            return simulate_with(request, [], None)
        except DefinitionError as error:
            raise _not_valid(session, error) from error
    answer: SimulateResponse = session.call(session.client.workflows.Simulate, request)
    return answer


def _not_valid(session: Session, error: DefinitionError) -> Exception:
    """The complaint about a file that cannot be played, with every error in it."""
    from service.cli.errors import Complaint

    return Complaint(
        error.message,
        reason=error.reason,
        violations=[
            {"path": problem.path, "description": str(problem), "line": problem.line, "column": problem.column}
            for problem in error.problems
            if problem.severity == "error"
        ],
        next_step="correct the file; `statewright validate FILE` shows it line by line",
        as_json=session.json,
    )


def _request(session: Session, target: str, **given: Any) -> SimulateRequest:
    from statewright.v1 import ScriptedOperation, SimulateRequest

    from service.cli.definitions import decoded, is_file

    request = SimulateRequest(lenient=given["lenient"], results=struct_of(given["result"]))
    if is_file(target):
        request.source = decoded(session, target)
        if given["version"]:
            raise click.UsageError("--version is about a published workflow; it has no meaning for a file")
    else:
        request.key = target
        if given["version"]:
            request.version = given["version"]
    for other in given["others"]:
        if is_file(other):
            request.with_sources.append(decoded(session, other))
        else:
            request.with_keys.append(other)
    _add_subject(request, given["contact"], given["contact_field"])
    add_events(request, given["events"])
    if given["dates"] and request.events:
        raise click.UsageError("--dates is for when nothing happens but dates; it has no meaning beside --event")
    if not request.events and not given["dates"]:
        request.events.add(operation=ScriptedOperation.SCRIPTED_OPERATION_ENROLL)
    for lasts, after in given["outages"]:
        outage = request.events.add()
        outage.outage.FromTimedelta(timedelta(seconds=lasts))
        outage.after.FromTimedelta(timedelta(seconds=after))
    if given["start"]:
        request.start_time.FromDatetime(given["start"])
    if given["longest"] is not None:
        request.max_duration.FromTimedelta(timedelta(seconds=given["longest"]))
    return request


def _add_subject(request: SimulateRequest, contact_id: str, fields: Sequence[Any]) -> None:
    if contact_id and fields:
        raise click.UsageError("--contact is a contact of the server, --contact-field makes one: use one of them")
    if contact_id:
        request.contact_id = contact_id
    elif fields:
        request.contact.MergeFrom(struct_of(fields) or request.contact)


def add_events(request: SimulateRequest | ForecastRequest, events: Sequence[tuple[str, float, dict[str, Any]]]) -> None:
    """The events of `--event`."""
    for kind, seconds, data in events:
        event = request.events.add(type=kind)
        event.after.FromTimedelta(timedelta(seconds=seconds))
        event.data.update(data)


def _of_test(target: str, name: str) -> SimulateResponse:
    """What comes of the script of a test."""
    from statewright.v1 import SimulateResponse

    from service.rpc.simulated_message import write_simulated
    from statemachine.simulation.simulate import simulate

    response = SimulateResponse()
    write_simulated(simulate(_script_of_test(Path(target), name)), response)
    return response


def _script_of_test(file: Path, name: str) -> Script:
    from service.cli.suites import find_suites
    from statemachine.testing.trial import script_of

    if not file.is_file():
        raise click.BadParameter(f"there is no file {str(file)!r}", param_hint="FILE")
    [suite] = find_suites([file])
    if suite.workflow is None or not suite.valid:
        raise click.UsageError(f"{file} or its tests are not valid; `statewright test {file}` says why")
    found = [(page, case) for page in suite.pages for case in page.cases if name.casefold() in case.name.casefold()]
    if len(found) != 1:
        names = ", ".join(repr(case.name) for page in suite.pages for case in page.cases) or "none"
        raise click.UsageError(f"--test has to name one test; the tests are {names}")
    [(page, case)] = found
    return script_of(suite.workflow, case, [page.others[other] for other in case.workflows])


def _show(response: SimulateResponse) -> None:
    from service.cli.output import note

    start = response.timeline[0].time.ToDatetime(tzinfo=UTC) if response.timeline else datetime.now(UTC)
    show_timeline(response.timeline, start, several=len(response.enrollments) > 1)
    for enrollment in response.enrollments:
        _show_enrollment(enrollment)
    if not response.enrollments:
        note("nobody was enrolled")
    note_end(response.end)


def note_end(end: int) -> None:
    """Why it was stopped, if it was."""
    from statewright.v1 import SimulationEnd

    from service.cli.output import note

    name = SimulationEnd.Name(end).removeprefix("SIMULATION_END_")
    if name in _ENDS:
        note(_ENDS[name])


def show_timeline(timeline: Iterable[SimulatedMoment], start: datetime, *, several: bool) -> None:
    """What happens, line by line, with how long after the start; of `several` enrollments, with whose it is."""
    from service.cli.output import note, print_table

    lines = [line for moment in timeline for line in _lines(moment, start)]
    columns = ("after", "time (UTC)", "enrollment", "what", "detail")
    rows = [(after, at, run if several else "", what, detail) for after, at, run, what, detail in lines]
    print_table(columns, rows, empty="nothing happens")
    note("")


def _show_enrollment(enrollment: Any) -> None:
    from service.cli.output import lasted, note
    from service.cli.shapes import plain

    shape = plain(enrollment)
    why = f" ({shape['exit_reason']})" if shape["exit_reason"] else ""
    error = shape["last_error"]
    failed = f" ({error['code']}: {error['message']})" if error and shape["status"] == "failed" else ""
    where = f" in {shape['step']}" if shape["status"] in ("waiting", "paused") else ""
    took = lasted(enrollment.duration) or "no time"
    note(f"{shape['id']} of {shape['workflow']}: {shape['status']}{where}{why}{failed} after {took}")
    note(f"  path: {' → '.join(enrollment.path) or 'no step'}")


def _lines(moment: SimulatedMoment, start: datetime) -> Iterator[tuple[str, str, str, str, str]]:
    from statewright.v1 import SimulatedMomentKind

    from statemachine.wording import span

    at = moment.time.ToDatetime(tzinfo=UTC)
    kind = SimulatedMomentKind.Name(moment.kind).removeprefix("SIMULATED_MOMENT_KIND_")
    said = _SAYINGS[kind](moment)
    if said is not None:
        yield span(rounded(at - start)), f"{at:%Y-%m-%d %H:%M:%S}", moment.enrollment_id, *said


def rounded(passed: timedelta) -> timedelta:
    """A span as people want it: from a minute on, to the second."""
    return timedelta(seconds=round(passed.total_seconds())) if passed >= timedelta(minutes=1) else passed


def _of_event(moment: SimulatedMoment) -> tuple[str, str] | None:
    if moment.refusal:
        return moment.text, f"refused: {moment.refusal}"
    what = moment.event.type
    return what, "; ".join(_verdict(verdict) for verdict in moment.verdicts) or "nobody listens"


def _of_raised(moment: SimulatedMoment) -> tuple[str, str] | None:
    from service.cli.shapes import struct_data

    data = struct_data(moment.event.data)
    said = [json.dumps(data, ensure_ascii=False)] if data else []
    return f"  {moment.event.type}", "; ".join([*said, *(_verdict(verdict) for verdict in moment.verdicts)])


def _verdict(verdict: Any) -> str:
    from service.cli.shapes import plain

    shape = plain(verdict)
    rule = f" ({shape['reason'] or shape['rule']})" if shape["rule"] else ""
    return f"{shape['workflow']}: {shape['verdict']}{rule}"


def _of_contact(moment: SimulatedMoment) -> tuple[str, str] | None:
    return "contact", moment.refusal or f"{moment.contact_id} {moment.text}"


def _of_operation(moment: SimulatedMoment) -> tuple[str, str] | None:
    return (moment.text, f"refused: {moment.refusal}") if moment.refusal else ("server", moment.text)


def _of_attempt(moment: SimulatedMoment) -> tuple[str, str] | None:
    from service.cli.shapes import struct_data

    attempt = moment.attempt
    words = struct_data(attempt.input)
    text = words.get("body") or words.get("template") or words.get("url") or json.dumps(words, ensure_ascii=False)
    to = f" to {words['to']}" if words.get("to") else ""
    count = f" (attempt {attempt.attempt})" if attempt.attempt > 1 else ""
    failed = f" ✗ {attempt.error.code}" if attempt.HasField("error") else ""
    return f"  {attempt.step}", f"{attempt.type}{to}: {text}{count}{failed}"


def _of_history(moment: SimulatedMoment) -> tuple[str, str] | None:
    from service.cli.shapes import struct_data

    entry = moment.entry
    if entry.kind in _QUIET or (entry.kind == "step_completed" and entry.attempt):
        return None
    metadata = struct_data(entry.metadata)
    known = {
        "step_completed": f"→ {entry.outcome}",
        "step_skipped": f"skipped: {metadata['reason']}" if metadata.get("reason") else "skipped",
        "waiting": _waiting(metadata),
        "retrying": f"is tried again at {_clock(metadata.get('next_attempt_at'))}",
        "step_failed": f"failed: {entry.error.code}: {entry.error.message}",
    }
    if entry.kind in known:
        return f"  {entry.step}", known[entry.kind]
    return f"  {entry.kind}", str(metadata.get("reason", "") or (entry.error.message if entry.error.code else ""))


def _waiting(metadata: Any) -> str:
    until = f" until {_clock(metadata['until'])}" if "until" in metadata else ""
    return f"is held{until}: {metadata['reason']}" if metadata.get("verdict") == "held" else f"waits{until}"


def _clock(text: Any) -> str:
    return f"{datetime.fromisoformat(str(text)):%Y-%m-%d %H:%M:%S}" if text else ""


_SAYINGS: Final = {
    "EVENT": _of_event,
    "RAISED": _of_raised,
    "CONTACT": _of_contact,
    "OPERATION": _of_operation,
    "HISTORY": _of_history,
    "ATTEMPT": _of_attempt,
}
