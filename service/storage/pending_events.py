"""Stored events that wait to be dispatched: which are left, and what becomes of one that always fails.

A failure puts the next try off, twice as long each time; after MAX_FAILURES the event is quarantined: it stays in the
log, pending, and nobody tries it any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from service.storage.database import Transaction
from service.storage.dialect import instant_text
from service.storage.events import EVENT_COLUMNS, event_of
from statemachine.event import Event

MAX_FAILURES: Final = 5
_BACKOFF: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """`failures` is how often it failed to be dispatched so far."""

    tenant: str
    row_id: str
    event: Event
    failures: int


def left_pending(transaction: Transaction, before: datetime, now: datetime, most: int) -> list[PendingEvent]:
    """Stored events that nobody has dispatched since `before` and whose turn it is, the oldest first. Workflow time."""
    rows = transaction.rows(
        f"select {EVENT_COLUMNS}, e.failures from events as e where e.pending and e.quarantined_at is null "
        "and e.accepted_at <= :before and (e.retry_at is null or e.retry_at <= :now) "
        "order by e.accepted_at, e.id limit :most",
        before=instant_text(before),
        now=instant_text(now),
        most=most,
    )
    return [PendingEvent(row[0], row[1], event_of(row), int(row[-1])) for row in rows]


_FAILED: Final = """
update events as e set failures = r.failures, retry_at = r.retry_at, quarantined_at = r.quarantined_at
from {rows:rows; tenant_id text, id text, accepted_at timestamptz, failures int, retry_at timestamptz,
    quarantined_at timestamptz}
where e.tenant_id = r.tenant_id and e.accepted_at = r.accepted_at and e.id = r.id and e.pending"""


def put_off(
    transaction: Transaction, failed: Sequence[PendingEvent], *, now: datetime, wall: datetime, rate: float
) -> None:
    """These could not be dispatched: try again later, or not any more. `now` is workflow time, `rate` its speed."""
    rows = []
    for one in failed:
        failures = one.failures + 1
        quarantine = failures >= MAX_FAILURES
        retry_at = now + _BACKOFF * rate * 2 ** (failures - 1)
        rows.append(
            {
                "tenant_id": one.tenant,
                "id": one.row_id,
                "accepted_at": one.event.accepted_at,
                "failures": failures,
                "retry_at": None if quarantine else retry_at,
                "quarantined_at": wall if quarantine else None,
            }
        )
    transaction.write(_FAILED, rows=rows)
