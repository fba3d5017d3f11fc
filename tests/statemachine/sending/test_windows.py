"""When messages may go out, against an oracle that knows nothing but what clocks on walls show."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from statemachine.calendar import zone_names
from statemachine.problem import Problems
from statemachine.sending.reading import merged, read_sending
from statemachine.sending.rules import Sending
from statemachine.sending.windows import Holiday, closed, holiday_finder, open_for, opening

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
QUIET = {"from": "21:00", "to": "08:00"}


def rules(**raw: Any) -> Sending:
    problems = Problems()
    made = merged({}, read_sending(raw, ("sending",), problems), urgent=False)
    assert not problems.sorted()
    assert made is not None
    return made


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("raw", "at", "opens"),
    [
        ({"quiet_hours": QUIET}, "2026-03-02T20:59:59", "2026-03-02T20:59:59"),
        ({"quiet_hours": QUIET}, "2026-03-02T21:00", "2026-03-03T08:00"),
        ({"quiet_hours": QUIET}, "2026-03-03T07:59:59", "2026-03-03T08:00"),
        ({"quiet_hours": QUIET}, "2026-03-03T08:00", "2026-03-03T08:00"),
        ({"quiet_hours": {"from": "12:00", "to": "14:00"}}, "2026-03-02T13:00", "2026-03-02T14:00"),
        ({"quiet_hours": {"from": "22:00", "to": "24:00"}}, "2026-03-02T23:00", "2026-03-03T00:00"),
        ({"quiet_hours": {"from": "21:00", "to": "02:30"}}, "2026-03-28T22:00", "2026-03-29T03:00"),
        ({"quiet_hours": {"from": "02:10", "to": "02:50"}}, "2026-03-29T03:00", "2026-03-29T03:00"),
        ({"days": "weekdays"}, "2026-03-07T10:00", "2026-03-09T00:00"),
        ({"days": "weekdays", "quiet_hours": QUIET}, "2026-03-06T22:00", "2026-03-09T08:00"),
        ({"holidays": "de"}, "2026-04-06T10:00", "2026-04-07T00:00"),
        ({"holidays": ["DE"], "days": "weekdays"}, "2026-04-03T10:00", "2026-04-07T00:00"),
        ({"holidays": "de"}, "2026-06-04T10:00", "2026-06-04T10:00"),
        ({"holidays": "de-by"}, "2026-06-04T10:00", "2026-06-05T00:00"),
        ({"holidays": ["2026-12-24", "de"]}, "2026-12-24T10:00", "2026-12-27T00:00"),
    ],
)
def test_messages_wait_for_the_opening(raw: dict[str, Any], at: str, opens: str) -> None:
    made = rules(**raw)
    assert opening(made, local(at), BERLIN, holiday_finder(made)) == local(opens)


def test_quiet_hours_that_end_in_an_hour_that_comes_twice_end_at_its_first() -> None:
    made = rules(quiet_hours={"from": "21:00", "to": "02:30"})
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert opening(made, first - timedelta(hours=2), BERLIN, holiday_finder(made)) == first
    again = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)  # the clock shows 02:15 for the second time
    assert closed(made, again, BERLIN, holiday_finder(made)) is None


def test_what_keeps_a_message_is_said_in_words() -> None:
    made = rules(quiet_hours=QUIET, days=["mon", "tue"], holidays=["de"])
    said = {}
    for at in ("2026-03-02T22:00", "2026-03-07T10:00", "2026-04-06T10:00"):
        shut = closed(made, local(at), BERLIN, holiday_finder(made))
        assert shut is not None
        said[shut.rule] = shut.reason
    assert said == {
        "quiet_hours": "quiet hours 21:00-08:00 Europe/Berlin",
        "send_days": "messages go out on mon, tue, and it is Saturday",
        "holiday": "holiday: Easter Monday (de)",
    }


@pytest.mark.parametrize(("most", "lasts"), [(15, 15), (180, 60)])
def test_a_spread_ends_with_the_window(most: int, lasts: int) -> None:
    made = rules(quiet_hours={"from": "09:00", "to": "08:00"})
    found = open_for(made, local("2026-03-02T08:00"), most * MINUTE, BERLIN, holiday_finder(made))
    assert found == lasts * MINUTE


class Wall:
    """The latest time that a clock on a wall has shown: it never goes back, and jumps where the clock does."""

    def __init__(self, zone: ZoneInfo, at: datetime) -> None:
        self._zone = zone
        self._at = at - timedelta(hours=72)
        self.shown = self._show()
        self.go_on(at)

    def go_on(self, at: datetime) -> None:
        while self._at < at:
            self._at += MINUTE
            self.shown = max(self.shown, self._show())

    def _show(self) -> datetime:
        return self._at.astimezone(self._zone).replace(tzinfo=None)

    def shut(self, made: Sending, dates: set[date]) -> bool:
        """Whether no message may go out: by the date, and by which of both times of the quiet hours came last."""
        day = self.shown.date()
        if day.weekday() not in made.days or day in dates:
            return True
        if made.quiet is None:
            return False
        marks = [
            (datetime.combine(day - timedelta(days=back), clock), quiet)
            for back in (0, 1)
            for clock, quiet in ((made.quiet.start, True), (made.quiet.end, False))
        ]
        return max(mark for mark in marks if mark[0] <= self.shown)[1]


def drawn(dice: random.Random) -> Sending:
    clocks = dice.sample([f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 10, 30, 50)], 2)
    raw: dict[str, Any] = {"quiet_hours": {"from": clocks[0], "to": clocks[1]}}
    if dice.random() < 0.5:
        raw["days"] = dice.sample(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], dice.randint(3, 7))
    return rules(**raw)


def around_a_change(zone: ZoneInfo, dice: random.Random) -> datetime:
    """An instant of 2024 to 2030, near one at which the clocks of the zone are changed when there is one."""
    start = datetime(dice.randint(2024, 2030), 1, 1, tzinfo=UTC)
    days = [start + timedelta(days=number) for number in range(366)]
    changes = [
        day
        for day in days
        if day.astimezone(zone).utcoffset() != (day + timedelta(days=1)).astimezone(zone).utcoffset()
    ]
    near = dice.choice(changes or days)
    return near + dice.randint(-24 * 60, 48 * 60) * MINUTE


@pytest.mark.parametrize("seed", range(3))
def test_in_every_zone_messages_go_out_when_clocks_on_walls_allow_it_and_not_before(seed: int) -> None:
    dice = random.Random(seed)
    for name in dice.sample(zone_names(), 60):
        zone, made, at = ZoneInfo(name), drawn(dice), around_a_change(ZoneInfo(name), dice)
        off = {at.astimezone(zone).date()} if dice.random() < 0.2 else set()
        holiday: Holiday = lambda day, off=off: "a holiday" if day in off else None  # type: ignore[misc] # noqa: E731
        object.__setattr__(made, "dates", frozenset(off))
        opens = opening(made, at, zone, holiday)
        wall = Wall(zone, at)
        assert (opens > at) is wall.shut(made, off), (name, at, made)
        before = at
        while before < opens:
            assert wall.shut(made, off), (name, before, made)
            before = min(before + 11 * MINUTE, opens)
            wall.go_on(before)
        assert not wall.shut(made, off), (name, at, opens, made)
