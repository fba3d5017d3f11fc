"""Events as they come in, and what became of them. The hot path: a few microseconds an event besides protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Final

from google.protobuf.struct_pb2 import Struct
from statewright.v1 import Event as EventMessage
from statewright.v1 import EventResult, TriggerResponse, VerdictKind
from statewright.v1 import Verdict as VerdictMessage

from service.engine.commands import DEFAULT_TENANT, EventAnswer, TriggerEvent
from service.engine.ids import new_id
from service.rpc.errors import status_of
from service.rpc.fields import Violations
from service.rpc.moment import read_instant, write_instant
from service.rpc.payload import read_struct
from statemachine.errors import InvalidInput, LimitExceeded, WorkflowError
from statemachine.event import Event
from statemachine.limits import MAX_EVENT_BYTES
from statemachine.names import canonical_event
from statemachine.patch import check_patch
from statemachine.verdict import NOT_MATCHED, Verdict

_KINDS: Final = {name.removeprefix("VERDICT_KIND_"): number for name, number in VerdictKind.items()}
_REASONS: Final = {
    "workflow_paused": "the workflow is paused",
    "too_late": "the date came longer ago than its trigger allows (late: {skip_if_older_than: …})",
    "dropped": "the enrollment is paused, and its pause drops events",
    "reentry": "the contact is or was in this workflow, and its re-entry rule forbids another enrollment",
    "cooldown": "the contact was in this workflow too recently",
    "max_entries": "the contact has entered this workflow as often as it may",
    "causation_own": "the event was raised by a run of this very workflow",
    "causation_depth": "the chain of workflows that led to this event is too long",
    "flood": "steps raised more than 100 events of the contact within a minute",
    "max_concurrent": "the workflow has as many live enrollments as it may",
    "per_minute": "as many enrollments of the workflow began within the last minute as may",
    "paused": "the enrollment is paused and will look at the event when it is resumed",
    "early": "the enrollment is not waiting for it yet; a wait ahead may still take it",
    "contact_changed": "the contact has become what the wait was waiting for",
    "conflict": "other enrollments of the contact write to it on the same channels",
    "interrupted": "the contact entered a workflow that goes first on these channels",
    "grace": "a condition does not hold yet; it is tested again while the contact changes, and at the end of the grace",
    "restarted": "the contact entered again, and the workflow restarts then",
}


def read_trigger(message: EventMessage, place: str) -> TriggerEvent:
    """The command an event becomes. Raises InvalidInput with all that is wrong, LimitExceeded for more than 256 KiB.

    Consumes the message: its time of occurrence is taken out. Neither that nor the id counts for the hash, so that a
    repeat has the same one though it is restamped, or sent under the id that was minted for it.
    """
    try:
        return _read(message, place)
    except InvalidInput:
        _look_through(message, place).check()
        raise


def _read(message: EventMessage, place: str) -> TriggerEvent:
    """As `read_trigger`, up to the first fault."""
    occurred_at = read_instant(message.occurred_time, f"{place}.occurred_time") if message.HasField(_TIME) else None
    message.ClearField(_TIME)
    _check_size(message, place)
    event_id = message.id
    message.ClearField("id")
    body = message.SerializeToString(deterministic=True)
    message.id = event_id
    event_type = message.type
    priority = message.priority
    if not (event_type.strip() and len(event_type) < _SHORT and event_type.isprintable() and -100 <= priority <= 100):
        _check_type_and_priority(message, place)
    source, contact_id = message.source, message.contact_id
    conversation_id, key = message.conversation_id, message.key
    names = event_id + source + contact_id + conversation_id + key
    if len(names) > _SHORT or "\0" in names:
        _check_names(message, place)
    name = canonical_event(event_type)
    data = read_struct(message.data, f"{place}.data") if message.HasField("data") else {}
    if name.data_filter:
        data |= name.data_filter
    patch: dict[str, Any] = {}
    if message.HasField("contact_patch"):
        patch = read_contact_patch(message.contact_patch, f"{place}.contact_patch")
    event = Event(
        event_id or new_id(),
        name.type,
        source,
        contact_id or None,
        conversation_id or None,
        key or None,
        data,
        patch,
        occurred_at,
        None,
        priority,
    )
    if event.contact_patch and not contact_id:
        _check_owner(message, place)
    return TriggerEvent(DEFAULT_TENANT, event, blake2b(body, digest_size=16).hexdigest())


def read_contact_patch(message: Struct, place: str) -> dict[str, Any]:
    """Raises InvalidInput with every part that cannot be patched so."""
    patch = read_struct(message, place)
    check_patch(patch, f"{place}.")
    return patch


def read_triggers(messages: Iterable[EventMessage], place: str) -> list[TriggerEvent | WorkflowError]:
    """The commands of a batch; in the place of an event that is refused, its error."""
    commands: list[TriggerEvent | WorkflowError] = []
    for index, message in enumerate(messages):
        try:
            commands.append(read_trigger(message, f"{place}[{index}]"))
        except InvalidInput as error:
            commands.append(error)
    return commands


def write_trigger_answer(answer: EventAnswer, response: TriggerResponse, *, include_not_matched: bool) -> None:
    response.event_id = answer.event_id
    response.duplicate = answer.duplicate
    write_verdicts(answer.verdicts, response.verdicts, include_not_matched=include_not_matched)
    write_instant(answer.accepted_at, response.accept_time)


def write_event_result(
    event_id: str, answer: EventAnswer | Exception, result: EventResult, *, include_not_matched: bool
) -> None:
    """One event's answer of a batch or stream; a defect is the matter of its own event too."""
    if isinstance(answer, Exception):
        result.event_id = event_id
        result.error.CopyFrom(status_of(answer))
        return
    result.event_id = answer.event_id
    accepted = result.accepted
    accepted.duplicate = answer.duplicate
    write_verdicts(answer.verdicts, accepted.verdicts, include_not_matched=include_not_matched)
    write_instant(answer.accepted_at, accepted.accept_time)


def write_verdicts(verdicts: Sequence[Verdict], target: object, *, include_not_matched: bool) -> None:
    for verdict in verdicts:
        if include_not_matched or verdict.kind != NOT_MATCHED:
            write_verdict(verdict, target.add())  # type: ignore[attr-defined]


def write_verdict(verdict: Verdict, message: VerdictMessage) -> None:
    message.workflow = verdict.workflow
    message.version = verdict.version
    message.kind = _KINDS[verdict.kind]  # type: ignore[assignment]
    if verdict.enrollment_id:
        message.enrollment_id = verdict.enrollment_id
    if verdict.rule:
        message.rule, message.reason = rule_and_reason(verdict.kind, verdict.rule)
    if verdict.step:
        message.step = verdict.step


def verdict_kind(kind: str) -> int:
    """The enum's value for a word of `statemachine.verdict`."""
    return _KINDS[kind]


def rule_and_reason(kind: str, rule: str) -> tuple[str, str]:
    """The stable name of the rule that decided, and the same in a sentence."""
    if kind == NOT_MATCHED:
        return "conditions", rule
    if kind == "EXITED":
        return f"exit:{rule}", _REASONS.get(rule) or _left(rule)
    return rule, _REASONS.get(rule, rule.replace("_", " "))


def _left(reason: str) -> str:
    goal = reason.removeprefix("goal:")
    return f"the run left: {reason}" if goal == reason else f"the run left: its goal {goal!r} is reached"


_TIME: Final = "occurred_time"
_SHORT: Final = 60
_WANTED_TYPE: Final = "1 to 255 bytes of printable text, such as contact_created"


def _check_size(message: EventMessage, place: str) -> None:
    size = message.ByteSize()
    if size > MAX_EVENT_BYTES:
        limit = f"at most {MAX_EVENT_BYTES // 1024} KiB"
        text = f"{place} has {size:,} bytes; an event has {limit}"
        raise LimitExceeded(text, [(place, limit)], limit="event", maximum=str(MAX_EVENT_BYTES))


def _look_through(message: EventMessage, place: str) -> Violations:
    """All that is wrong with an event, which is rarely asked."""
    violations = Violations()
    violations.read(_check_size, message, place)
    violations.read(_check_names, message, place)
    violations.read(_check_type_and_priority, message, place)
    violations.read(read_struct, message.data, f"{place}.data")
    violations.read(read_contact_patch, message.contact_patch, f"{place}.contact_patch")
    violations.read(_check_owner, message, place)
    if message.HasField(_TIME):
        violations.read(read_instant, message.occurred_time, f"{place}.{_TIME}")
    return violations


def _check_type_and_priority(message: EventMessage, place: str) -> None:
    violations = Violations()
    text = message.type
    if not text.strip() or not text.isprintable() or len(text.encode()) > 255:
        violations.add(f"{place}.type", _WANTED_TYPE)
    violations.number(f"{place}.priority", message.priority, -100, 100)
    violations.check()


def _check_names(message: EventMessage, place: str) -> None:
    violations = Violations()
    for name in ("id", "source", "contact_id", "conversation_id", "key"):
        violations.name(f"{place}.{name}", getattr(message, name))
    violations.check()


def _check_owner(message: EventMessage, place: str) -> None:
    if message.contact_patch.fields and not message.contact_id:
        wanted = "required with a contact_patch"
        raise InvalidInput(f"{place}.contact_id: {wanted}", [(f"{place}.contact_id", wanted)])
