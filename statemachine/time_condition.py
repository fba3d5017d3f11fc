"""Conditions on the clock: after, before, between, on these days — in a zone. Windows are half-open, `[from, to)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from statemachine.calendar import find_zone, parse_clock, parse_time, parse_weekdays
from statemachine.condition_tree import Condition, Report, Trace, values_read
from statemachine.errors import StepFailed
from statemachine.operand import resolved
from statemachine.path import Path
from statemachine.scope import Scope
from statemachine.template import Value, compile_value
from statemachine.template_error import TemplateError

Limit = time | datetime
TIME_KEYS: Final = ("after", "before", "between", "days", "timezone")


@dataclass(frozen=True, slots=True)
class Bound:
    """A time of day or an instant; `limit` raises ValueError when a template makes it unreadable."""

    limit: Callable[[Scope, ZoneInfo], Limit] = field(repr=False, compare=False)
    paths: frozenset[Path] = frozenset()


@dataclass(frozen=True, slots=True)
class TimeIs(Condition):
    """All of: now is at or after `after`, before `before`, and on one of `days` (Monday is 0).

    With two times of day of which the first is later, the window runs over midnight. `zone` is an IANA name,
    "contact" for the contact's, or "" for the zone that local times mean.
    """

    after: Bound | None
    before: Bound | None
    days: frozenset[int] | None
    zone: str
    label: str
    between: bool = False
    other_paths: frozenset[Path] = frozenset()

    def test(self, scope: Scope) -> bool:
        try:
            return self._holds(scope, self._zone(scope))
        except (ValueError, StepFailed) as error:
            scope.doubt(self.label, str(error))
            return False

    def explain(self, scope: Scope) -> Trace:
        trace = Trace(self.label, False, subject="now", operator="time", reads=values_read(self.other_paths, scope))
        try:
            zone = self._zone(scope)
            trace = replace(trace, actual=scope.now.astimezone(zone).isoformat(), subject=f"now in {zone.key}")
            return replace(trace, result=self._holds(scope, zone), expected=self.label.removeprefix("time "))
        except (ValueError, StepFailed) as error:
            return replace(trace, error=str(error))

    def _holds(self, scope: Scope, zone: ZoneInfo) -> bool:
        local = scope.now.astimezone(zone)
        if self.days is not None and local.weekday() not in self.days:
            return False
        after = None if self.after is None else self.after.limit(scope, zone)
        before = None if self.before is None else self.before.limit(scope, zone)
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


def parse_time_condition(raw: Mapping[str, Any], path: Path, report: Report) -> TimeIs:
    """The condition that `after`, `before`, `between`, `days` and `timezone` make; `{operator: after, value}` too."""
    raw = _spelled_out(raw, path, report)
    limits = _window(raw["between"], (*path, "between"), report) if "between" in raw else None
    edges = {key: (raw[key], (*path, key)) for key in ("after", "before") if raw.get(key) is not None}
    if limits is not None:
        if edges:
            report("conflicting_keys", path, "'between' stands for 'after' and 'before'", "")
        edges = {key: (limit, (*path, "between")) for key, limit in zip(("after", "before"), limits, strict=True)}
    if not edges and "days" not in raw and "between" not in raw:
        report("missing_key", path, "a time condition needs after, before, between or days", "")
    bounds = {
        key: _bound(_midnight(limit), place, report)
        for key, (limit, place) in edges.items()
        if key == "after" or not _ends_day(limit)
    }
    paths = frozenset(path for bound in bounds.values() for path in bound.paths)
    days = _days(raw["days"], (*path, "days"), report) if "days" in raw else None
    zone = _zone(raw.get("timezone", ""), (*path, "timezone"), report)
    label = "time " + ", ".join(f"{key} {raw[key]}" for key in TIME_KEYS if key in raw)
    return TimeIs(bounds.get("after"), bounds.get("before"), days, zone, label, limits is not None, paths)


def _ends_day(limit: Any) -> bool:
    """Whether a limit is the end of the day, which no time of day comes after."""
    return isinstance(limit, str) and limit.strip() in ("24:00", "24:00:00")


def _midnight(limit: Any) -> Any:
    return "00:00" if _ends_day(limit) else limit


def _spelled_out(raw: Mapping[str, Any], path: Path, report: Report) -> Mapping[str, Any]:
    word = raw.get("operator")
    if word is None and "value" not in raw:
        return raw
    if word not in ("after", "before", "between", "days") or "value" not in raw:
        message = "a time condition has no such operator"
        report("unknown_operator", (*path, "operator"), message, "use after, before or between")
        return raw
    return {**raw, word: raw["value"]}


def _window(raw: Any, path: Path, report: Report) -> tuple[Any, Any] | None:
    if isinstance(raw, str) and raw.count("-") == 1:
        raw = [limit.strip() for limit in raw.split("-")]
    if isinstance(raw, Mapping):
        raw = [_first(raw, "from", "start", "after"), _first(raw, "to", "end", "before")]
    if isinstance(raw, (list, tuple)) and len(raw) == 2 and None not in raw:
        if raw[0] == raw[1]:
            report("bad_time", path, "both ends of the window are the same", "")
        return raw[0], raw[1]
    report("bad_time", path, "'between' needs two times", 'write ["09:00", "17:00"] or {from, to}')
    return None


def _first(raw: Mapping[str, Any], *keys: str) -> Any:
    return next((raw[key] for key in keys if key in raw), None)


def _bound(raw: Any, path: Path, report: Report) -> Bound:
    try:
        value = compile_value(raw)
        return _template_bound(value) if isinstance(raw, str) and not value.constant else _constant_bound(raw)
    except TemplateError as error:
        report("bad_template", path, error.message, "", within=error.within(raw))
    except ValueError as error:
        report("bad_time", path, str(error), "")
    return Bound(lambda scope, zone: scope.now)


def _constant_bound(raw: Any) -> Bound:
    """`09:00`, a date or an instant. Raises ValueError when it is none of them."""
    try:
        clock = parse_clock(raw)
        return Bound(lambda scope, zone: clock)
    except ValueError:
        parse_time(raw, "UTC")
        return Bound(lambda scope, zone: parse_time(raw, zone))


def _template_bound(value: Value) -> Bound:
    return Bound(lambda scope, zone: _constant_bound(resolved(value, scope)).limit(scope, zone), value.paths)


def _days(raw: Any, path: Path, report: Report) -> frozenset[int] | None:
    try:
        days = parse_weekdays(raw)
    except ValueError as error:
        report("bad_weekday", path, str(error), "")
        return None
    if not days:
        report("bad_weekday", path, "`days` is empty: name a day, or leave it out for every day", "")
    return days


def _zone(raw: Any, path: Path, report: Report) -> str:
    name = "" if raw is None else str(raw)
    try:
        if name not in ("", "contact"):
            find_zone(name)
    except ValueError as error:
        report("bad_timezone", path, str(error), "")
    return name
