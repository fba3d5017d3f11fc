"""Reading `late`: how overdue something may be before it is not worth doing any more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

from statemachine.duration import parse_duration
from statemachine.names import did_you_mean


class Report(Protocol):
    """Where mistakes are told; `path` leads on from what has the key `late`."""

    def __call__(self, code: str, path: tuple[str | int, ...], message: str, *, suggestion: str = "") -> None: ...


def late_limit(raw: Any, report: Report) -> timedelta | None:
    """How late it may be, by `late`; None for `fire` and for nothing."""
    if raw is None or raw == "fire":
        return None
    if not isinstance(raw, Mapping) or raw.get("skip_if_older_than") is None:
        message = "`late` is `fire`, or says what is too old: `late: {skip_if_older_than: 2d}`"
        report("bad_value", ("late",), message)
        return None
    for key in raw.keys() - {"skip_if_older_than"}:
        near = did_you_mean(str(key), ("skip_if_older_than",))
        report("unknown_key", ("late", str(key)), f"`late` has no key {key!r}", suggestion=near)
    try:
        return parse_duration(raw["skip_if_older_than"])
    except ValueError as error:
        report("bad_duration", ("late", "skip_if_older_than"), str(error))
        return None
