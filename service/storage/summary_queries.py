"""One enrollment's history, summed up by step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from service.storage.database import Row, Transaction
from service.storage.dialect import instant


@dataclass(frozen=True, slots=True)
class StepSum:
    """`duration` is that of the completed visits together."""

    step: str
    visits: int
    completed: int
    failed: int
    skipped: int
    retries: int
    duration: timedelta
    first_at: datetime
    last_at: datetime


def sum_up_steps(transaction: Transaction, tenant: str, enrollment_id: str) -> list[StepSum]:
    """Every step that the enrollment came to, in order of the first time."""
    rows = transaction.rows(
        "select h.step, count(distinct case when h.kind not in ('step_skipped', 'retrying') then h.visit end), "
        "sum(case when h.kind = 'step_completed' then 1 else 0 end), "
        "sum(case when h.kind = 'step_failed' then 1 else 0 end), "
        "sum(case when h.kind = 'step_skipped' then 1 else 0 end), "
        "sum(case when h.kind = 'retrying' then 1 else 0 end), "
        "sum(case when h.kind = 'step_completed' then cast(h.entry ->> 'duration_ms' as integer) else 0 end), "
        "min(h.at), max(h.at) from history as h where h.tenant_id = :tenant and h.enrollment_id = :enrollment "
        "and h.step is not null and h.kind in ('step_started', 'waiting', 'step_completed', 'step_failed', "
        "'step_skipped', 'retrying') group by h.step order by min(h.sequence)",
        tenant=tenant,
        enrollment=enrollment_id,
    )
    return [_step_sum(row) for row in rows]


def count_levels(transaction: Transaction, tenant: str, enrollment_id: str) -> dict[str, int]:
    """How many lines its history has, by level."""
    rows = transaction.rows(
        "select level, count(*) from history where tenant_id = :tenant and enrollment_id = :enrollment group by level",
        tenant=tenant,
        enrollment=enrollment_id,
    )
    return {row[0]: int(row[1]) for row in rows}


def _step_sum(row: Row) -> StepSum:
    visits, completed, failed, skipped, retries, took_ms = (int(number or 0) for number in row[1:7])
    took = timedelta(milliseconds=took_ms)
    return StepSum(row[0], visits, completed, failed, skipped, retries, took, _at(row[7]), _at(row[8]))


def _at(value: Any) -> datetime:
    at = instant(value)
    assert at is not None
    return at
