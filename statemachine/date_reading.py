"""Reading the config of a trigger of type `date`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any, Final

from statemachine.calendar import parse_clock
from statemachine.contact import reserved_field
from statemachine.dates import DateRule
from statemachine.document import DatePart
from statemachine.duration import parse_duration
from statemachine.late_reading import late_limit
from statemachine.part import read_part
from statemachine.problem import Path, Problems

_ROOTS: Final = ("contact.", "customer.")
_CUSTOM: Final = ("custom_fields.", "metadata.")
_DAY: Final = timedelta(days=1)


def says_date(config: Mapping[str, Any]) -> bool:
    """Whether a config is one of a trigger by date, without a mistake."""
    problems = Problems()
    DateReader(problems).rule(config, ())
    return not problems.failed


class DateReader:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def rule(self, config: Mapping[str, Any], path: Path) -> DateRule | None:
        part = read_part(DatePart, config, path, self._problems)
        if part is None:
            return None
        offset, at = self._offset(part.offset, (*path, "offset")), self._clock(part.at, (*path, "at"))
        if at is not None and offset % _DAY:
            message = "with `at` the offset is whole days, such as -3d: the time of day is what `at` says"
            self._problems.add("bad_duration", (*path, "offset"), message)
        field, late = self._field(part.field, (*path, "field")), self._late(part.late, path)
        return DateRule(field, offset, at, part.every == "year", part.timezone, late)

    def _late(self, raw: Any, config: Path) -> timedelta | None:
        def report(code: str, path: Path, message: str, *, suggestion: str = "") -> None:
            self._problems.add(code, (*config, *path), message, suggestion)

        return late_limit(raw, report)

    def _field(self, raw: str, path: Path) -> str:
        name = raw.strip()
        for prefixes in (_ROOTS, _CUSTOM):
            name = next((name.removeprefix(one) for one in prefixes if name.startswith(one)), name)
        if not name or "{" in name or "." in name or reserved_field(name):
            message = f"{raw[:60]!r} is no field of a contact that can hold a date; write its name, e.g. renewal_date"
            self._problems.add("bad_value", path, message)
        return name

    def _offset(self, raw: Any, path: Path) -> timedelta:
        if raw is None:
            return timedelta(0)
        sign, span = 1, raw
        if isinstance(raw, str) and raw.strip()[:1] in ("-", "+"):
            sign, span = (-1 if raw.strip()[0] == "-" else 1), raw.strip()[1:].strip()
        elif isinstance(raw, int | float) and not isinstance(raw, bool) and raw < 0:
            sign, span = -1, -raw
        try:
            return sign * parse_duration(span)
        except ValueError as error:
            self._problems.add("bad_duration", path, str(error))
            return timedelta(0)

    def _clock(self, raw: str | None, path: Path) -> time | None:
        if raw is None:
            return None
        try:
            return parse_clock(raw)
        except ValueError as error:
            self._problems.add("bad_time", path, str(error))
            return time()
