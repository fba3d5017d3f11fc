"""The funnel of a workflow: what became of every visit of every step, from history alone.

A *visit* is one stay in a step: history numbers them, and the line of how it was left carries the number. So each visit
is in exactly one state, and the sums of a funnel hold by themselves:

| state | the visit |
|---|---|
| passed | was left by an outcome |
| failed | ended with the step's failure, or the run failed in it |
| exited | ended with the run: by an exit rule, an exit step, a restart; or the run was cancelled |
| waiting | is not over |

A migrated run takes the visit it rests in along: it counts where it is now. What is not in history is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.storage.database import Transaction
from service.storage.dialect import instant_text


@dataclass(frozen=True, slots=True)
class Cohort:
    """Which enrollments of a workflow: those that started in `[started_from, started_before)` (workflow time).

    With a `version`, the visits that were made on it.
    """

    tenant: str
    workflow: str
    version: int | None = None
    started_from: datetime | None = None
    started_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class StepCounts:
    """Visits of a step: `entered` = `waiting` + `passed` + `exited` + `failed`; `cancelled` are some of `exited`.

    `enrollments` made them, of which `converted` reached a goal in the end.
    """

    step: str
    entered: int
    waiting: int
    passed: int
    exited: int
    failed: int
    cancelled: int
    enrollments: int
    converted: int


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Enrollments by status. `children` are no roots but parts of others, `converted` reached a goal.

    `unrecorded` have no history (any more), so that no step counts them.
    """

    by_status: dict[str, int]
    children: int
    converted: int
    unrecorded: int


_SETTLED: Final = "h.kind in ('step_completed', 'step_failed')"
_RESTED: Final = "h.kind in ('step_started', 'waiting')"
_MOVED: Final = "h.kind = 'migrated' and h.step is not null"
_ENDED: Final = "h.kind in ('completed', 'exited', 'cancelled', 'failed')"

_MOVES: Final = """
moves as (
    select h.enrollment_id, h.sequence, cast(h.entry -> 'metadata' ->> 'from_version' as integer) as from_version,
        cast(h.entry -> 'metadata' ->> 'to_version' as integer) as to_version,
        lag(h.sequence) over (partition by h.enrollment_id order by h.sequence) as before,
        lead(h.sequence) over (partition by h.enrollment_id order by h.sequence) as later
    from history as h join enrollments as e on e.tenant_id = h.tenant_id and e.id = h.enrollment_id
    where h.tenant_id = :tenant and e.workflow = :workflow and h.kind = 'migrated'
),
spans as (
    select enrollment_id, from_version as version, coalesce(before, -1) as begins, sequence as ends from moves
    union all
    select enrollment_id, to_version, sequence, 2147483647 from moves where later is null
),"""
"""Between which lines of history (the first included, the last not) a migrated run was on which version."""

_VISITS: Final = f"""
visits as (
    select h.enrollment_id, h.visit, max(r.goal) as goal, max(r.version) as version,
        max(case when {_SETTLED} then h.sequence end) as settled,
        max(case when {_SETTLED} then h.step end) as settled_step,
        max(case when h.kind = 'step_failed' then 1 else 0 end) as has_failed,
        max(case when {_RESTED} or {_MOVED} then h.sequence end) as rested,
        max(case when {_RESTED} then h.step end) as rested_step,
        max(case when {_MOVED} then h.sequence end) as moved,
        max(case when {_ENDED} then h.kind end) as ending,
        max(case when h.kind = 'exited' and h.position > 0 then h.sequence end) as exited_at
    from runs as r join history as h on h.tenant_id = :tenant and h.enrollment_id = r.id
    where {_SETTLED} or {_RESTED} or {_MOVED} or {_ENDED}
    group by h.enrollment_id, h.visit
)"""
"""An exit step is the one whose completion and the run's exit are neighbours, of one cause."""

_PLACES: Final = """
places as (
    select v.enrollment_id, v.goal, v.version, coalesce(v.settled, v.rested) as decided,
        coalesce(v.settled_step, m.step, v.rested_step) as step,
        case when v.settled is null then coalesce(v.ending, 'waiting') when v.has_failed = 1 then 'failed'
            when v.exited_at = v.settled + 1 then 'exited' else 'passed' end as state
    from visits as v left join history as m on m.tenant_id = :tenant and m.enrollment_id = v.enrollment_id
        and m.sequence = v.moved and v.settled is null
    where v.settled is not null or v.rested is not null
)"""

_COUNTED: Final = """
select p.step, count(*), sum(case when p.state = 'waiting' then 1 else 0 end),
    sum(case when p.state in ('passed', 'completed') then 1 else 0 end),
    sum(case when p.state in ('exited', 'cancelled') then 1 else 0 end),
    sum(case when p.state = 'failed' then 1 else 0 end), sum(case when p.state = 'cancelled' then 1 else 0 end),
    count(distinct p.enrollment_id), count(distinct case when p.goal is not null then p.enrollment_id end)
from places as p"""


def count_steps(transaction: Transaction, cohort: Cohort) -> list[StepCounts]:
    """Every step that was ever visited, in no order."""
    runs, parameters = _runs(cohort)
    if cohort.version is None:
        sql = f"with runs as ({runs}), {_VISITS}, {_PLACES} {_COUNTED} group by p.step"
    else:
        on_it = "(e.version = :version or e.id in (select enrollment_id from moves))"
        sql = (
            f"with {_MOVES} runs as ({runs} and {on_it}), {_VISITS}, {_PLACES} {_COUNTED} "
            "left join spans as s on s.enrollment_id = p.enrollment_id and s.begins <= p.decided "
            "and p.decided < s.ends "
            "where coalesce(s.version, p.version) = :version group by p.step"
        )
        parameters["version"] = cohort.version
    return [StepCounts(row[0], *map(int, row[1:])) for row in transaction.rows(sql, **parameters)]


def count_runs(transaction: Transaction, cohort: Cohort) -> RunCounts:
    """The enrollments themselves; with a version those that are on it, or ended on it."""
    runs, parameters = _runs(cohort)
    if cohort.version is not None:
        runs += " and e.version = :version"
        parameters["version"] = cohort.version
    rows = transaction.rows(
        f"with runs as ({runs}) select r.status, count(*), sum(case when r.parent_id is null then 0 else 1 end), "
        "sum(case when r.goal is null then 0 else 1 end), sum(case when exists (select 1 from history as h where "
        "h.tenant_id = :tenant and h.enrollment_id = r.id and h.sequence = 0) then 0 else 1 end) "
        "from runs as r group by r.status",
        **parameters,
    )
    return RunCounts(
        {row[0]: int(row[1]) for row in rows},
        children=_total(rows, 2),
        converted=_total(rows, 3),
        unrecorded=_total(rows, 4),
    )


def _runs(cohort: Cohort) -> tuple[str, dict[str, Any]]:
    sql = (
        "select e.id, e.version, e.status, e.parent_id, e.state ->> 'goal' as goal from enrollments as e "
        "where e.tenant_id = :tenant and e.workflow = :workflow"
    )
    parameters: dict[str, Any] = {"tenant": cohort.tenant, "workflow": cohort.workflow}
    for name, at, sign in (
        ("started_from", cohort.started_from, ">="),
        ("started_before", cohort.started_before, "<"),
    ):
        if at is not None:
            sql += f" and e.started_at {sign} :{name}"
            parameters[name] = instant_text(at)
    return sql, parameters


def _total(rows: Sequence[Sequence[Any]], column: int) -> int:
    return sum(int(row[column]) for row in rows)
