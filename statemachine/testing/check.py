"""Checking: what a simulation came to, held against what its test expects. One small function per word of `expect`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from statemachine.contact import Contact
from statemachine.problem import format_path
from statemachine.simulation.kept import Record
from statemachine.simulation.simulate import Simulated
from statemachine.simulation.trace import Attempt, Moment
from statemachine.steps.message import QUEUE as MESSAGES
from statemachine.testing.case import Case, Expectation
from statemachine.testing.difference import Difference, aligned, plain, shown, simple

_STOPS: Final = {
    "transitions": "the simulation made too many transitions and was stopped: does the workflow come to an end?",
    "size": "the simulation told too much and was stopped",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What came of the enrollment that an expectation is about; `record` is None when there is none."""

    workflow: str
    starts_at: datetime
    simulated: Simulated
    record: Record | None
    contact: Contact | None

    @property
    def messages(self) -> list[Attempt]:
        """What was sent for it, in order, by its branches and rounds too."""
        run, root_of = self.record.snapshot.id if self.record else None, self.simulated.world.root_of
        sent = [one for one in self.simulated.attempts if one.delivered and one.order.queue == MESSAGES]
        return [one for one in sent if run in (one.run, root_of(one.run))]


Check = Callable[[str, Any, Found], Iterator[tuple[Any, Any, str]]]
"""Yields (expected, actual, words) for each difference."""


def check(case: Case, workflow: str, simulated: Simulated) -> tuple[Difference, ...]:
    """Every difference, in the order of the test; none when it passes."""
    return (*_refusals(case, simulated), *_Checker(case, workflow, simulated).check(case.expect))


def _refusals(case: Case, simulated: Simulated) -> Iterator[Difference]:
    """What went wrong on the way: no expectation can be about that."""
    events = format_path((*case.path, "events"))
    for moment in simulated.trace:
        if moment.refusal:
            text = f"{moment.text} at {moment.at.isoformat()} was refused: {moment.refusal}"
            yield Difference(events, None, moment.refusal, text, case.place)
    if simulated.stopped in _STOPS:
        yield Difference(format_path(case.path), "an end", simulated.stopped, _STOPS[simulated.stopped], case.place)


class _Checker:
    def __init__(self, case: Case, workflow: str, simulated: Simulated) -> None:
        self._case = case
        self._workflow = workflow
        self._simulated = simulated

    def check(self, expect: Expectation) -> Iterator[Difference]:
        records = self._simulated.world.runs_of(self._workflow, expect.words.get("contact"))
        if expect.enrollments is not None:
            yield from self._each(expect, expect.enrollments, records)
        record = records[-1] if records else None
        yield from self._one(expect, record)

    def _each(
        self, expect: Expectation, wanted: Sequence[Expectation], records: Sequence[Record]
    ) -> Iterator[Difference]:
        if len(wanted) != len(records):
            said = f"enrollments: expected {len(wanted)}, there are {len(records)}"
            yield self._difference(expect, "enrollments", len(wanted), len(records), said)
        for inner, record in zip(wanted, records, strict=False):
            yield from self._one(inner, record)

    def _one(self, expect: Expectation, record: Record | None) -> Iterator[Difference]:
        contact_id = record.snapshot.contact_id if record else expect.words.get("contact", self._case.cast.default)
        contact = self._simulated.world.contacts.get(contact_id) if contact_id else None
        found = Found(self._workflow, self._case.starts_at, self._simulated, record, contact)
        missing = False
        for name, value in expect.words.items():
            if record is None and name in _OF_A_RUN:
                if not missing and expect.words.get("enrolled") is not False:
                    missing = True
                    said = f"{name}: expected {shown(value)}, but nobody is enrolled in {self._workflow!r}"
                    yield self._difference(expect, name, value, None, said)
                continue
            for expected, actual, said in CHECKS[name](name, value, found):
                yield self._difference(expect, name, expected, actual, said)

    def _difference(self, expect: Expectation, name: str, expected: Any, actual: Any, said: str) -> Difference:
        path = format_path((*expect.path, name))
        inside = format_path(expect.path[len(self._case.path) + 1 :])
        text = f"{inside}.{said}" if inside else said
        return Difference(path, plain(expected), plain(actual), text, expect.places.get(name, self._case.place))


def _equal(read: Callable[[Found], Any]) -> Check:
    def compare(name: str, expected: Any, found: Found) -> Iterator[tuple[Any, Any, str]]:
        actual = read(found)
        if not same(expected, actual):
            yield expected, actual, simple(name, expected, actual)

    return compare


def _run(read: Callable[[Record], Any]) -> Callable[[Found], Any]:
    return lambda found: read(found.record) if found.record is not None else None


def _partial(read: Callable[[Found, str], Any]) -> Check:
    """An object of which every key that is named must be as it says."""

    def compare(name: str, expected: Mapping[str, Any] | None, found: Found) -> Iterator[tuple[Any, Any, str]]:
        for key, value in (expected or {}).items():
            actual = read(found, key)
            if not covers(value, actual):
                yield {key: value}, {key: actual}, simple(f"{name}.{key}", value, actual)

    return compare


def _path(name: str, expected: Sequence[str], found: Found) -> Iterator[tuple[Any, Any, str]]:
    actual = found.record.path if found.record is not None else ()
    if tuple(expected or ()) != actual:
        yield list(expected or ()), list(actual), aligned(name, expected or (), actual)


def _error(name: str, expected: Any, found: Found) -> Iterator[tuple[Any, Any, str]]:
    error = found.record.snapshot.last_error if found.record is not None else None
    actual = {"code": error.code, "step": error.step, "message": error.message} if error else None
    wanted = expected if isinstance(expected, Mapping) or expected is None else {"code": str(expected)}
    if not covers(wanted, actual):
        yield expected, actual, simple(name, expected, actual if isinstance(expected, Mapping) else _code(actual))


def _code(error: Mapping[str, str] | None) -> str | None:
    return f"{error['code']} ({error['message']})" if error else None


def _tags(name: str, expected: Sequence[str] | None, found: Found) -> Iterator[tuple[Any, Any, str]]:
    tags = found.contact.tags if found.contact is not None else ()
    wrong = [tag for tag in expected or () if (tag in tags) == (name == "no_tags")]
    if wrong:
        listed = ", ".join(wrong)
        has = f"the contact has {', '.join(tags) or 'no tags'}"
        said = f"{name}: {listed} {'should not be there' if name == 'no_tags' else 'missing'}; {has}"
        yield list(expected or ()), list(tags), said


def _conversation(name: str, expected: Mapping[str, Any] | None, found: Found) -> Iterator[tuple[Any, Any, str]]:
    conversation_id = found.record.snapshot.conversation_id if found.record is not None else None
    talk = found.simulated.world.conversations.get(conversation_id or "")
    if talk is None or expected is None:
        if (talk is None) != (expected is None):
            yield expected, talk and talk.id, simple(name, expected, talk and talk.id)
        return
    for key, wanted in expected.items():
        if key in ("tags", "no_tags"):
            wrong = [tag for tag in wanted or () if (tag in talk.tags) == (key == "no_tags")]
            if wrong:
                said = f"{name}.{key}: {', '.join(wrong)}; the conversation has {', '.join(talk.tags) or 'no tags'}"
                yield {key: wanted}, {"tags": list(talk.tags)}, said
        elif not covers(wanted, getattr(talk, key)):
            yield {key: wanted}, {key: getattr(talk, key)}, simple(f"{name}.{key}", wanted, getattr(talk, key))


def _messages(name: str, expected: Sequence[Mapping[str, Any]], found: Found) -> Iterator[tuple[Any, Any, str]]:
    sent = [_message(attempt) for attempt in found.messages]
    if name == "messages_include":
        for wanted in expected:
            if not any(covers(wanted, message) for message in sent):
                listed = "".join(f"\n    - {shown(message)}" for message in sent) or " nothing"
                yield wanted, sent, f"{name}: {shown(wanted)} was not sent; sent was:{listed}"
        return
    if len(sent) == len(expected) and all(map(covers, expected, sent)):
        return
    keys = {key for wanted in expected for key in wanted} or {"step", "channel", "to"}
    narrowed = [{key: value for key, value in message.items() if key in keys} for message in sent]
    wishes = [shown(wanted) for wanted in expected]
    matched = [
        wishes[index] if index < len(expected) and covers(expected[index], message) else shown(narrowed[index])
        for index, message in enumerate(sent)
    ]
    yield list(expected), sent, aligned(name, wishes, matched)


def _message(attempt: Attempt) -> dict[str, Any]:
    words = attempt.order.input
    own = {key: words[key] for key in ("channel", "to", "subject", "body", "template") if key in words}
    return {"step": attempt.order.step, **own}


def _verdicts(
    name: str, expected: Sequence[Sequence[Mapping[str, Any]]], found: Found
) -> Iterator[tuple[Any, Any, str]]:
    moments = [moment for moment in found.simulated.trace if moment.kind == "event"]
    actual = [_heard(moment, found.workflow) for moment in moments]
    for index, wanted in enumerate(expected):
        here = actual[index] if index < len(actual) else []
        relevant = _regarding(wanted, here, found.workflow)
        if len(relevant) != len(wanted) or not all(map(covers, wanted, relevant)):
            yield list(wanted), relevant, simple(f"{name}[{index}]", _kinds(wanted), _kinds(relevant))
    if len(expected) < len(actual):
        missing = len(actual) - len(expected)
        said = f"{name}: there are {len(actual)} events, and nothing is said about the last {missing}"
        yield len(expected), len(actual), said


def _heard(moment: Moment, workflow: str) -> list[dict[str, Any]]:
    return [{"kind": one.kind, "rule": one.rule, "step": one.step, "workflow": one.workflow} for one in moment.verdicts]


def _regarding(
    wanted: Sequence[Mapping[str, Any]], heard: Sequence[dict[str, Any]], workflow: str
) -> list[dict[str, Any]]:
    """The verdicts about the workflow under test, and about others that are named."""
    named = {workflow, *(one["workflow"] for one in wanted if "workflow" in one)}
    return [one for one in heard if one["workflow"] in named]


def _kinds(verdicts: Sequence[Mapping[str, Any]]) -> str | None:
    return (
        ", ".join(f"{one['kind']} ({one['rule']})" if one.get("rule") else str(one["kind"]) for one in verdicts) or None
    )


def _states(name: str, expected: Sequence[Mapping[str, Any]], found: Found) -> Iterator[tuple[Any, Any, str]]:
    for index, wanted in enumerate(expected):
        moment = found.starts_at + wanted.get("after", timedelta(0))
        state = _state_at(moment, found)
        words = {key: value for key, value in wanted.items() if key != "after"}
        if not covers(words, state):
            here = {key: state.get(key) for key in words} if state else "not enrolled yet"
            yield wanted, state, simple(f"{name}[{index}], {moment.isoformat()}", words, here)


def _state_at(moment: datetime, found: Found) -> dict[str, Any] | None:
    states = found.record.states if found.record is not None else []
    snapshot = next((snapshot for at, snapshot in reversed(states) if at <= moment), None)
    if snapshot is None:
        return None
    return {"status": snapshot.status.value, "step": snapshot.step, "variables": snapshot.variables}


def _field(found: Found, name: str) -> Any:
    contact = found.contact
    if contact is None:
        return None
    if name in ("tags", "lists"):
        return list(getattr(contact, name))
    return contact.score if name == "score" else contact.get(name)


def _lasted(record: Record) -> timedelta | None:
    snapshot = record.snapshot
    return snapshot.ended_at - snapshot.started_at if snapshot.ended_at and snapshot.started_at else None


CHECKS: Final[Mapping[str, Check]] = {
    "enrolled": _equal(lambda found: found.record is not None),
    "contact": _equal(_run(lambda record: record.snapshot.contact_id)),
    "status": _equal(_run(lambda record: record.snapshot.status.value)),
    "path": _path,
    "reason": _equal(_run(lambda record: record.snapshot.exit_reason)),
    "goal": _equal(_run(lambda record: record.snapshot.goal)),
    "error": _error,
    "tags": _tags,
    "no_tags": _tags,
    "variables": _partial(lambda found, key: found.record.snapshot.variables.get(key) if found.record else None),
    "globals": _partial(lambda found, key: found.simulated.world.globals.get(key)),
    "outputs": _partial(lambda found, key: found.record.snapshot.outputs.get(key) if found.record else None),
    "conversation": _conversation,
    "fields": _partial(_field),
    "messages": _messages,
    "messages_include": _messages,
    "verdicts": _verdicts,
    "started_at": _equal(_run(lambda record: record.snapshot.started_at)),
    "ended_at": _equal(_run(lambda record: record.snapshot.ended_at)),
    "ended_after": _equal(_run(_lasted)),
    "at": _states,
}
"""Every word of `expect` that is compared; `enrollments` holds expectations instead."""

_OF_A_RUN: Final = frozenset(CHECKS) - {"enrolled", "tags", "no_tags", "fields", "verdicts", "globals"}


def same(expected: Any, actual: Any) -> bool:
    """Equal in value and kind: true is not 1, and 1 is 1.0."""
    if isinstance(expected, bool) != isinstance(actual, bool):
        return False
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return expected.keys() == actual.keys() and all(same(value, actual[key]) for key, value in expected.items())
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        return len(expected) == len(actual) and all(map(same, expected, actual))
    return bool(expected == actual)


def covers(expected: Any, actual: Any) -> bool:
    """As `same`, but of an object only the keys that `expected` names count."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return all(covers(value, actual.get(key)) for key, value in expected.items())
    return same(expected, actual)
