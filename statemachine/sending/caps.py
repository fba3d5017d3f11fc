"""Frequency caps: how many messages a contact may get, by what it has got.

A contact keeps the instants at which messages were ordered for it, by channel, as whole microseconds since 1970, the
oldest first: as far back as any cap of its tenant looks, and at most `MAX_KEPT` a channel. All workflows add to them,
and each cap counts those of all. A slot of a rolling cap is free again exactly its span after the message took it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from statemachine.sending.rules import Cap, Unit
from statemachine.sending.windows import DAY, day_start, local_date

MAX_COUNT: Final = 250
MAX_KEPT: Final = 2 * MAX_COUNT
MAX_SPAN: Final = timedelta(days=366)
Sends = Mapping[str, Sequence[int]]
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def free_at(cap: Cap, sends: Sends, channel: str, now: datetime, zone: ZoneInfo | None) -> datetime | None:
    """When the cap lets the next message by this channel out; None when it does now."""
    if cap.channel not in (None, channel):
        return None
    counted = sorted(at for name, instants in sends.items() if cap.channel in (None, name) for at in instants)
    if cap.per is not None:
        since = stamp(now - cap.per)
        recent = [at for at in counted if at > since]
        return instant(recent[-cap.count]) + cap.per if len(recent) >= cap.count else None
    assert cap.unit is not None
    assert zone is not None
    start, end = _period(cap.unit, now, zone)
    return end if sum(at >= stamp(start) for at in counted) >= cap.count else None


def with_send(sends: Sends, channel: str, now: datetime, reach: timedelta) -> dict[str, list[int]]:
    """One more message; what no cap looks back to is forgotten."""
    since = stamp(now - reach)
    kept = {name: [at for at in instants if at > since] for name, instants in sends.items()}
    kept[channel] = [*kept.get(channel, ()), stamp(now)][-MAX_KEPT:]
    return {name: instants for name, instants in kept.items() if instants}


def without_send(sends: Sends, channel: str, at: datetime) -> dict[str, list[int]]:
    """The slot of a message that did not go out after all is free again."""
    kept = {name: list(instants) for name, instants in sends.items()}
    if stamp(at) in kept.get(channel, ()):
        kept[channel].remove(stamp(at))
    return {name: instants for name, instants in kept.items() if instants}


def stamp(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def instant(stamped: int) -> datetime:
    return _EPOCH + timedelta(microseconds=stamped)


def _period(unit: Unit, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The local day, week (from Monday) or month that it is."""
    day = local_date(now, zone)
    if unit == "day":
        first, following = day, day + DAY
    elif unit == "week":
        first = day - day.weekday() * DAY
        following = first + 7 * DAY
    else:
        first = day.replace(day=1)
        following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return day_start(first, zone), day_start(following, zone)
