"""Conditions on the clock: after, before, between, on these days — in a zone. Windows are half-open, `[from, to)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from statemachine.calendar import find_zone, parse_clock, parse_time
from statemachine.condition_tree import Condition, Trace
from statemachine.errors import StepFailed
from statemachine.operand import resolved_text
from statemachine.path import Path
from statemachine.scope import Scope
from statemachine.template import Value

Limit = time | datetime
Bound = Callable[[Scope, ZoneInfo], Limit]
"""A time of day or an instant, resolved when it is tested. Raises ValueError when a template makes it unreadable."""


@dataclass(frozen=True, slots=True)
class TimeIs(Condition):
    """All of: now is at or after `after`, before `before`, and on one of `days` (Monday is 0).

    With two times of day of which the first is later, the window runs over midnight. `zone` is an IANA name,
    "contact" for the contact's, or "" for the zone that local times mean.
    """

    after: Bound | None = field(repr=False, compare=False)
    before: Bound | None = field(repr=False, compare=False)
    days: frozenset[int] | None
    zone: str
    label: str
    between: bool = False
    other_paths: frozenset[Path] = frozenset()

    def test(self, scope: Scope) -> bool:
        try:
            return self._holds(scope, self._zone(scope))
        except (ValueError, StepFailed):
            return False

    def explain(self, scope: Scope) -> Trace:
        try:
            zone = self._zone(scope)
            return Trace(self.label, self._holds(scope, zone), scope.now.astimezone(zone).isoformat())
        except (ValueError, StepFailed) as error:
            return Trace(self.label, False, error=str(error))

    def _holds(self, scope: Scope, zone: ZoneInfo) -> bool:
        local = scope.now.astimezone(zone)
        if self.days is not None and local.weekday() not in self.days:
            return False
        after = None if self.after is None else self.after(scope, zone)
        before = None if self.before is None else self.before(scope, zone)
        reached = after is None or _shows(local, after) >= after  # type: ignore[operator]
        early = before is None or _shows(local, before) < before  # type: ignore[operator]
        if self.between and isinstance(after, time) and isinstance(before, time) and after > before:
            return reached or early
        return reached and early

    def _zone(self, scope: Scope) -> ZoneInfo:
        name = self.zone or scope.zone
        if name == "contact":
            name = (scope.contact.get("timezone") if scope.contact is not None else None) or scope.zone
        return find_zone(str(name))

    @property
    def paths(self) -> frozenset[Path]:
        contact = {("contact", "timezone")} if self.zone in ("", "contact") else set()
        return self.other_paths | contact


def _shows(local: datetime, limit: Limit) -> Limit:
    """Now, in the terms of the limit."""
    return local if isinstance(limit, datetime) else local.time().replace(tzinfo=None)


def constant_bound(raw: Any) -> Bound:
    """`09:00`, a date or an instant. Raises ValueError when it is none of them."""
    try:
        clock = parse_clock(raw)
        return lambda scope, zone: clock
    except ValueError:
        parse_time(raw, "UTC")
        return lambda scope, zone: parse_time(raw, zone)


def template_bound(value: Value) -> Bound:
    def bound(scope: Scope, zone: ZoneInfo) -> Limit:
        return constant_bound(resolved_text(value, scope))(scope, zone)

    return bound
