"""`at`: the next moment at which the local clock shows a time of day, on one of some days."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final

from statemachine.calendar import ALL_DAYS, find_zone, next_local, parse_clock, parse_weekdays, zone_names
from statemachine.errors import StepFailed
from statemachine.names import did_you_mean
from statemachine.step import Build, Context
from statemachine.steps.parts import Parts, resolve

AT_KEYS: Final = ("time", "days", "timezone")
_RIGHT: Final = 'write `at: "09:00"` or `at: {time: "09:00", days: [mon, tue], timezone: contact}`'
_A_MOMENT: Final = timedelta(microseconds=1)


def time_of_day(raw: Any, parts: Parts, build: Build) -> Callable[[Context], datetime]:
    """How to find the moment: now, when the clock shows the time just now, else the next.

    A step that runs again within the moment it waited for waits for the next one: a ring goes round once a day.
    """
    if isinstance(raw, str):
        clock, days, zone = _clock(raw, ("at",), parts, build), ALL_DAYS, ""
    else:
        given = _keys(raw, build)
        clock = _clock(given.get("time"), ("at", "time"), parts, build)
        days, zone = _days(given.get("days"), build), _zone(given.get("timezone"), build)
    if not zone:
        parts.field("timezone")

    def reckon(context: Context) -> datetime:
        local = find_zone(context.zone(zone or None))
        moment = next_local(context.now, clock(context), days, local)
        if moment == context.now == context.moment:
            moment = next_local(context.now + _A_MOMENT, clock(context), days, local)
        context.aim_at(moment)
        return moment

    return reckon


def _keys(raw: Any, build: Build) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        build.problem("bad_value", ("at",), f"this is no time of day: {_RIGHT}")
        return {"time": "00:00"}
    for key in raw.keys() - set(AT_KEYS):
        near = did_you_mean(str(key), AT_KEYS)
        build.problem(
            "unknown_key", ("at", str(key)), f"`at` has no key {key!r}: time, days, timezone", suggestion=near
        )
    if raw.get("time") is None:
        build.problem("missing_key", ("at",), f"`at` needs a `time`: {_RIGHT}")
        return {**raw, "time": "00:00"}
    return raw


def _clock(raw: Any, path: tuple[str, ...], parts: Parts, build: Build) -> Callable[[Context], time]:
    """The time of day, read once when it is constant, else each time the step runs."""
    value = parts.value(path, raw)
    if value.constant or not isinstance(raw, str):
        try:
            constant = parse_clock(raw)
        except ValueError as error:
            build.problem("bad_time", path, str(error))
            constant = time()
        return lambda context: constant

    def read(context: Context) -> time:
        try:
            return parse_clock(resolve(value, context.scope))
        except ValueError as error:
            raise StepFailed("bad_time", f"cannot wait until then: {error}") from error

    return read


def _days(raw: Any, build: Build) -> frozenset[int]:
    if raw is None:
        return ALL_DAYS
    try:
        days = parse_weekdays(raw)
    except ValueError as error:
        build.problem("bad_weekday", ("at", "days"), str(error))
        return ALL_DAYS
    if not days:
        build.problem("bad_weekday", ("at", "days"), "`days` is empty: name a day, or leave it out for every day")
    return days or ALL_DAYS


def _zone(raw: Any, build: Build) -> str:
    """An IANA name, or "" for the zone that local times mean."""
    if raw is None or raw == "contact":
        return ""
    try:
        find_zone(str(raw))
    except ValueError as error:
        near = did_you_mean(str(raw), zone_names())
        build.problem("bad_timezone", ("at", "timezone"), str(error), suggestion=near)
        return ""
    return str(raw)
