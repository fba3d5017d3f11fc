"""Provider rates: how many messages of a channel may leave in a span, over all contacts and workflows of a tenant.

The messages of a channel stand in one *line*, first come, first served. A line that is empty lets a burst of `count`
go at once; after that each message is given a slot of its own, `per / count` after the one before it. What counts
against a rate is when messages really left: there are never more than `count` of them in any span `per`. A slot comes
`SLACK` later than it need be, so that a timer which is a little late costs its neighbours nothing.

A message that is asked again after its slot goes as soon as the rate has room. When it comes so late that its place is
long gone (an outage, a pause), it takes a new one at the end of the line, so that not all of them leave at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from statemachine.record import record
from statemachine.sending.caps import instant, stamp
from statemachine.sending.rules import Rate

MAX_COUNT: Final = 1000
MIN_SPAN: Final = timedelta(seconds=1)
MAX_SPAN: Final = timedelta(days=1)
SLACK: Final = timedelta(milliseconds=50)
_MICROSECOND: Final = timedelta(microseconds=1)


@record
class Line:
    """The line before one provider: when messages `left`, and the slots of those that are `waiting`, as whole
    microseconds since 1970, the earliest first. `keep` of each are remembered: as many as the largest rate counts."""

    left: tuple[int, ...] = ()
    waiting: tuple[int, ...] = ()
    keep: int = 0


Lines = Mapping[str, Line]
"""By channel."""
NO_LINES: Final[Lines] = {}
EMPTY: Final = Line()


def room_at(rates: Iterable[Rate], line: Line) -> datetime | None:
    """From when on one more message may leave, by those that left; None when nothing is in its way."""
    return max((one for rate in rates if (one := _counted_out(rate, line.left)) is not None), default=None)


def next_slot(rates: Sequence[Rate], line: Line, now: datetime) -> datetime:
    """When a message may leave that comes to the line now; not later than `now`: at once."""
    ahead = _still_waiting(rates, line, now)
    if not ahead and _has_room(rates, line, now):
        return now
    left, later = line.left, ahead
    if ahead and left and ahead[0] < left[-1]:
        left, later = tuple(sorted((*left, *ahead))), ahead[:0]
    slot = now
    for rate in rates:
        free = _counted_out(rate, left, later)
        if free is not None and free + SLACK > slot:
            slot = free + SLACK
        if ahead:
            slot = max(slot, instant(ahead[-1]) + _apart(rate))
    return slot


def ask_line(rates: Sequence[Rate], line: Line, now: datetime, own: datetime | None) -> datetime:
    """When a message may leave, which has perhaps a slot of its `own`; not later than `now`: at once."""
    if own is None:
        return next_slot(rates, line, now)
    if now < own:
        return own
    if _has_room(rates, line, now):
        return now
    room = room_at(rates, line)
    assert room is not None
    return room if keeps_place(rates, now, own) else next_slot(rates, without(line, own), now)


def keeps_place(rates: Iterable[Rate], now: datetime, own: datetime) -> bool:
    """Whether a message that is asked now still has its place in the line."""
    return now - own <= max(rate.per for rate in rates)


def with_waiting(line: Line, rates: Iterable[Rate], slot: datetime, before: datetime | None) -> Line:
    """The slot is given away; the one that the message had `before` is free."""
    keep = max(line.keep, *(rate.count for rate in rates))
    line = line if before is None else without(line, before)
    return Line(line.left, (*line.waiting, stamp(slot))[-keep:], keep)


def without(line: Line, slot: datetime) -> Line:
    """Nobody waits for this slot any more."""
    at = stamp(slot)
    if at not in line.waiting:
        return line
    place = line.waiting.index(at)
    return replace(line, waiting=line.waiting[:place] + line.waiting[place + 1 :])


def with_left(line: Line, rates: Iterable[Rate], now: datetime, own: datetime | None) -> Line:
    """A message leaves, which had perhaps a slot of its own. One by no rate leaves, and is counted, all the same."""
    line = line if own is None else without(line, own)
    keep = max((line.keep, *(rate.count for rate in rates)))
    at = stamp(now) if not line.left else max(stamp(now), line.left[-1])
    return Line((*line.left, at)[-keep:], line.waiting, keep)


def merged(rates: Iterable[Rate], line: Line, sent: Iterable[int]) -> Line | None:
    """The line after messages have left by these rates that were decided without seeing it, each at its instant or
    when the one before it left; None when one of them would have had to wait."""
    if line.waiting and rates:
        return None
    left = list(line.left)
    for stamped in sent:
        at = max(stamped, left[-1]) if left else stamped
        for rate in rates:
            room = _counted_out(rate, left)
            if room is not None and room > instant(at):
                return None
        left.append(at)
    return replace(line, left=tuple(left))


def anybody_waits(line: Line, now: datetime) -> bool:
    """Whether there are slots that may still be used by somebody."""
    return bool(line.waiting) and line.waiting[-1] > stamp(now - MAX_SPAN)


def _has_room(rates: Iterable[Rate], line: Line, now: datetime) -> bool:
    """Clocks are read before the line is: a message that comes late in a batch may be asked a moment ago."""
    room = room_at(rates, line)
    return room is None or room <= now or room <= instant(line.left[-1])


def _counted_out(rate: Rate, taken: Sequence[int], later: Sequence[int] = ()) -> datetime | None:
    """When the message is `per` ago that has taken the last place within the rate, of these and those after them."""
    back = rate.count - len(later)
    if back <= 0:
        return instant(later[-rate.count]) + rate.per
    return instant(taken[-back]) + rate.per if len(taken) >= back else None


def _still_waiting(rates: Iterable[Rate], line: Line, now: datetime) -> tuple[int, ...]:
    """The slots that are still to be used. What has not been used for long never will: its run has ended."""
    if not line.waiting:
        return ()
    since = stamp(now - max(rate.per for rate in rates))
    return line.waiting[bisect_right(line.waiting, since) :]


def _apart(rate: Rate) -> timedelta:
    span = (rate.per + SLACK) // _MICROSECOND
    return -(-span // rate.count) * _MICROSECOND
