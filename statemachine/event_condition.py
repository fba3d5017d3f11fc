"""Conditions on the past: how often an event happened, within a span or since a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from statemachine.condition_tree import Condition, Report, Trace, values_read
from statemachine.duration import parse_duration
from statemachine.errors import StepFailed
from statemachine.event import Event
from statemachine.names import EventName
from statemachine.operand import resolved
from statemachine.path import Path
from statemachine.reads import Reads, reads_of
from statemachine.scope import Scope
from statemachine.template import Value, compile_value
from statemachine.template_error import TemplateError
from statemachine.values import OPERATORS, Operator, as_instant, equal

KEPT_EVENTS: Final = timedelta(days=400)
"""How far back events are kept by default: the look-back when the moment is only known at the test."""

EVENT_OPERATORS: Final = {
    "exists": "greater_than_or_equal",
    "not_exists": "less_than",
    **{name: name for name, operator in OPERATORS.items() if operator.ordering or name.endswith("equals")},
}
"""What an operator of an event condition asks of the number of events."""


@dataclass(frozen=True, slots=True)
class Since:
    """Since when events count: `moment` answers None when all count. `look_back` and `paths` are for `Reads`."""

    moment: Callable[[Scope], datetime | None] = field(repr=False, compare=False)
    look_back: timedelta | None = None
    paths: frozenset[Path] = frozenset()


@dataclass(frozen=True, slots=True)
class Happened(Condition):
    """Counts the events of `kinds` since a moment and compares the number with `count`.

    The event being handled counts, and so does the one that enrolled.
    """

    kinds: tuple[EventName, ...]
    operator: Operator
    count: int | float
    label: str
    since: Since

    def test(self, scope: Scope) -> bool:
        return self.operator.test(self._number(scope), self.count)

    def explain(self, scope: Scope) -> Trace:
        found = self._number(scope)
        return Trace(
            self.label,
            self.operator.test(found, self.count),
            found,
            subject=f"count of {' or '.join(dict.fromkeys(kind.type for kind in self.kinds))}",
            operator=self.operator.name,
            expected=self.count,
            reads=values_read((path for path in self.since.paths if path[0] != "steps"), scope),
        )

    def _number(self, scope: Scope) -> int:
        start = self.since.moment(scope)
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
        return self.since.paths

    @property
    def reads(self) -> Reads:
        return reads_of(self.paths, {kind.type: self.since.look_back for kind in self.kinds})


def parse_since(raw: Mapping[str, Any], path: Path, report: Report) -> Since:
    """What `within` or `since` of an event condition say; without either, events count since the run began."""
    if "within" in raw and "since" in raw:
        report("conflicting_keys", path, "'within' and 'since' exclude each other", "")
    if "within" in raw:
        return _within(raw["within"], (*path, "within"), report)
    if "since" in raw:
        return _since(raw["since"], (*path, "since"), report)
    return _SINCE_ENROLLMENT


def _within(raw: Any, path: Path, report: Report) -> Since:
    try:
        value = compile_value(raw)
        if value.constant or not isinstance(raw, str):
            span = parse_duration(raw)
            return Since(lambda scope: scope.now - span, span)
    except TemplateError as error:
        report("bad_template", path, error.message, "", within=error.within(raw))
        return _SINCE_ENROLLMENT
    except ValueError as error:
        report("bad_duration", path, str(error), "")
        return _SINCE_ENROLLMENT
    return Since(lambda scope: _span_ago(value, scope), KEPT_EVENTS, value.paths)


def _span_ago(value: Value, scope: Scope) -> datetime:
    """With a span that cannot be read nothing counts but what happens now."""
    try:
        return scope.now - parse_duration(resolved(value, scope))
    except (ValueError, StepFailed):
        return scope.now


def _since(raw: Any, path: Path, report: Report) -> Since:
    """`enrollment`, a step's id, an instant, or a template that makes an instant."""
    if raw == "enrollment":
        return _SINCE_ENROLLMENT
    try:
        value = compile_value(raw)
    except TemplateError as error:
        report("bad_template", path, error.message, "", within=error.within(raw))
        return _SINCE_ENROLLMENT
    if not value.constant:
        return Since(lambda scope: _resolved_instant(value, scope), KEPT_EVENTS, value.paths)
    instant = as_instant(raw)
    if instant is not None:
        return Since(lambda _: instant, KEPT_EVENTS)
    if not isinstance(raw, str):
        report("bad_time", path, "'since' is a time, a step, or enrollment", "")
    step = str(raw)
    return Since(lambda scope: scope.step_starts.get(step) or _enrolled(scope), None, frozenset({("steps", step)}))


def _resolved_instant(value: Value, scope: Scope) -> datetime | None:
    try:
        return as_instant(resolved(value, scope)) or _enrolled(scope)
    except StepFailed:
        return _enrolled(scope)


def _enrolled(scope: Scope) -> datetime | None:
    """The start of the run; None outside of one."""
    return as_instant(scope.enrollment.get("started_at"))


_SINCE_ENROLLMENT: Final = Since(_enrolled)


def _is(event: Event, kind: EventName) -> bool:
    return event.type == kind.type and _has(event.data, kind.data_filter)


def _has(data: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(equal(data.get(name), value) for name, value in wanted.items())


def _same(event: Event, other: Event) -> bool:
    return event.id == other.id and event.source == other.source
