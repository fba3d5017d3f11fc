"""Durations: spans of elapsed time, in every spelling an author may use.

`90` (seconds) · `90s` · `1d 12h` · `1 day` · `1.5 hours` · `PT36H` · `{duration: 2, unit: days}`. A day is 24 hours:
spans that follow the local calendar are the business of `calendar.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from math import fsum
from typing import Any, Final

from statemachine.names import did_you_mean

MAX_DURATION: Final = timedelta(days=1826)
"""Five years, leap day included."""

_UNIT_NAMES: Final = {
    0.001: "ms millisecond milliseconds",
    1.0: "s sec secs second seconds",
    60.0: "m min mins minute minutes",
    3600.0: "h hr hrs hour hours",
    86400.0: "d day days",
    604800.0: "w wk wks week weeks",
}
UNITS: Final[Mapping[str, float]] = {name: span for span, names in _UNIT_NAMES.items() for name in names.split()}
"""Unit name → seconds."""

_EXAMPLES: Final = "write it like 90s, 1d 12h, 2 days or PT36H"
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?\Z")
_PARTS: Final = re.compile(r"(?:\d+(?:\.\d+)?\s*[a-z]+(?:\s*,\s*|\s+and\s+|\s*))+\Z")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_ISO: Final = re.compile(
    r"P(?=[\dT])(?:(\d+(?:[.,]\d+)?)W)?(?:(\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?=\d)(?:(\d+(?:[.,]\d+)?)H)?(?:(\d+(?:[.,]\d+)?)M)?(?:(\d+(?:[.,]\d+)?)S)?)?\Z",
    re.IGNORECASE,
)
_ISO_SPANS: Final = (604800.0, 86400.0, 3600.0, 60.0, 1.0)


def parse_duration(raw: Any, unit: str | None = None) -> timedelta:
    """Read a duration; `unit` is what a bare number counts (seconds when None).

    Raises ValueError, saying what would be right, when it cannot be read, is negative or is over five years.
    """
    if isinstance(raw, timedelta):
        return _bounded(raw.total_seconds(), str(raw))
    if isinstance(raw, Mapping):
        return _from_mapping(raw)
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return _bounded(raw * unit_seconds(unit), str(raw))
    if not isinstance(raw, str):
        raise ValueError(f"a duration is a number of seconds or a text; {_EXAMPLES}")
    text = raw.strip()
    if text.startswith("-"):
        raise ValueError(f"{_shown(raw)} is negative; a duration is zero or more")
    if len(text) <= 100 and _NUMBER.match(text):
        return _bounded(float(text) * unit_seconds(unit), text)
    if unit is not None:
        raise ValueError(f"with a unit beside it the duration has to be a number, not {_shown(raw)}")
    return _bounded(_seconds_of(text), text)


def unit_seconds(unit: Any) -> float:
    """How many seconds a unit has; None means seconds. Raises ValueError for an unknown one."""
    if unit is None:
        return 1.0
    known = UNITS.get(unit.strip().lower()) if isinstance(unit, str) else None
    if known is None:
        near = did_you_mean(unit, UNITS) if isinstance(unit, str) else ""
        raise ValueError(f"{_shown(unit)} is no unit; {near or 'use seconds, minutes, hours, days or weeks'}")
    return known


def _from_mapping(raw: Mapping[Any, Any]) -> timedelta:
    unknown = set(raw) - {"duration", "unit"}
    if unknown or "duration" not in raw:
        raise ValueError("a duration object has the keys duration and unit")
    return parse_duration(raw["duration"], raw.get("unit"))


def _seconds_of(text: str) -> float:
    lowered = text.lower()
    if len(text) <= 100 and _PARTS.match(lowered):
        return fsum(float(count) * unit_seconds(unit) for count, unit in _PART.findall(lowered))
    iso = _ISO.match(text) if len(text) <= 100 else None
    if iso:
        groups = zip(iso.groups(), _ISO_SPANS, strict=True)
        return fsum(float(count.replace(",", ".")) * span for count, span in groups if count)
    raise ValueError(f"{_shown(text)} is no duration; {_EXAMPLES}")


def _bounded(seconds: float, shown: str) -> timedelta:
    if seconds != seconds or seconds < 0:
        raise ValueError(f"{_shown(shown)} is negative; a duration is zero or more")
    if seconds > MAX_DURATION.total_seconds():
        raise ValueError(f"{_shown(shown)} is over five years")
    return timedelta(seconds=seconds)


def _shown(raw: Any) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else f"{text[:57]}…"
