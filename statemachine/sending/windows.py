"""When messages may go out: quiet hours, days and holidays, by the local clock.

Quiet hours begin and end once on each local date, at the instants at which the clock first shows the times (the first
instant after a gap that swallows one), and are half-open: at their end messages may go out. A date lasts from its
midnight to the next. So the two odd nights of the year need no rules of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from statemachine.calendar import WEEKDAYS, resolve_local
from statemachine.record import record
from statemachine.sending.holiday import holidays_of
from statemachine.sending.rules import Sending

DAY: Final = timedelta(days=1)
_MOST_STEPS: Final = 1_500
_DAY_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@record
class Closed:
    """Messages may not go out before `until`, by `rule`: quiet_hours, send_days or holiday."""

    until: datetime
    rule: str
    reason: str


Holiday = Callable[[date], str | None]
"""The name of the holiday that a date is, or None."""


def holiday_finder(sending: Sending) -> Holiday:
    """Looks a date up among the explicit dates, then in the calendars."""

    def find(day: date) -> str | None:
        if day in sending.dates:
            return day.isoformat()
        for calendar in sending.calendars:
            name = holidays_of(calendar, day.year).get(day)
            if name is not None:
                return f"{name} ({calendar})"
        return None

    return find


def closed(sending: Sending, at: datetime, zone: ZoneInfo, holiday: Holiday) -> Closed | None:
    """What keeps messages from going out at this instant."""
    day = local_date(at, zone)
    off = _day_off(sending, day, holiday)
    if off is not None:
        return Closed(day_start(day + DAY, zone), *off)
    for start, end in _quiet_around(sending, day, zone):
        if start <= at < end:
            return Closed(end, "quiet_hours", f"{sending.quiet} {zone.key}")
    return None


def opening(sending: Sending, at: datetime, zone: ZoneInfo, holiday: Holiday) -> datetime:
    """The first instant from `at` on at which messages may go out. When there is none for years, one far ahead."""
    for _ in range(_MOST_STEPS):
        shut = closed(sending, at, zone, holiday)
        if shut is None:
            return at
        at = shut.until
    return at


def open_for(sending: Sending, at: datetime, most: timedelta, zone: ZoneInfo, holiday: Holiday) -> timedelta:
    """How long messages may go out from `at` on, when that is an opening; `most` at most."""
    first, until = local_date(at, zone), at + most
    ends = [until]
    for number in range((most // DAY) + 2):
        day = first + number * DAY
        if _day_off(sending, day, holiday) is not None:
            ends.append(day_start(day, zone))
        ends += [start for start, end in _quiet_around(sending, day, zone) if start < end]
    return min(end for end in ends if end > at) - at


def local_date(at: datetime, zone: ZoneInfo) -> date:
    """The date that it is, by midnights: a clock that is put back over one does not bring the day before back."""
    day = at.astimezone(zone).date()
    return day + DAY if at >= day_start(day + DAY, zone) else day


def day_start(day: date, zone: ZoneInfo) -> datetime:
    return resolve_local(datetime.combine(day, time()), zone)


def _day_off(sending: Sending, day: date, holiday: Holiday) -> tuple[str, str] | None:
    if day.weekday() not in sending.days:
        sent = ", ".join(WEEKDAYS[number] for number in sorted(sending.days))
        return "send_days", f"messages go out on {sent}, and it is {_DAY_NAMES[day.weekday()]}"
    if sending.calendars or sending.dates:
        name = holiday(day)
        if name is not None:
            return "holiday", f"holiday: {name}"
    return None


def _quiet_around(sending: Sending, day: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """The quiet hours that began on this date or the one before."""
    quiet = sending.quiet
    if quiet is None:
        return
    lasts = DAY if quiet.end <= quiet.start else timedelta(0)
    for first in (day - DAY, day):
        start = resolve_local(datetime.combine(first, quiet.start), zone)
        yield start, resolve_local(datetime.combine(first + lasts, quiet.end), zone)
