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

What was tallied (`tallies.py`) is added up; only the rest is counted from history. Periods that begin or end within
an hour have that hour counted from history too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from service.storage.database import Transaction
from service.storage.dialect import instant_text
from service.storage.stays import STAYS, STAYS_BY_VERSION
from service.storage.tallies import (
    ALL_VERSIONS,
    RUN_COUNTS,
    STEP_COUNTS,
    RunTally,
    Sums,
    find_mark,
    is_exact,
    tally_from,
)


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


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a cohort is counted: `tallied` says in SQL which hours of the tallies (alias `t`) count, None that none do.

    `outdated` is what these count of enrollments that have changed since. `raw` are conditions on `enrollments as e` of
    those that are counted from history; no two let the same one through.
    """

    raw: tuple[str, ...]
    parameters: dict[str, Any]
    tallied: str | None = None
    outdated: Sums = field(default_factory=Sums)


_OF_WORKFLOW: Final = "e.tenant_id = :tenant and e.workflow = :workflow"


def survey(transaction: Transaction, cohort: Cohort) -> Sources:
    """Where to count it."""
    parameters: dict[str, Any] = {"tenant": cohort.tenant, "workflow": cohort.workflow}
    period = _started(cohort.started_from, cohort.started_before, parameters)
    untallied = Sources((_OF_WORKFLOW + period,), parameters)
    mark = find_mark(transaction, cohort.tenant, cohort.workflow)
    first, last = _whole_hours(cohort)
    if not mark.up_to or (first and last and first >= last):
        return untallied
    if not is_exact(transaction, cohort.tenant, cohort.workflow, mark):
        return untallied
    inside = _started(first, last, parameters, "hour_")
    changed = _changed(transaction, inside, parameters)
    raw = [f"{_OF_WORKFLOW} and e.id > :up_to{period}"]
    if changed:
        raw.append(f"{_OF_WORKFLOW} and e.id in (select changed_id from {{rows:changed; changed_id text}})")
        parameters["changed"] = [{"changed_id": one.enrollment_id} for one in changed]
    if (first, last) != (cohort.started_from, cohort.started_before):
        raw.append(f"{_OF_WORKFLOW} and e.id <= :up_to{period} and not ({inside.removeprefix(' and ')})")
    hours = "".join(
        f" and t.hour {sign} '{at:%Y-%m-%dT%H}'" for at, sign in ((first, ">="), (last, "<")) if at is not None
    )
    parameters["up_to"] = mark.up_to
    outdated = Sums()
    for one in changed:
        outdated.add(one, -1)
    return Sources(tuple(raw), parameters, f"t.tenant_id = :tenant and t.workflow = :workflow{hours}", outdated)


def count_steps(transaction: Transaction, cohort: Cohort, sources: Sources | None = None) -> list[StepCounts]:
    """Every step that was ever visited, in no order."""
    found = sources or survey(transaction, cohort)
    total: dict[str, list[int]] = defaultdict(lambda: [0] * len(STEP_COUNTS))
    for row in (*_raw_steps(transaction, cohort, found), *_tallied_steps(transaction, cohort, found)):
        _add(total[row[0]], row[1:])
    for (version, _, step), counts in found.outdated.steps.items():
        if version == (cohort.version or ALL_VERSIONS):
            _add(total[step], counts)
    return [StepCounts(step, *counts) for step, counts in total.items() if counts[0]]


def count_runs(transaction: Transaction, cohort: Cohort, sources: Sources | None = None) -> RunCounts:
    """The enrollments themselves; with a version those that are on it, or ended on it."""
    found = sources or survey(transaction, cohort)
    total: dict[str, list[int]] = defaultdict(lambda: [0] * len(RUN_COUNTS))
    for row in (*_raw_runs(transaction, cohort, found), *_tallied_runs(transaction, cohort, found)):
        _add(total[row[0]], row[1:])
    for (version, _, status), counts in found.outdated.runs.items():
        if cohort.version in (None, version):
            _add(total[status], counts)
    children, converted, unrecorded = (sum(counts[column] for counts in total.values()) for column in (1, 2, 3))
    by_status = {status: counts[0] for status, counts in total.items() if counts[0]}
    return RunCounts(by_status, children, converted, unrecorded)


def _raw_steps(transaction: Transaction, cohort: Cohort, sources: Sources) -> Sequence[Sequence[Any]]:
    if cohort.version is None:
        counted, of_version, parameters = STAYS, "", sources.parameters
    else:
        counted, of_version = STAYS_BY_VERSION, " where s.version = :version"
        parameters = {**sources.parameters, "version": cohort.version}
    sums = ", ".join(f"sum(s.{name})" for name in STEP_COUNTS[:6])
    return transaction.rows(
        f"with runs as ({_runs(sources, _ONCE_ON if of_version else '')}), {counted} "
        f"select s.step, {sums}, count(*), count(r.goal) from stays as s join runs as r on r.id = s.enrollment_id"
        f"{of_version} group by s.step",
        **parameters,
    )


_ONCE_ON: Final = (
    " and (e.version = :version or exists (select 1 from history as g where g.tenant_id = e.tenant_id "
    "and g.enrollment_id = e.id and g.kind = 'migrated'))"
)


def _raw_runs(transaction: Transaction, cohort: Cohort, sources: Sources) -> Sequence[Sequence[Any]]:
    on_it, parameters = "", sources.parameters
    if cohort.version is not None:
        on_it, parameters = " and e.version = :version", {**parameters, "version": cohort.version}
    return transaction.rows(
        f"with runs as ({_runs(sources, on_it)}) select r.status, count(*), count(r.parent_id), count(r.goal), "
        "sum(case when exists (select 1 from history as h where h.tenant_id = :tenant and h.enrollment_id = r.id "
        "and h.sequence = 0) then 0 else 1 end) from runs as r group by r.status",
        **parameters,
    )


def _tallied_steps(transaction: Transaction, cohort: Cohort, sources: Sources) -> Sequence[Sequence[Any]]:
    if sources.tallied is None:
        return ()
    sums = ", ".join(f"sum(t.{name})" for name in STEP_COUNTS)
    whole = f"{sources.tallied} and t.version = :version"
    return transaction.rows(
        f"select t.step, {sums} from step_tallies as t where {whole} group by t.step",
        **{**sources.parameters, "version": cohort.version or ALL_VERSIONS},
    )


def _tallied_runs(transaction: Transaction, cohort: Cohort, sources: Sources) -> Sequence[Sequence[Any]]:
    if sources.tallied is None:
        return ()
    sums = ", ".join(f"sum(t.{name})" for name in RUN_COUNTS)
    on_it, parameters = "", sources.parameters
    if cohort.version is not None:
        on_it, parameters = " and t.version = :version", {**parameters, "version": cohort.version}
    return transaction.rows(
        f"select t.status, {sums} from run_tallies as t where {sources.tallied}{on_it} group by t.status", **parameters
    )


def _changed(transaction: Transaction, inside: str, parameters: dict[str, Any]) -> list[RunTally]:
    """The tallies of those that have changed since, and started in one of these hours."""
    rows = transaction.rows(
        "select o.enrollment_id, o.revision, o.counted from open_tallies as o join enrollments as e "
        "on e.tenant_id = o.tenant_id and e.id = o.enrollment_id where o.tenant_id = :tenant "
        f"and o.workflow = :workflow and e.revision <> o.revision{inside}",
        **parameters,
    )
    return [tally_from(*row) for row in rows]


def _runs(sources: Sources, condition: str) -> str:
    """The enrollments that are counted from history."""
    return " union all ".join(
        "select e.id, e.version, e.status, e.parent_id, e.state ->> 'goal' as goal from enrollments as e "
        f"where {one}{condition}"
        for one in sources.raw
    )


def _whole_hours(cohort: Cohort) -> tuple[datetime | None, datetime | None]:
    """The hours that are in the period from beginning to end: [first, last), in UTC."""
    first, last = cohort.started_from, cohort.started_before
    if first is not None:
        floor = _full_hour(first)
        first = floor if floor == first else floor + timedelta(hours=1)
    return first, _full_hour(last) if last is not None else None


def _full_hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _started(
    since: datetime | None, before: datetime | None, parameters: dict[str, Any], prefix: str = "started_"
) -> str:
    sql = ""
    for name, at, sign in (("from", since, ">="), ("before", before, "<")):
        if at is not None:
            sql += f" and e.started_at {sign} :{prefix}{name}"
            parameters[f"{prefix}{name}"] = instant_text(at)
    return sql


def _add(total: list[int], counts: Sequence[Any]) -> None:
    for index, count in enumerate(counts):
        total[index] += int(count or 0)
