"""`sending` as authors write it: of a workflow and of single steps, whose keys replace those of the workflow."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field

from statemachine.calendar import ALL_DAYS, parse_clock, parse_weekdays
from statemachine.duration import parse_duration
from statemachine.keys import REQUIRED, Shape, about
from statemachine.names import did_you_mean
from statemachine.part import Part, read_part
from statemachine.problem import Path, Problems
from statemachine.scalars import Duration, kind_of
from statemachine.sending import rate
from statemachine.sending.caps import MAX_COUNT, MAX_SPAN
from statemachine.sending.consent import CHANNELS, is_channel
from statemachine.sending.holiday import calendars, is_calendar
from statemachine.sending.rules import Cap, Quiet, Rate, Sending, Unit

T = TypeVar("T")
_UNITS: Final[Mapping[str, Unit]] = {"day": "day", "week": "week", "month": "month"}
_UNIT_SPANS: Final[Mapping[timedelta, Unit]] = {timedelta(days=1): "day", timedelta(days=7): "week"}
_MAX_SPREAD: Final = timedelta(days=1)
_MAX_CAPS: Final = 20
_MAX_RATES: Final = 20
_SHORT: Final = timedelta(minutes=1)
_MAX_HOLIDAYS: Final = 400
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


class QuietHoursPart(Part):
    """When no message goes out, by the local clock; over midnight when `to` is not later than `from`."""

    from_: Annotated[str, Shape("clock")] = Field(
        ..., alias="from", description="From when on, included.", examples=["21:00"]
    )
    to: Annotated[str, Shape("clock")] = about("Until when, not included.", "08:00", default=REQUIRED)


class CapPart(Part):
    """How many messages a contact may get, from all workflows together."""

    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = about("So many at most.", 3, default=REQUIRED)
    per: Annotated[Any, Shape("cap_span")] = about(
        "In this span: a duration, or `day`, `week` or `month` of the contact's calendar.", "1d", default=REQUIRED
    )
    channel: str | None = about("By this channel. Default: by all channels together.", "sms")
    window: Literal["rolling", "calendar"] | None = about(
        "`rolling`: in any span of that length; `calendar`: per local day, week or month.", "calendar"
    )


class RatePart(Part):
    """How many messages of a channel its provider takes, from all workflows and to all contacts together."""

    count: Annotated[int, Field(ge=1, le=rate.MAX_COUNT)] = about("So many at most.", 10, default=REQUIRED)
    per: Duration = about("In any span of this length, from a second to a day.", "1s", default=REQUIRED)
    channel: str = about("By this channel.", "sms", default=REQUIRED)


class SendingPart(Part):
    """When, and how often, messages go out."""

    quiet_hours: Annotated[Any, Shape("quiet_hours")] = about(
        "When no message goes out, by the local clock.", {"from": "21:00", "to": "08:00"}
    )
    days: Annotated[Any, Shape("weekdays")] = about("The days on which messages go out. Default: every day.", ["mon"])
    holidays: Annotated[Any, Shape("holidays")] = about(
        "Days on which none goes out: calendars (`de`, `de-by`, `us`) and dates.", ["de", "2026-12-24"]
    )
    caps: Annotated[Any, Shape("caps")] = about(
        "How many messages a contact may get, from all workflows together.", [{"count": 3, "per": "1d"}]
    )
    rates: Annotated[Any, Shape("rates")] = about(
        "How many messages a provider takes, over all contacts and workflows.",
        [{"count": 10, "per": "1s", "channel": "sms"}],
    )
    spread: Duration | None = about("What was held is let go over this span, not all at once.", "15m")
    on_blocked: Literal["hold", "skip"] | None = about(
        "What becomes of a message that may not go out now: it waits, or is left out.", "skip"
    )
    consent: Literal["required", "assumed"] | None = about(
        "`required`: only who granted the channel gets messages by it. Default: who did not deny it.", "required"
    )


def read_sending(raw: Any, path: Path, problems: Problems) -> dict[str, Any]:
    """The fields of `Sending` that are given; an empty value takes a rule away."""
    part = None if raw is None else read_part(SendingPart, raw, path, problems)
    if part is None:
        return {}
    found: dict[str, Any] = {}
    for key in part.model_fields_set:
        found.update(_READERS[key](getattr(part, key), (*path, key), problems))
    return found


def _quiet(raw: Any, path: Path, problems: Problems) -> dict[str, Any]:
    part = None if raw is None else read_part(QuietHoursPart, raw, path, problems)
    if part is None:
        return {"quiet": None}
    start = _clock(part.from_, (*path, "from"), problems)
    end = _clock(part.to, (*path, "to"), problems)
    if start is None or end is None:
        return {}
    if start == end:
        message = "quiet hours that begin and end at the same time leave it open whether that is always or never"
        problems.add("bad_time", path, message, "give two times, or leave `quiet_hours` out")
        return {}
    return {"quiet": Quiet(start, end)}


def _clock(raw: str, path: Path, problems: Problems) -> time | None:
    try:
        return parse_clock("00:00" if raw.strip() == "24:00" else raw)
    except ValueError as error:
        problems.add("bad_time", path, str(error))
        return None


def _days(raw: Any, path: Path, problems: Problems) -> dict[str, Any]:
    if raw is None:
        return {"days": ALL_DAYS}
    try:
        days = parse_weekdays(raw)
    except ValueError as error:
        problems.add("bad_weekday", path, str(error))
        return {}
    if not days:
        problems.add("bad_weekday", path, "`days` is empty: name a day, or leave it out for every day")
        return {}
    return {"days": days}


def _holidays(raw: Any, path: Path, problems: Problems) -> dict[str, Any]:
    items = raw if isinstance(raw, list) else [] if raw is None else [raw]
    if len(items) > _MAX_HOLIDAYS:
        problems.add("bad_value", path, f"at most {_MAX_HOLIDAYS} calendars and dates, not {len(items):,}")
        return {}
    names: dict[str, None] = {}
    dates: set[date] = set()
    for index, item in enumerate(items):
        place = (*path, index) if isinstance(raw, list) else path
        if not isinstance(item, str):
            problems.add("bad_value", place, f"a calendar such as de, or a date in quotes, not {kind_of(item)}")
        elif _DATE.match(item):
            _add_date(item, place, dates, problems)
        elif is_calendar(item):
            names[item.lower()] = None
        else:
            message = f"there is no holiday calendar {item[:60]!r}; write a country such as de or us, or a part: de-by"
            problems.add("unknown_calendar", place, message, did_you_mean(item.lower(), _near(item)))
    return {"calendars": tuple(names), "dates": frozenset(dates)}


def _near(item: str) -> tuple[str, ...]:
    """Parts of the same country when it names one, else countries."""
    country = item.lower()[:2]
    parts = tuple(name for name in calendars() if name.startswith(f"{country}-"))
    return parts if "-" in item and parts else tuple(name for name in calendars() if "-" not in name)


def _add_date(item: str, place: Path, dates: set[date], problems: Problems) -> None:
    try:
        dates.add(date.fromisoformat(item))
    except ValueError:
        problems.add("bad_time", place, f"{item!r} is no date: write it like 2026-12-24")


def _caps(raw: Any, path: Path, problems: Problems) -> dict[str, Any]:
    return _each("caps", _cap, _MAX_CAPS, raw, path, problems)


def _rates(raw: Any, path: Path, problems: Problems) -> dict[str, Any]:
    return _each("rates", _rate, _MAX_RATES, raw, path, problems)


def _each(
    key: str, read: Callable[[Any, Path, Problems], T | None], most: int, raw: Any, path: Path, problems: Problems
) -> dict[str, Any]:
    """One or a list of them."""
    items = raw if isinstance(raw, list) else [] if raw is None else [raw]
    if len(items) > most:
        problems.add("bad_value", path, f"at most {most} {key}, not {len(items):,}")
        return {}
    places = [(*path, index) if isinstance(raw, list) else path for index in range(len(items))]
    found = (read(item, place, problems) for item, place in zip(items, places, strict=True))
    return {key: tuple(one for one in found if one is not None)}


def _cap(raw: Any, path: Path, problems: Problems) -> Cap | None:
    part = read_part(CapPart, raw, path, problems)
    if part is None:
        return None
    channel = None if part.channel is None else read_channel(part.channel, (*path, "channel"), problems)
    return None if channel == "" else _counted(part, channel, path, problems)


def _rate(raw: Any, path: Path, problems: Problems) -> Rate | None:
    if isinstance(raw, Mapping) and "window" in raw:
        message = "a provider's rate has no `window`: it holds in any span; what a contact may get stands under `caps`"
        problems.add("unknown_key", (*path, "window"), message)
        return None
    if isinstance(raw, Mapping) and str(raw.get("per")).strip().lower() in _UNITS:
        message = f"a provider's rate is per span, such as 1s or 1m; per {raw['per']} of the contact is a cap (`caps`)"
        problems.add("bad_duration", (*path, "per"), message)
        return None
    part = read_part(RatePart, raw, path, problems)
    channel = "" if part is None else read_channel(part.channel, (*path, "channel"), problems)
    if part is None or not channel:
        return None
    if not rate.MIN_SPAN <= part.per <= rate.MAX_SPAN:
        problems.add("bad_duration", (*path, "per"), "a provider's rate is per span from a second to a day")
        return None
    return Rate(part.count, part.per, channel, f"{_many(part.count, channel)} within {_spelt(raw, part.per)}")


def _spelt(raw: Any, span: timedelta) -> str:
    per = raw["per"]
    return str(per).strip() if isinstance(per, str) else f"{span.total_seconds():g}s"


def _many(count: int, channel: str | None) -> str:
    by = f"{channel} message" if channel else "message"
    return f"{count} {by}{'s' if count > 1 else ''}"


def read_channel(name: str, place: Path, problems: Problems) -> str:
    """The channel as it is written everywhere, or ""."""
    channel = name.lower()
    if not is_channel(channel):
        problems.add("bad_value", place, f"{channel[:60]!r} is no channel: use up to 50 of a-z, 0-9 and _")
        return ""
    near = did_you_mean(channel, CHANNELS) if channel not in CHANNELS else ""
    if near:
        problems.add("misspelt_name", place, f"{channel!r} is a channel of your own", near)
    return channel


def _counted(part: CapPart, channel: str | None, path: Path, problems: Problems) -> Cap | None:
    many = _many(part.count, channel)
    unit = _UNITS.get(part.per.strip().lower()) if isinstance(part.per, str) else None
    place = (*path, "per")
    if unit is not None:
        if part.window == "rolling":
            problems.add("bad_value", place, f"a rolling cap needs a duration such as 1d, not {part.per!r}")
            return None
        return Cap(part.count, channel, unit=unit, text=f"{many} this {unit}")
    try:
        span = parse_duration(part.per)
    except ValueError as error:
        problems.add("bad_duration", place, f"{error}; or write day, week or month")
        return None
    if part.window == "calendar":
        unit = _UNIT_SPANS.get(span)
        if unit is None:
            problems.add("bad_value", place, "a calendar cap is per day, week or month")
            return None
        return Cap(part.count, channel, unit=unit, text=f"{many} this {unit}")
    if not timedelta(0) < span <= MAX_SPAN:
        problems.add("bad_duration", place, f"a cap looks back more than nothing and at most {MAX_SPAN.days} days")
        return None
    if span < _SHORT:
        message = f"a cap is for each contact; it keeps one from getting more than {many} within {part.per}"
        problems.add("cap_like_rate", path, message, "what the provider takes from all workflows stands under `rates`")
    return Cap(part.count, channel, per=span, text=f"{many} within {part.per}")


def _spread(raw: timedelta | None, path: Path, problems: Problems) -> dict[str, Any]:
    if raw is not None and raw > _MAX_SPREAD:
        problems.add("bad_duration", path, "releases are spread over a day at most")
        return {}
    return {"spread": raw or timedelta(0)}


def _plain(field: str, default: Any, meaning: Callable[[Any], Any]) -> Callable[[Any, Path, Problems], dict[str, Any]]:
    return lambda raw, path, problems: {field: default if raw is None else meaning(raw)}


_READERS: Final[Mapping[str, Callable[[Any, Path, Problems], dict[str, Any]]]] = {
    "quiet_hours": _quiet,
    "days": _days,
    "holidays": _holidays,
    "caps": _caps,
    "rates": _rates,
    "spread": _spread,
    "on_blocked": _plain("blocked", "hold", str),
    "consent": _plain("consent_required", False, lambda word: word == "required"),
}


def merged(whole: Mapping[str, Any], own: Mapping[str, Any], *, urgent: bool) -> Sending | None:
    """The rules of a step: what it says itself goes before what the workflow says. None when there are none."""
    rules = Sending(**{**whole, **own}, urgent=urgent)
    return None if rules == Sending(urgent=urgent) else rules
