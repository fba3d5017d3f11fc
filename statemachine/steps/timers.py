"""When the timer of a wait rings: after a span, at a time that may be moved, or at a time of day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from statemachine.calendar import parse_time
from statemachine.duration import parse_duration
from statemachine.errors import StepFailed
from statemachine.path import Path
from statemachine.step import Build, Context
from statemachine.steps.parts import Parts
from statemachine.steps.time_of_day import time_of_day

if TYPE_CHECKING:
    from statemachine.steps.wait import WaitConfig
    from statemachine.template import Value

Reckon = Callable[[Context], datetime]


def reckoning(config: WaitConfig, parts: Parts, build: Build) -> Reckon | None:
    """How the deadline is found each time the step runs; None when only an event ends the wait."""
    if config.until is not None:
        return _until(config, parts, build)
    if config.at is not None:
        return time_of_day(config.at, parts, build)
    for path, raw in (("for", config.for_), ("duration", config.duration), ("timeout", config.timeout)):
        if raw is not None:
            unit = None if path == "timeout" else config.unit
            span = _span((path,), raw, unit, parts, build)
            return lambda context: context.now + span(context)
    return None


def least_rest(config: WaitConfig) -> timedelta | None:
    """A constant span is kept to each time; a constant time is past from some day on.

    A time of day depends on when the wait begins, and never comes twice at the same moment.
    """
    if config.at is not None:
        return None
    if config.until is not None:
        return None if isinstance(config.until, str) and "{{" in config.until else timedelta(0)
    raw = next((raw for raw in (config.for_, config.duration, config.timeout) if raw is not None), None)
    try:
        return None if raw is None else parse_duration(raw, None if raw is config.timeout else config.unit)
    except ValueError:
        return None


def _span(path: Path, raw: Any, unit: str | None, parts: Parts, build: Build) -> Callable[[Context], timedelta]:
    """A duration, read once when it is constant, else each time the step runs."""
    value = parts.value(path, raw)
    if value.constant or not _may_become_duration(raw):
        try:
            span = parse_duration(raw, unit)
        except ValueError as error:
            build.problem("bad_duration", path, str(error))
            span = timedelta(0)
        return lambda context: span
    return lambda context: _read_span(value, unit, context)


def _may_become_duration(raw: Any) -> bool:
    """Whether templates in it can make a duration of it."""
    return isinstance(raw, str) or (isinstance(raw, dict) and "duration" in raw and raw.keys() <= {"duration", "unit"})


def _read_span(value: Value, unit: str | None, context: Context) -> timedelta:
    try:
        return parse_duration(value.resolve(context.scope), unit)
    except ValueError as error:
        raise StepFailed("bad_duration", str(error)) from error


def _until(config: WaitConfig, parts: Parts, build: Build) -> Reckon:
    value = parts.value(("until",), config.until)
    parts.field("timezone")
    sign, offset = _offset(config.offset, parts, build)
    if value.constant or not isinstance(config.until, str):
        try:
            parse_time(config.until, "UTC")
        except ValueError as error:
            build.problem("bad_time", ("until",), str(error))

    def reckon(context: Context) -> datetime:
        try:
            moment = parse_time(value.resolve(context.scope), context.zone())
        except ValueError as error:
            raise StepFailed("bad_time", f"cannot wait until then: {error}") from error
        return _moved(moment, sign * offset(context))

    return reckon


def _offset(raw: Any, parts: Parts, build: Build) -> tuple[int, Callable[[Context], timedelta]]:
    """The direction and length of an offset such as `-3d`; a templated one is always forwards unless signed outside."""
    if raw is None:
        return 1, lambda context: timedelta(0)
    if isinstance(raw, str) and raw.strip()[:1] in ("-", "+"):
        text = raw.strip()
        return (-1 if text[0] == "-" else 1), _span(("offset",), text[1:].strip(), None, parts, build)
    if isinstance(raw, int | float) and not isinstance(raw, bool) and raw < 0:
        return -1, _span(("offset",), -raw, None, parts, build)
    return 1, _span(("offset",), raw, None, parts, build)


def _moved(moment: datetime, offset: timedelta) -> datetime:
    try:
        return moment + offset
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if offset > timedelta(0) else datetime.min.replace(tzinfo=UTC)
