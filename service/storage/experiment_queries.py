"""Who was given which variant of a split first, and who reached a goal after it.

A *subject* is a contact, or a run without one; it counts once, under the variant that it was given first, however often
it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from service.storage.database import Row, Transaction
from service.storage.dialect import instant_text
from service.storage.funnel_queries import Cohort

_RUNS: Final = """
runs as (
    select e.id, e.version, e.contact_id, coalesce(e.contact_id, e.id) as subject, e.state ->> 'goal' as goal,
        e.ended_at
    from enrollments as e where e.tenant_id = :tenant and e.workflow = :workflow{period}
),
given as (
    select r.subject, r.contact_id, h.at, r.version, h.enrollment_id, h.sequence,
        coalesce(h.entry -> 'output' ->> 'variant', case when h.entry ->> 'outcome' = 'exited' then 'holdout' end)
            as label
    from runs as r join history as h on h.tenant_id = :tenant and h.enrollment_id = r.id
    where h.kind = 'step_completed' and h.step = :step
),
firsts as (
    select * from (
        select g.*, row_number() over (partition by subject order by at, enrollment_id, sequence) as turn
        from given as g
    ) as x where turn = 1 and label is not null
)"""

_ENTERED: Final = """
select f.label, f.version, (select max(w.revision) from split_weights as w where w.tenant_id = :tenant
    and w.workflow = :workflow and w.version = f.version and w.step = :step and w.set_at <= f.at) as revision, count(*)
from firsts as f group by 1, 2, 3"""

_GOALS: Final = """
select f.label, r.goal, count(distinct f.subject) from firsts as f join runs as r on r.subject = f.subject
where r.goal is not null and r.ended_at >= f.at group by 1, 2"""

_ANY_GOAL: Final = """
select f.label, count(distinct f.subject) from firsts as f join runs as r on r.subject = f.subject
where r.goal is not null and r.ended_at >= f.at group by 1"""

_EVENT: Final = """
select f.label, count(*) from firsts as f where exists (select 1 from events as v where v.tenant_id = :tenant
    and v.contact_id = f.contact_id and v.type = :type and v.accepted_at > f.at{within}) group by 1"""
_WITHIN: Final = {
    "sqlite": " and (julianday(v.accepted_at) - julianday(f.at)) * 86400.0 <= :within_s",
    "postgresql": " and extract(epoch from v.accepted_at - f.at) <= :within_s",
}


@dataclass(frozen=True, slots=True)
class Entered:
    """Subjects given a variant first on this version, by the shares of this setting (None: those of the definition)."""

    label: str
    version: int
    revision: int | None
    count: int


def count_entered(transaction: Transaction, cohort: Cohort, step: str) -> list[Entered]:
    return [Entered(row[0], row[1], row[2], int(row[3])) for row in _rows(transaction, cohort, step, _ENTERED)]


def count_goals(transaction: Transaction, cohort: Cohort, step: str) -> dict[str, dict[str, int]]:
    """Label → goal → subjects whose run reached it after they were given the variant."""
    found: dict[str, dict[str, int]] = {}
    for label, goal, count in _rows(transaction, cohort, step, _GOALS):
        found.setdefault(label, {})[goal] = int(count)
    return found


def count_any_goal(transaction: Transaction, cohort: Cohort, step: str) -> dict[str, int]:
    return {row[0]: int(row[1]) for row in _rows(transaction, cohort, step, _ANY_GOAL)}


def count_event(
    transaction: Transaction, cohort: Cohort, step: str, kind: str, within: timedelta | None
) -> dict[str, int]:
    """Label → contacts that had such an event after they were given the variant, in time."""
    parameters: dict[str, Any] = {"type": kind}
    if within is not None:
        parameters["within_s"] = within.total_seconds()
    sql = _EVENT.format(within=_WITHIN[transaction.kind] if within is not None else "")
    return {row[0]: int(row[1]) for row in _rows(transaction, cohort, step, sql, **parameters)}


def any_event(transaction: Transaction, tenant: str, kind: str) -> bool:
    """Whether an event of this type was ever accepted."""
    sql = "select 1 from events where tenant_id = :tenant and type = :type limit 1"
    return transaction.row(sql, tenant=tenant, type=kind) is not None


def _rows(transaction: Transaction, cohort: Cohort, step: str, sql: str, **parameters: Any) -> Sequence[Row]:
    period = ""
    for name, at, sign in (
        ("started_from", cohort.started_from, ">="),
        ("started_before", cohort.started_before, "<"),
    ):
        if at is not None:
            period += f" and e.started_at {sign} :{name}"
            parameters[name] = instant_text(at)
    named = {"tenant": cohort.tenant, "workflow": cohort.workflow, "step": step}
    return transaction.rows(f"with {_RUNS.format(period=period)} {sql}", **named, **parameters)
