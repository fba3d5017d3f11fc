"""How enrollments ended, by workflow: totals by status, exit reason, goal and error over a period."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.storage.database import Transaction
from service.storage.dialect import instant_text


@dataclass(slots=True)
class Totals:
    """Of one workflow. `reasons` of exited and cancelled ones, `errors` are the codes of those that failed."""

    by_status: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    goals: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


def total_up(
    transaction: Transaction,
    tenant: str,
    workflows: Sequence[str],
    started_from: datetime | None,
    started_before: datetime | None,
) -> dict[str, Totals]:
    """By workflow, the enrollments that started in `[started_from, started_before)`, workflow time."""
    conditions = "e.tenant_id = :tenant and e.workflow in (select workflow_key from {rows:wanted; workflow_key text})"
    parameters: dict[str, Any] = {"tenant": tenant, "wanted": [{"workflow_key": key} for key in workflows]}
    for name, at, sign in (("started_from", started_from, ">="), ("started_before", started_before, "<")):
        if at is not None:
            conditions += f" and e.started_at {sign} :{name}"
            parameters[name] = instant_text(at)
    rows = transaction.rows(
        "select e.workflow, e.status, e.exit_reason, e.state ->> 'goal', case when e.status = 'failed' then "
        f"e.state -> 'last_error' ->> 'code' end, count(*) from enrollments as e where {conditions} "
        "group by 1, 2, 3, 4, 5",
        **parameters,
    )
    found: dict[str, Totals] = {key: Totals() for key in workflows}
    for workflow, status, reason, goal, error, count in rows:
        totals = found[workflow]
        totals.by_status[status] += int(count)
        for name, counter in ((reason, totals.reasons), (goal, totals.goals), (error, totals.errors)):
            if name:
                counter[name] += int(count)
    return found
