"""Local times: the odd hours of the year, and the ways to write a time."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.calendar import find_zone, parse_clock, parse_time, parse_weekday, parse_weekdays, resolve_local


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


LOCAL = {
    "winter": ("2026-01-15T09:00", "Europe/Berlin", utc(2026, 1, 15, 8)),
    "summer": ("2026-07-15T09:00", "Europe/Berlin", utc(2026, 7, 15, 7)),
    "in the gap": ("2026-03-29T02:30", "Europe/Berlin", utc(2026, 3, 29, 1)),
    "at the start of the gap": ("2026-03-29T02:00", "Europe/Berlin", utc(2026, 3, 29, 1)),
    "just after the gap": ("2026-03-29T03:00", "Europe/Berlin", utc(2026, 3, 29, 1)),
    "a microsecond inside": ("2026-03-29T02:59:59.999999", "Europe/Berlin", utc(2026, 3, 29, 1)),
    "twice": ("2026-10-25T02:30", "Europe/Berlin", utc(2026, 10, 25, 0, 30)),
    "a gap of half an hour": ("2026-10-04T02:15", "Australia/Lord_Howe", utc(2026, 10, 3, 15, 30)),
    "a day that did not happen": ("2011-12-30T12:00", "Pacific/Apia", utc(2011, 12, 30, 10)),
    "midnight that does not exist": ("2018-11-04T00:00", "America/Sao_Paulo", utc(2018, 11, 4, 3)),
}


@pytest.mark.parametrize(("local", "zone", "instant"), LOCAL.values(), ids=LOCAL.keys())
def test_a_local_time_is_one_instant(local: str, zone: str, instant: datetime) -> None:
    assert resolve_local(datetime.fromisoformat(local), zone) == instant


@given(
    st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2035-01-01")),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca"]),
)
def test_local_times_keep_their_order_and_read_back(naive: datetime, zone: str) -> None:
    instant = resolve_local(naive, zone)
    back = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert back >= naive.replace(fold=0)
    assert back - naive < timedelta(hours=3)


@pytest.mark.parametrize(
    ("raw", "instant"),
    [
        ("2026-03-01T09:00", utc(2026, 3, 1, 8)),
        ("2026-03-01 09:00", utc(2026, 3, 1, 8)),
        ("2026-03-01T09:00Z", utc(2026, 3, 1, 9)),
        ("2026-03-01T09:00+02:00", utc(2026, 3, 1, 7)),
        ("2026-03-01", utc(2026, 2, 28, 23)),
        (date(2026, 3, 1), utc(2026, 2, 28, 23)),
        (datetime.fromisoformat("2026-03-01T09:00"), utc(2026, 3, 1, 8)),
        (utc(2026, 3, 1, 9), utc(2026, 3, 1, 9)),
    ],
)
def test_a_time_is_read_in_its_zone(raw: Any, instant: datetime) -> None:
    read = parse_time(raw, "Europe/Berlin")
    assert read == instant
    assert read.tzinfo is UTC


@pytest.mark.parametrize("raw", ["tomorrow", "", "2026-13-01", "2026-02-30", "09:00", 5, None, True, "0001-01-01"])
def test_what_is_no_time_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match="time"):
        parse_time(raw, "Europe/Berlin")


@pytest.mark.parametrize("name", ["", "Europe/Berln", "Europe", "../etc/passwd", "/etc/localtime", "a\0b", "x" * 500])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        find_zone(name)


@pytest.mark.parametrize(("raw", "read"), [("09:00", time(9)), ("9:05", time(9, 5)), ("21:30:15", time(21, 30, 15))])
def test_a_time_of_day_is_read(raw: str, read: time) -> None:
    assert parse_clock(raw) == read


@pytest.mark.parametrize("raw", ["24:00", "9", "9am", "12:60", 540, None])
def test_what_is_no_time_of_day_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match="no time of day"):
        parse_clock(raw)


@pytest.mark.parametrize(("raw", "day"), [("mon", 0), ("Sunday", 6), ("thurs", 3)])
def test_a_weekday_is_read(raw: str, day: int) -> None:
    assert parse_weekday(raw) == day


def test_weekdays_may_be_a_group_or_a_list() -> None:
    assert parse_weekdays("weekend") == {5, 6}
    assert parse_weekdays(["mon", "weekend"]) == {0, 5, 6}


@pytest.mark.parametrize("raw", ["funday", 1, None, ""])
def test_what_is_no_weekday_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match="no day of the week"):
        parse_weekday(raw)
