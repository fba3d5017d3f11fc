"""Who was given which variant of a split first, and who reached a goal after it.

A *subject* is a contact, or a run without one; it counts once, under the variant that it was given first, however often
it came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from service.storage.database import Transaction
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

_REVISION: Final = """(select max(w.revision) from split_weights as w where w.tenant_id = :tenant
        and w.workflow = :workflow and w.version = f.version and w.step = :step and w.set_at <= f.at)"""
_ENTERED: Final = """
select 'entered' as part, g.label, g.version, g.revision, '' as goal, count(*) from (
    select f.label, f.version, {revision} as revision from firsts as f
) as g group by g.label, g.version, g.revision"""

_REACHED: Final = """,
reached as (
    select distinct f.label, r.goal, f.subject from firsts as f join runs as r on r.subject = f.subject
    where r.goal is not null and r.ended_at >= f.at
)"""
_GOALS: Final = """
union all
select 'goal', g.label, 0, 0, g.goal, count(*) from reached as g group by g.label, g.goal
union all
select 'converted', g.label, 0, 0, '', count(distinct g.subject) from reached as g group by g.label"""

_EVENT: Final = """
union all
select 'converted', f.label, 0, 0, '', count(*) from firsts as f where exists (select 1 from events as v
    where v.tenant_id = :tenant and v.contact_id = f.contact_id and v.type = :type and v.accepted_at > f.at{within})
group by f.label"""
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


@dataclass(frozen=True, slots=True)
class GoalEvent:
    """Contacts that had an event of this type after they were given the variant, within this time, have converted."""

    type: str
    within: timedelta | None = None


@dataclass(slots=True)
class Outcome:
    """`goals` are label → goal → subjects whose run reached it after they were given the variant, `converted` label →
    subjects with any of them, or with the event."""

    entered: list[Entered] = field(default_factory=list)
    goals: dict[str, dict[str, int]] = field(default_factory=dict)
    converted: dict[str, int] = field(default_factory=dict)


def count_outcome(
    transaction: Transaction, cohort: Cohort, step: str, event: GoalEvent | None = None, *, weighted: bool = True
) -> Outcome:
    """By goals, or by an event; history is read once. `weighted`: shares of the split were set while it was live."""
    parameters: dict[str, Any] = {"tenant": cohort.tenant, "workflow": cohort.workflow, "step": step}
    runs = _RUNS.format(period=_period(cohort, parameters))
    entered = _ENTERED.format(revision=_REVISION if weighted else "cast(null as bigint)")
    if event is None:
        sql = f"with {runs}{_REACHED}{entered}{_GOALS}"
    else:
        parameters["type"] = event.type
        if event.within is not None:
            parameters["within_s"] = event.within.total_seconds()
        within = _WITHIN[transaction.kind] if event.within is not None else ""
        sql = f"with {runs}{entered}{_EVENT.format(within=within)}"
    outcome = Outcome()
    for part, label, version, revision, goal, count in transaction.rows(sql, **parameters):
        if part == "entered":
            outcome.entered.append(Entered(label, version, revision, int(count)))
        elif part == "goal":
            outcome.goals.setdefault(label, {})[goal] = int(count)
        else:
            outcome.converted[label] = int(count)
    return outcome


def any_event(transaction: Transaction, tenant: str, kind: str) -> bool:
    """Whether an event of this type was ever accepted."""
    sql = "select 1 from events where tenant_id = :tenant and type = :type limit 1"
    return transaction.row(sql, tenant=tenant, type=kind) is not None


def _period(cohort: Cohort, parameters: dict[str, Any]) -> str:
    sql = ""
    for name, at, sign in (
        ("started_from", cohort.started_from, ">="),
        ("started_before", cohort.started_before, "<"),
    ):
        if at is not None:
            sql += f" and e.started_at {sign} :{name}"
            parameters[name] = instant_text(at)
    return sql
