"""Local times: from what a clock on the wall says to an instant, with the two odd hours of the year settled.

A local time that does not exist (the clock jumps over it) means the first instant after the gap; one that occurs twice
means the first. Everything returned is aware and UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import count
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from statemachine.names import did_you_mean

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Short names; the index is `date.weekday()`."""

_DAY_NAMES: Final = {
    **{name: number for number, name in enumerate(WEEKDAYS)},
    **{
        name: number
        for number, name in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))
    },
    "tues": 1, "weds": 2, "thur": 3, "thurs": 3,
}  # fmt: skip
_DAY_GROUPS: Final = {
    "weekday": (0, 1, 2, 3, 4), "weekdays": (0, 1, 2, 3, 4), "weekend": (5, 6), "weekends": (5, 6),
    "daily": (0, 1, 2, 3, 4, 5, 6),
}  # fmt: skip
ALL_DAYS: Final = frozenset(range(7))
DAY_NAMES: Final = (*_DAY_NAMES, *_DAY_GROUPS)
"""Every word for a day, or for several."""
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?\Z")


@lru_cache(maxsize=1024)
def find_zone(name: str) -> ZoneInfo:
    """The IANA zone of this name. Raises ValueError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, UnicodeError):
        raise ValueError(f"{name[:60]!r} is no time zone; use an IANA name such as Europe/Berlin or UTC") from None


def first_zone(*names: Any) -> str:
    """The first of these that is a zone, else UTC. A profile may hold anything: what is no zone is passed over."""
    return next((name for name in names if isinstance(name, str) and name and _is_zone(name)), "UTC")


def _is_zone(name: str) -> bool:
    try:
        find_zone(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """All zones this machine knows, sorted; for suggestions."""
    return tuple(sorted(available_timezones()))


def resolve_local(naive: datetime, zone: str | ZoneInfo) -> datetime:
    """The instant at which the clocks of `zone` show `naive`, in UTC."""
    known = find_zone(zone) if isinstance(zone, str) else zone
    first = naive.replace(tzinfo=known, fold=0)
    instant = first.astimezone(UTC)
    if instant.astimezone(known).replace(tzinfo=None) == naive.replace(fold=0):
        return instant
    return _gap_end(naive.replace(tzinfo=known, fold=1).astimezone(UTC), instant, known)


def next_local(start: datetime, clock: time, days: frozenset[int], zone: ZoneInfo) -> datetime:
    """The first instant from `start` on, itself included, at which `zone` shows `clock` on one of `days` (not empty).

    Once on each of these days (Monday is 0): when the clock jumps over the time it is the first instant after the gap,
    when it shows the time twice it is the first.
    """
    first = start.astimezone(zone).date() - _MOST_SKIPPED
    coming = (first + timedelta(days=number) for number in count())
    moments = (resolve_local(datetime.combine(day, clock), zone) for day in coming if day.weekday() in days)
    return next(moment for moment in moments if moment >= start)


_MOST_SKIPPED: Final = timedelta(days=2)
"""How far back a local time can lie whose gap ends now: zones have skipped whole days."""


def parse_time(raw: Any, zone: str | ZoneInfo) -> datetime:
    """Read an instant: ISO 8601 with offset or Z, else local to `zone`; a bare date is its midnight.

    Raises ValueError, saying what would be right.
    """
    if isinstance(raw, datetime):
        return raw.astimezone(UTC) if raw.tzinfo else resolve_local(raw, zone)
    if isinstance(raw, date):
        return resolve_local(datetime.combine(raw, time()), zone)
    if not isinstance(raw, str):
        raise ValueError("a time is a text such as 2026-03-01T09:00 or 2026-03-01T09:00Z")
    try:
        parsed = datetime.fromisoformat(raw.strip())
        return parsed.astimezone(UTC) if parsed.tzinfo else resolve_local(parsed, zone)
    except (ValueError, OverflowError):
        message = f"{raw[:60]!r} is no time; write it like 2026-03-01T09:00, 2026-03-01T09:00Z or 2026-03-01"
        raise ValueError(message) from None


def parse_clock(raw: Any) -> time:
    """A time of day: `09:00`, `9:00`, `21:30:15`. Raises ValueError."""
    match = _CLOCK.match(raw.strip()) if isinstance(raw, str) else None
    try:
        if match:
            return time(int(match[1]), int(match[2]), int(match[3] or 0))
    except ValueError:
        pass
    raise ValueError(f"{str(raw)[:60]!r} is no time of day; write it like 09:00, in quotes")


def parse_weekday(raw: Any) -> int:
    """A day of the week as `date.weekday()` counts (Monday is 0). Raises ValueError."""
    number = _DAY_NAMES.get(raw.strip().lower()) if isinstance(raw, str) else None
    if number is None:
        near = did_you_mean(raw, (*_DAY_NAMES, *_DAY_GROUPS)) if isinstance(raw, str) else ""
        hint = near or "use mon, tue, wed, thu, fri, sat or sun"
        raise ValueError(f"{str(raw)[:60]!r} is no day of the week; {hint}")
    return number


def parse_weekdays(raw: Any) -> frozenset[int]:
    """One day, a list of days, or `weekdays`, `weekend`, `daily`. Raises ValueError."""
    names = raw if isinstance(raw, list | tuple) else [raw]
    days: set[int] = set()
    for name in names:
        group = _DAY_GROUPS.get(name.strip().lower()) if isinstance(name, str) else None
        days.update(group or (parse_weekday(name),))
    return frozenset(days)


def _gap_end(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The instant in (low, high] at which the zone's offset changes; offsets change on whole seconds."""
    before = low.astimezone(zone).utcoffset()
    low, high = low.replace(microsecond=0), high.replace(microsecond=0) + timedelta(seconds=1)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
