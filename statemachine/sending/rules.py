"""The rules of messaging as a version has them, compiled: what `sending` says of a step and of its workflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Final, Literal

from statemachine.calendar import ALL_DAYS

Unit = Literal["day", "week", "month"]
LONGEST: Final[dict[str, timedelta]] = {
    "day": timedelta(days=2),
    "week": timedelta(days=8),
    "month": timedelta(days=33),
}
"""How far back a calendar cap may look, with what clocks can be changed by."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """No messages from `start` on until `end`, by the local clock; over midnight when `end` is not later."""

    start: time
    end: time

    def __str__(self) -> str:
        return f"quiet hours {_clock(self.start)}-{_clock(self.end)}"


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `count` messages by `channel` (None: by any) in each span `per` (rolling), or in each local `unit`."""

    count: int
    channel: str | None = None
    per: timedelta | None = None
    unit: Unit | None = None
    text: str = ""

    @property
    def reach(self) -> timedelta:
        """How far back it looks at most."""
        if self.unit is not None:
            return LONGEST[self.unit]
        assert self.per is not None
        return self.per


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` messages by `channel` leave in any span `per`, whoever they are for: what its provider takes."""

    count: int
    per: timedelta
    channel: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Sending:
    """`days` are those on which messages may go out (Monday is 0); `calendars` and `dates` those on which they may not.

    `blocked` says what becomes of a message that may not go out now: `hold` or `skip`. `urgent` passes everything but
    consent and `rates`.
    """

    quiet: Quiet | None = None
    days: frozenset[int] = ALL_DAYS
    calendars: tuple[str, ...] = ()
    dates: frozenset[date] = frozenset()
    caps: tuple[Cap, ...] = ()
    spread: timedelta = timedelta(0)
    blocked: Literal["hold", "skip"] = "hold"
    consent_required: bool = False
    urgent: bool = False
    rates: tuple[Rate, ...] = ()

    @property
    def windowed(self) -> bool:
        """Whether there are times at which no message may go out."""
        return self.quiet is not None or self.days != ALL_DAYS or bool(self.calendars) or bool(self.dates)

    @property
    def local(self) -> bool:
        """Whether it asks for the local time."""
        return self.windowed or any(cap.unit is not None for cap in self.caps)

    @property
    def reach(self) -> timedelta | None:
        """How far back its caps look; None without any."""
        return max((cap.reach for cap in self.caps), default=None)

    def rates_of(self, channel: str) -> tuple[Rate, ...]:
        """Those of the provider by which a message by this channel goes."""
        return tuple(rate for rate in self.rates if rate.channel == channel) if self.rates else ()


def _clock(at: time) -> str:
    return at.isoformat("seconds" if at.second else "minutes")
