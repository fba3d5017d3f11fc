"""Conditions on the past: how often an event happened, within a span or since a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from statemachine.condition_tree import Condition, Trace
from statemachine.event import Event
from statemachine.names import EventName
from statemachine.path import Path
from statemachine.scope import Scope, contact_fields
from statemachine.step import Reads
from statemachine.values import Operator, equal

KEPT_EVENTS: Final = timedelta(days=400)
"""How far back events are kept by default: the look-back of a condition whose moment is only known when it is tested."""

Moment = Callable[[Scope], datetime | None]
"""Since when events count; None means all that are known."""


@dataclass(frozen=True, slots=True)
class Happened(Condition):
    """Counts the events of `kinds` since `since` and compares the number with `count`.

    The event being handled counts, and so does the one that enrolled. `look_back` is for `Reads`.
    """

    kinds: tuple[EventName, ...]
    operator: Operator
    count: int | float
    label: str
    since: Moment = field(repr=False, compare=False)
    look_back: timedelta | None = None
    other_paths: frozenset[Path] = frozenset()

    def test(self, scope: Scope) -> bool:
        return self.operator.test(self._number(scope), self.count)

    def explain(self, scope: Scope) -> Trace:
        found = self._number(scope)
        return Trace(self.label, self.operator.test(found, self.count), found)

    def _number(self, scope: Scope) -> int:
        start = self.since(scope)
        counted = sum(1 for event in scope.events if self._counts(event, start, scope))
        current = scope.event
        if current is not None and not any(_same(event, current) for event in scope.events):
            counted += self._counts(current, start, scope)
        return counted

    def _counts(self, event: Event, start: datetime | None, scope: Scope) -> bool:
        if not any(_is(event, kind) for kind in self.kinds):
            return False
        at = event.accepted_at or event.occurred_at or scope.now
        return at <= scope.now and (start is None or at >= start or event.id == scope.trigger.get("id"))

    @property
    def paths(self) -> frozenset[Path]:
        return self.other_paths

    @property
    def reads(self) -> Reads:
        return Reads(contact_fields(self.other_paths), {kind.type: self.look_back for kind in self.kinds})


def since_enrollment(scope: Scope) -> datetime | None:
    """The start of the run; None outside of one."""
    return as_instant(scope.enrollment.get("started_at"))


def since_step(step: str) -> Moment:
    """A step's latest start; the start of the run when it has not run."""
    return lambda scope: scope.step_starts.get(step) or since_enrollment(scope)


def within(span: timedelta) -> Moment:
    return lambda scope: scope.now - span


def as_instant(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _is(event: Event, kind: EventName) -> bool:
    return event.type == kind.type and _has(event.data, kind.data_filter)


def _has(data: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(equal(data.get(name), value) for name, value in wanted.items())


def _same(event: Event, other: Event) -> bool:
    return event.id == other.id and event.source == other.source
