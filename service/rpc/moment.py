"""Instants and spans: aware datetimes and timedeltas to the protobuf well-known types and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from statemachine.errors import InvalidInput

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MAX_SECONDS: Final = 315_576_000_000


def read_instant(timestamp: Timestamp, place: str) -> datetime:
    """An aware UTC instant; below a microsecond is cut. Raises InvalidInput outside the years 1 to 9999."""
    if not 0 <= timestamp.nanos < 1_000_000_000 or abs(timestamp.seconds) > _MAX_SECONDS:
        raise _no_instant(place)
    try:
        return _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)
    except OverflowError:
        raise _no_instant(place) from None


def write_instant(instant: datetime | None, timestamp: Timestamp) -> None:
    """Fill a Timestamp; None leaves it unset."""
    if instant is not None:
        microseconds = (instant - _EPOCH) // _MICROSECOND
        timestamp.seconds, rest = divmod(microseconds, 1_000_000)
        timestamp.nanos = rest * 1000
        timestamp.SetInParent()


def read_span(duration: Duration, place: str, *, least: timedelta, most: timedelta) -> timedelta:
    """A span between two bounds, both allowed. Raises InvalidInput."""
    span = None
    if abs(duration.seconds) <= _MAX_SECONDS:
        span = timedelta(seconds=duration.seconds, microseconds=duration.nanos // 1000)
    if span is None or not least <= span <= most:
        wanted = f"a span from {least.total_seconds():g} to {most.total_seconds():g} seconds"
        raise InvalidInput(f"{place} must be {wanted}", [(place, wanted)])
    return span


def write_span(span: timedelta | None, duration: Duration) -> None:
    """Fill a Duration; None leaves it unset."""
    if span is not None:
        microseconds = span // _MICROSECOND
        sign = -1 if microseconds < 0 else 1
        seconds, rest = divmod(abs(microseconds), 1_000_000)
        duration.seconds = sign * seconds
        duration.nanos = sign * rest * 1000
        duration.SetInParent()


def _no_instant(place: str) -> InvalidInput:
    return InvalidInput(f"{place} is no instant", [(place, "seconds and nanos of an instant in the years 1 to 9999")])
