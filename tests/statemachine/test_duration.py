"""Durations: every spelling, and everything that is none."""

from datetime import timedelta
from typing import Any

import pytest

from statemachine.duration import MAX_DURATION, parse_duration

READ: list[tuple[Any, timedelta]] = [
    (0, timedelta()),
    (86400, timedelta(days=1)),
    (1.5, timedelta(seconds=1.5)),
    ("90", timedelta(seconds=90)),
    ("90s", timedelta(seconds=90)),
    ("250ms", timedelta(milliseconds=250)),
    ("90m", timedelta(minutes=90)),
    ("1d 12h", timedelta(days=1, hours=12)),
    ("1d12h", timedelta(days=1, hours=12)),
    ("1 day", timedelta(days=1)),
    ("2 Days", timedelta(days=2)),
    (" 2 weeks ", timedelta(weeks=2)),
    ("1.5 hours", timedelta(minutes=90)),
    ("1 day, 2 hours", timedelta(days=1, hours=2)),
    ("1 day and 2 hours", timedelta(days=1, hours=2)),
    ("P1DT12H", timedelta(days=1, hours=12)),
    ("PT30M", timedelta(minutes=30)),
    ("P2W", timedelta(weeks=2)),
    ("PT0.5S", timedelta(milliseconds=500)),
    ({"duration": 1, "unit": "days"}, timedelta(days=1)),
    ({"duration": "2", "unit": "hour"}, timedelta(hours=2)),
    ({"duration": 3}, timedelta(seconds=3)),
    ({"duration": "1d"}, timedelta(days=1)),
    (timedelta(days=3), timedelta(days=3)),
    ("1826d", MAX_DURATION),
]


@pytest.mark.parametrize(("raw", "span"), READ)
def test_a_duration_is_read(raw: Any, span: timedelta) -> None:
    assert parse_duration(raw) == span


@pytest.mark.parametrize(
    "raw",
    [
        -1, -0.5, "-3d", "- 3d", float("nan"), float("inf"), True, None, [], {}, "", " ", "soon", "3 fortnights",
        "1d 2", "P", "PT", "P1M", "P1Y", "1 month", "1827d", 10**300, "9" * 400, "1e9", "3,5d",
        {"unit": "days"}, {"duration": 1, "unit": "days", "x": 1}, {"duration": 1, "unit": 5},
        {"duration": "1d", "unit": "days"}, timedelta(days=-1),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_duration_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match=r".{15,}"):
        parse_duration(raw)
