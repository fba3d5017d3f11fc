"""Scripts of Simulate as the proto has them: read by the same reader as those of workflow tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from statewright.v1 import ForecastRequest, ScriptedEvent, ScriptedOperation, SimulateRequest

from service.rpc.enrollment_message import PAUSE_EVENTS, PAUSE_TIMERS
from service.rpc.fields import Violations, chosen
from service.rpc.moment import read_instant, read_span
from service.rpc.payload import read_struct
from statemachine.contact import Contact
from statemachine.duration import MAX_DURATION
from statemachine.errors import InvalidInput
from statemachine.problem import Problem, Problems
from statemachine.simulation.forecast import Assumptions
from statemachine.simulation.memory import START
from statemachine.simulation.reading import Cast, ScriptReader
from statemachine.simulation.script import EARLIEST, LATEST, MAX_TRANSITIONS, Script
from statemachine.testing.reading import subject_of
from statemachine.workflow import Workflow

MAX_TIMELINE_BYTES: Final = 3 * 1024 * 1024
_OPERATIONS: Final = {
    number: name.removeprefix("SCRIPTED_OPERATION_").lower() for name, number in ScriptedOperation.items() if number
}
_TEXTS: Final = ("workflow", "id", "key", "source", "transition", "reason")
_STRUCTS: Final = ("contact", "contacts", "results")
_FIELDS: Final = {".contact": ".contact_id", ".op": ".operation", ".conversation": ".conversation_id"}
"""The end of a path in the language → the field of the proto."""


def read_script(
    request: SimulateRequest, workflow: Workflow, others: Sequence[Workflow], stored: Contact | None
) -> Script:
    """Of a request that `check_script` has passed; `stored` is the contact that it names, if it does.

    Raises InvalidInput naming every fault.
    """
    problems = Problems()
    reader = ScriptReader(subject_of(workflow), problems)
    cast = _cast(request, reader, stored)
    acts = reader.acts(_events(request), ("events",), cast)
    results = reader.results(read_struct(request.results, "results"), ("results",))
    _refuse(problems)
    return Script(
        workflows=(workflow, *others),
        acts=acts,
        contacts=cast.contacts,
        results=results,
        starts_at=_start(request),
        lasts=_longest(request),
        max_transitions=request.max_transitions or MAX_TRANSITIONS,
        max_bytes=MAX_TIMELINE_BYTES,
    )


def read_assumptions(request: ForecastRequest, workflow: Workflow, contact: Contact | None) -> Assumptions:
    """What a forecast takes for granted about a run of this contact, of a request that `check_script` has passed.

    Raises InvalidInput naming every fault.
    """
    problems = Problems()
    reader = ScriptReader(subject_of(workflow), problems)
    cast = Cast((contact,), contact.id) if contact is not None else Cast((), None)
    acts = reader.acts(_events(request), ("events",), cast)
    results = reader.results(read_struct(request.results, "results"), ("results",))
    _refuse(problems)
    return Assumptions(
        acts=acts,
        results=results,
        resumed=request.assume_resumed,
        lasts=_longest(request),
        max_transitions=request.max_transitions or MAX_TRANSITIONS,
        max_bytes=MAX_TIMELINE_BYTES,
    )


def check_script(request: SimulateRequest | ForecastRequest) -> None:
    """Raises InvalidInput for all that is wrong with single parts, whatever workflow they are about."""
    violations = Violations()
    violations.number("max_transitions", request.max_transitions, 0, MAX_TRANSITIONS)
    for index, event in enumerate(request.events):
        for name in ("type", "contact_id", "conversation_id", *_TEXTS):
            violations.name(f"events[{index}].{name}", getattr(event, name))
        violations.read(_event, event, f"events[{index}]")
    for name in _STRUCTS:
        if hasattr(request, name):
            violations.read(read_struct, getattr(request, name), name)
    if isinstance(request, SimulateRequest):
        violations.read(_start, request)
    violations.read(_longest, request)
    violations.check()


def _events(request: SimulateRequest | ForecastRequest) -> list[dict[str, Any]]:
    return [_event(event, f"events[{index}]") for index, event in enumerate(request.events)]


def _start(request: SimulateRequest) -> datetime:
    if not request.HasField("start_time"):
        return START
    start = read_instant(request.start_time, "start_time")
    if not EARLIEST <= start <= LATEST:
        wanted = f"an instant in the years {EARLIEST.year} to {LATEST.year}"
        raise InvalidInput(f"start_time must be {wanted}", [("start_time", wanted)])
    return start


def _longest(request: SimulateRequest | ForecastRequest) -> timedelta:
    if not request.HasField("max_duration"):
        return MAX_DURATION
    return read_span(request.max_duration, "max_duration", least=timedelta(0), most=MAX_DURATION)


def _cast(request: SimulateRequest, reader: ScriptReader, stored: Contact | None) -> Cast:
    inline = request.WhichOneof("subject") == "contact"
    contact = read_struct(request.contact, "contact") if inline else None
    contacts = read_struct(request.contacts, "contacts") if request.HasField("contacts") else None
    cast = reader.cast(contact, contacts, ())
    return Cast((stored, *cast.contacts), stored.id) if stored is not None else cast


def _event(message: ScriptedEvent, place: str) -> dict[str, Any]:
    """The event as the language spells it. Raises InvalidInput."""
    violations = Violations()
    raw: dict[str, Any] = {}
    for name in ("after", "outage"):
        if message.HasField(name):
            span = getattr(message, name)
            raw[name] = violations.read(read_span, span, f"{place}.{name}", least=timedelta(0), most=MAX_DURATION)
    act = message.WhichOneof("act")
    if act == "type":
        raw["type"] = message.type
    elif act == "operation":
        raw["op"] = violations.read(chosen, f"{place}.operation", message.operation, _OPERATIONS)
    elif act in ("consent", "upsert"):
        raw[act] = violations.read(read_struct, getattr(message, act), f"{place}.{act}")
    raw.update({name: getattr(message, name) for name in _TEXTS if getattr(message, name)})
    if message.contact_id:
        raw["contact"] = message.contact_id
    if message.conversation_id:
        raw["conversation"] = message.conversation_id
    for name in ("data", "contact_patch"):
        if message.HasField(name):
            raw[name] = violations.read(read_struct, getattr(message, name), f"{place}.{name}")
    policies = {
        "timers": violations.read(chosen, f"{place}.timers", message.timers, PAUSE_TIMERS),
        "events": violations.read(chosen, f"{place}.pause_events", message.pause_events, PAUSE_EVENTS),
    }
    violations.check()
    return raw | {name: policy for name, policy in policies.items() if policy}


def _refuse(problems: Problems) -> None:
    violations = [(_field(problem.path), _told(problem)) for problem in problems.sorted()]
    if violations:
        place, message = violations[0]
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        raise InvalidInput(f"{place}: {message}{more}", violations)


def _told(problem: Problem) -> str:
    return f"{problem.message}; {problem.suggestion}" if problem.suggestion else problem.message


def _field(path: str) -> str:
    for ending, field in _FIELDS.items():
        if path.startswith("events") and path.endswith(ending):
            return path.removesuffix(ending) + field
    return path


def by_key(workflow: Workflow, others: Sequence[Workflow]) -> Mapping[str, Workflow]:
    """All workflows of a simulation. Raises InvalidInput when two have the same key."""
    found = {workflow.key: workflow}
    for other in others:
        if other.key in found:
            wanted = "workflows with different keys"
            raise InvalidInput(f"{other.key!r} is there twice", [("with_keys", wanted), ("with_sources", wanted)])
        found[other.key] = other
    return found
