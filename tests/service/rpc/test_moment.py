"""Instants and spans survive the wire; what is out of range is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from service.rpc.moment import read_instant, read_span, write_instant, write_span
from statemachine.errors import InvalidInput

FAR = timedelta(days=10_000)


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_survives(instant: datetime) -> None:
    timestamp = Timestamp()
    write_instant(instant, timestamp)
    assert read_instant(timestamp, "at") == instant


@given(st.timedeltas(-FAR, FAR))
def test_a_span_survives(span: timedelta) -> None:
    duration = Duration()
    write_span(span, duration)
    assert read_span(duration, "span", least=-FAR, most=FAR) == span


@pytest.mark.parametrize(
    "timestamp", [Timestamp(seconds=2**62), Timestamp(nanos=-1), Timestamp(nanos=10**9), Timestamp(seconds=-(10**11))]
)
def test_what_is_no_instant_is_refused_with_its_place(timestamp: Timestamp) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_instant(timestamp, "event.occurred_time")
    assert refused.value.violations[0][0] == "event.occurred_time"


def test_a_span_out_of_bounds_is_refused_with_the_bounds() -> None:
    with pytest.raises(InvalidInput, match="from 1 to 3600 seconds"):
        read_span(Duration(seconds=7200), "lease", least=timedelta(seconds=1), most=timedelta(hours=1))


def test_nothing_leaves_a_field_unset() -> None:
    timestamp, duration = Timestamp(), Duration()
    write_instant(None, timestamp)
    write_span(None, duration)
    assert (timestamp, duration) == (Timestamp(), Duration())
