"""The next time of day, held against a wall clock that is read minute by minute, at every change of every zone.

The oracle only ever asks what a clock shows at an instant, which has one answer; it never goes from local time to UTC.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.calendar import ALL_DAYS, next_local, zone_names
from statemachine.step_result import Rest, Result
from tests.statemachine.steps.fakes import Stay, build, run

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BEGIN, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)


def shown(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


class WallClock:
    """What the clocks of a zone show in every minute of a span of time, and the latest that they showed until then."""

    def __init__(self, zone: ZoneInfo, begin: datetime, end: datetime) -> None:
        self.begin = begin
        self.latest: list[datetime] = []
        for number in range((end - begin) // MINUTE):
            now = shown(begin + number * MINUTE, zone)
            assert (now.second, now.microsecond) == (0, 0)
            self.latest.append(max(now, self.latest[-1]) if self.latest else now)

    def reached(self, local: datetime) -> datetime:
        """The first minute in which the clock shows this local time, or has passed over it."""
        return self.begin + bisect_left(self.latest, local) * MINUTE

    def next(self, start: datetime, clock: time, days: frozenset[int] = ALL_DAYS) -> datetime:
        """The first minute from `start` on in which a day's `clock` is first reached, or passed over."""
        day = self.latest[0].date() + DAY
        while True:
            reached = self.reached(datetime.combine(day, clock))
            if reached >= start and day.weekday() in days:
                assert reached < self.begin + len(self.latest) * MINUTE
                return reached
            day += DAY


def changes(zone: ZoneInfo) -> Iterator[datetime]:
    """The instants at which the zone's clocks jump."""
    before = BEGIN
    while before < END:
        after = before + DAY
        if after.astimezone(zone).utcoffset() != before.astimezone(zone).utcoffset():
            low, high = before, after
            while high - low > MINUTE:
                middle = low + (high - low) // 2 // MINUTE * MINUTE
                same = middle.astimezone(zone).utcoffset() == before.astimezone(zone).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            yield high
        before = after


def kinds_of_clocks() -> dict[str, tuple[ZoneInfo, tuple[datetime, ...]]]:
    """One of the zones whose clocks always show the same, for each kind there is, with the changes of its clocks."""
    found: dict[object, tuple[str, tuple[ZoneInfo, tuple[datetime, ...]]]] = {}
    for name in zone_names():
        zone = ZoneInfo(name)
        jumps = tuple(changes(zone))
        kind = shown(BEGIN, zone), tuple((jump, shown(jump, zone)) for jump in jumps)
        found.setdefault(kind, (name, (zone, jumps)))
    return dict(found.values())


def times_around(jump: datetime, zone: ZoneInfo) -> set[time]:
    """Times of day before, in and after what a jump leaves out or shows twice."""
    edges = (shown(jump - MINUTE, zone), shown(jump, zone))
    near = {(edge + number * MINUTE).time() for edge in edges for number in (-60, -30, -1, 0, 1, 30, 60)}
    return near | {time(0), time(12), time(23, 59)}


STARTS = [timedelta(minutes=minutes) for minutes in (-90, -60, -1, 0, 1, 30, 60)]
STARTS += [timedelta(microseconds=-1), timedelta(microseconds=1)]


OFFSET = timedelta(hours=30)
UNTIL = build("wait", until="{{variables.at}}", offset="-30h")


def until(local: datetime, zone: ZoneInfo) -> Result:
    """What a wait says to a local time, thirty elapsed hours before."""
    return run(UNTIL, Stay(variables={"at": local.isoformat()}, timezone=zone.key, now=BEGIN - 9 * DAY))


def test_local_times_are_right_around_every_change_of_every_clock_from_2024_to_2030() -> None:
    forwards = backwards = 0
    for name, (zone, jumps) in kinds_of_clocks().items():
        for jump in jumps:
            gap = shown(jump, zone) - shown(jump - MINUTE, zone) > MINUTE
            forwards, backwards = forwards + gap, backwards + (not gap)
            wall = WallClock(zone, jump - 1.1 * DAY, jump + 1.2 * DAY)
            for clock in times_around(jump, zone):
                local = datetime.combine(shown(jump, zone).date(), clock)
                assert until(local, zone) == Rest(wall.reached(local) - OFFSET), f"until {local} in {name}"
                for start in STARTS:
                    expected = wall.next(jump + start, clock)
                    found = next_local(jump + start, clock, ALL_DAYS, zone)
                    assert found == expected, f"{clock} in {name} from {jump + start} on"
    assert forwards > 200
    assert backwards > 200


@settings(max_examples=30)
@given(
    st.sampled_from(zone_names()),
    st.datetimes(BEGIN.replace(tzinfo=None), END.replace(tzinfo=None), timezones=st.just(UTC)),
    st.times(),
    st.frozensets(st.integers(0, 6), min_size=1),
)
def test_the_next_time_of_day_falls_on_one_of_the_days(
    name: str, start: datetime, clock: time, days: frozenset[int]
) -> None:
    zone, clock = ZoneInfo(name), clock.replace(second=0, microsecond=0)
    wall = WallClock(zone, start.replace(second=0, microsecond=0) - 2 * DAY, start + 10 * DAY)
    assert next_local(start, clock, days, zone) == wall.next(start, clock, days)


NINE, HALF_TWO = time(9), time(2, 30)
MONDAY, WEEKEND = frozenset({0}), frozenset({5, 6})


@pytest.mark.parametrize(
    ("start", "clock", "days", "zone", "moment"),
    [
        ("2026-03-02T08:00Z", NINE, ALL_DAYS, "UTC", "2026-03-02T09:00Z"),
        ("2026-03-02T09:00Z", NINE, ALL_DAYS, "UTC", "2026-03-02T09:00Z"),
        ("2026-03-02T09:00:00.000001Z", NINE, ALL_DAYS, "UTC", "2026-03-03T09:00Z"),
        ("2026-03-02T09:01Z", NINE, MONDAY, "UTC", "2026-03-09T09:00Z"),
        ("2026-03-02T09:01Z", NINE, WEEKEND, "UTC", "2026-03-07T09:00Z"),
        ("2026-03-01T22:30Z", NINE, MONDAY, "Asia/Tokyo", "2026-03-02T00:00Z"),
        ("2026-03-28T12:00Z", HALF_TWO, ALL_DAYS, "Europe/Berlin", "2026-03-29T01:00Z"),
        ("2026-10-24T12:00Z", HALF_TWO, ALL_DAYS, "Europe/Berlin", "2026-10-25T00:30Z"),
        ("2026-10-25T00:31Z", HALF_TWO, ALL_DAYS, "Europe/Berlin", "2026-10-26T01:30Z"),
        ("2026-10-25T01:30Z", HALF_TWO, ALL_DAYS, "Europe/Berlin", "2026-10-26T01:30Z"),
        ("2011-12-30T09:59Z", NINE, frozenset({4}), "Pacific/Apia", "2011-12-30T10:00Z"),
    ],
)
def test_a_time_of_day_is_the_next_moment_at_which_the_clock_shows_it(
    start: str, clock: time, days: frozenset[int], zone: str, moment: str
) -> None:
    found = next_local(datetime.fromisoformat(start), clock, days, ZoneInfo(zone))
    assert (found, found.tzinfo) == (datetime.fromisoformat(moment), UTC)
