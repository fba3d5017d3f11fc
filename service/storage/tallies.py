"""Tallies: the visits and enrollments of a workflow, counted once and kept as sums, so that nobody reads all history
for a funnel. They are written from time to time, by `service/tallying.py`, and never in the way of what happens.

| table | what |
|---|---|
| `tally_marks` | how far a workflow is counted: enrollments up to this id, and how many these are |
| `step_tallies` | visits by version (0: all), hour of the start and step |
| `run_tallies` | enrollments by version, hour of the start and status |
| `open_tallies` | of those counted, what can change still: at which revision they were counted, and as what |

Whoever reads adds what came after the mark, and counts anew what has changed since (another revision). History only
grows and an ended enrollment does not change, unless it failed and is retried. So the sums are exact at every moment.
An enrollment with an id before the mark that was committed after it, by a server whose clock is far behind, makes the
numbers of enrollments differ: then the tallies are not used, and made anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from service.storage.database import Transaction
from service.storage.dialect import dump, instant, load
from service.storage.stays import STAYS_BY_VERSION

ALL_VERSIONS: Final = 0
STEP_COUNTS: Final = ("entered", "waiting", "passed", "exited", "failed", "cancelled", "enrollments", "converted")
RUN_COUNTS: Final = ("runs", "children", "converted", "unrecorded")
_VISITS: Final = 6
"""Of the counts of a step, those that count visits and not enrollments."""
_FOR_GOOD: Final = frozenset({"completed", "exited", "cancelled"})


class Overtaken(Exception):  # noqa: N818 - a race lost is no error of anyone's
    """Another server has tallied the workflow meanwhile: nothing was written, and nothing needs to be."""


@dataclass(frozen=True, slots=True)
class Mark:
    """`runs` enrollments with ids up to `up_to` are counted. `revision` is 0 where nothing was counted yet."""

    up_to: str = ""
    runs: int = 0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class RunTally:
    """What one enrollment adds. `stays` are (version, step, entered, waiting, passed, exited, failed, cancelled)."""

    enrollment_id: str
    revision: int
    version: int
    hour: str
    status: str
    child: bool
    converted: bool
    unrecorded: bool
    stays: tuple[tuple[Any, ...], ...]

    @property
    def for_good(self) -> bool:
        """Whether it is what it is for ever."""
        return self.status in _FOR_GOOD

    def to_text(self) -> str:
        return dump([self.version, self.hour, self.status, self.child, self.converted, self.unrecorded, self.stays])


def tally_from(enrollment_id: str, revision: int, counted: str) -> RunTally:
    version, hour, status, child, converted, unrecorded, stays = load(counted)
    return RunTally(
        enrollment_id, revision, version, hour, status, child, converted, unrecorded, tuple(map(tuple, stays))
    )


@dataclass(slots=True)
class Sums:
    """By (version, hour, step) what STEP_COUNTS names, by (version, hour, status) what RUN_COUNTS names."""

    steps: dict[tuple[int, str, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * 8))
    runs: dict[tuple[int, str, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * 4))

    def add(self, run: RunTally, sign: int = 1) -> None:
        """Add what an enrollment counts, or take it away."""
        seen: dict[str, list[int]] = defaultdict(lambda: [0] * _VISITS)
        for version, step, *counts in run.stays:
            self._add_step(run, version, step, counts, sign)
            seen[step] = [sum(pair) for pair in zip(seen[step], counts, strict=True)]
        for step, counts in seen.items():
            self._add_step(run, ALL_VERSIONS, step, counts, sign)
        found = (1, run.child, run.converted, run.unrecorded)
        _add(self.runs[run.version, run.hour, run.status], found, sign)

    def _add_step(self, run: RunTally, version: int, step: str, counts: Sequence[int], sign: int) -> None:
        _add(self.steps[version, run.hour, step], (*counts, 1, run.converted), sign)


def _add(total: list[int], counts: Iterable[int], sign: int) -> None:
    for index, count in enumerate(counts):
        total[index] += sign * count


_CHOSEN: Final = """
select e.id, e.revision, e.version, e.started_at, e.status, e.parent_id, e.state ->> 'goal', case when exists (
    select 1 from history as h where h.tenant_id = e.tenant_id and h.enrollment_id = e.id and h.sequence = 0
) then 0 else 1 end """

_STAYS: Final = f"""
with runs as (
    select e.id, e.version from {{rows:wanted; wanted_id text}}
    {{look up: enrollments as e where e.tenant_id = :tenant and e.id = r.wanted_id}}
), {STAYS_BY_VERSION}
select s.enrollment_id, s.version, s.step, s.entered, s.waiting, s.passed, s.exited, s.failed, s.cancelled
from stays as s"""


def find_mark(transaction: Transaction, tenant: str, workflow: str) -> Mark:
    row = transaction.row(
        "select up_to, runs, revision from tally_marks where tenant_id = :tenant and workflow = :workflow",
        tenant=tenant,
        workflow=workflow,
    )
    return Mark(row[0], int(row[1]), int(row[2])) if row else Mark()


def is_exact(transaction: Transaction, tenant: str, workflow: str, mark: Mark) -> bool:
    """Whether as many enrollments are there up to the mark as were counted."""
    row = transaction.row(
        "select count(*) from enrollments as e where e.tenant_id = :tenant and e.workflow = :workflow "
        "and e.id <= :up_to",
        tenant=tenant,
        workflow=workflow,
        up_to=mark.up_to,
    )
    return row is not None and int(row[0]) == mark.runs


def count_next(
    transaction: Transaction, tenant: str, workflow: str, after: str, until: str, limit: int
) -> list[RunTally]:
    """What the enrollments behind an id and up to another add, a page of them in order of their ids."""
    rows = transaction.rows(
        f"{_CHOSEN} from enrollments as e where e.tenant_id = :tenant and e.workflow = :workflow and e.id > :after "
        "and e.id <= :until order by e.id limit :limit",
        tenant=tenant,
        workflow=workflow,
        after=after,
        until=until,
        limit=limit,
    )
    return _tallies(transaction, tenant, rows)


Place = tuple[str, str, str]
"""Tenant, workflow and id of an open tally."""
FIRST: Final[Place] = ("", "", "")


@dataclass(frozen=True, slots=True)
class Change:
    """An enrollment as it was counted, and as it counts now."""

    before: RunTally
    now: RunTally


def changed_since(
    transaction: Transaction, after: Place, limit: int
) -> tuple[dict[tuple[str, str], list[Change]], Place | None]:
    """Of a page of those that were not over when they were counted, those that changed, by tenant and workflow; and
    after which the next page begins, if there is one."""
    page = transaction.rows(
        "select o.tenant_id, o.workflow, o.enrollment_id, o.revision, "
        "case when e.revision <> o.revision then o.counted end from open_tallies as o join enrollments as e "
        "on e.tenant_id = o.tenant_id and e.id = o.enrollment_id "
        "where (o.tenant_id, o.workflow, o.enrollment_id) > (:tenant, :workflow, :enrollment) "
        "order by o.tenant_id, o.workflow, o.enrollment_id limit :limit",
        **dict(zip(("tenant", "workflow", "enrollment"), after, strict=True)),
        limit=limit,
    )
    before: dict[tuple[str, str], dict[str, RunTally]] = defaultdict(dict)
    for tenant, workflow, name, revision, counted in page:
        if counted is not None:
            before[tenant, workflow][name] = tally_from(name, revision, counted)
    changes = {
        (tenant, workflow): [
            Change(known[current.enrollment_id], current)
            for current in _tallies(transaction, tenant, _chosen(transaction, tenant, known))
        ]
        for (tenant, workflow), known in before.items()
    }
    further = page[-1][:3] if len(page) == limit else None
    return changes, (further[0], further[1], further[2]) if further else None


def untallied(transaction: Transaction, until: str, limit: int = 50) -> list[tuple[str, str]]:
    """(tenant, workflow) of some workflows with enrollments behind their marks, with ids up to one."""
    rows = transaction.rows(
        "select w.tenant_id, w.key from workflows as w left join tally_marks as m on m.tenant_id = w.tenant_id "
        "and m.workflow = w.key where exists (select 1 from enrollments as e where e.tenant_id = w.tenant_id "
        "and e.workflow = w.key and e.id > coalesce(m.up_to, '') and e.id <= :until) limit :limit",
        until=until,
        limit=limit,
    )
    return [(row[0], row[1]) for row in rows]


def all_marks(transaction: Transaction) -> list[tuple[str, str, Mark]]:
    rows = transaction.rows("select tenant_id, workflow, up_to, runs, revision from tally_marks")
    return [(row[0], row[1], Mark(row[2], int(row[3]), int(row[4]))) for row in rows]


def _chosen(transaction: Transaction, tenant: str, ids: Iterable[str]) -> Sequence[Any]:
    return transaction.rows(
        f"{_CHOSEN} from {{rows:wanted; wanted_id text}} "
        "{look up: enrollments as e where e.tenant_id = :tenant and e.id = r.wanted_id}",
        tenant=tenant,
        wanted=[{"wanted_id": one} for one in ids],
    )


def _tallies(transaction: Transaction, tenant: str, rows: Sequence[Any]) -> list[RunTally]:
    """The rows are read before the histories: one that changes in between has another revision then, and is counted
    again."""
    if not rows:
        return []
    stays: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    wanted = [{"wanted_id": row[0]} for row in rows]
    for found in transaction.rows(_STAYS, tenant=tenant, wanted=wanted):
        stays[found[0]].append((int(found[1]), found[2], *map(int, found[3:])))
    return [
        RunTally(
            row[0], int(row[1]), int(row[2]), hour_of(row[3]), row[4], row[5] is not None, bool(row[6]), bool(row[7]),
            tuple(stays[row[0]]),
        )
        for row in rows
    ]  # fmt: skip


def hour_of(value: datetime | str) -> str:
    """The hour in UTC, as YYYY-MM-DDTHH."""
    at = instant(value)
    assert at is not None
    return f"{at.astimezone(UTC):%Y-%m-%dT%H}"


_MOVE_MARK: Final = """
update tally_marks set up_to = :up_to, runs = runs + :added, revision = revision + 1
where tenant_id = :tenant and workflow = :workflow and revision = :revision"""


def _added(table: str, key: str, counts: Sequence[str]) -> str:
    names = ", ".join(counts)
    changes = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in counts)
    columns = ", ".join(f"{name} bigint" for name in counts)
    return f"""
insert into {table} (tenant_id, workflow, version, hour, {key}, {names})
select tenant_id, workflow, version, hour, {key}, {names}
from {{rows:rows; tenant_id text, workflow text, version int, hour text, {key} text, {columns}}} where true
on conflict (tenant_id, workflow, version, hour, {key}) do update set {changes}"""


_ADD_STEPS: Final = _added("step_tallies", "step", STEP_COUNTS)
_ADD_RUNS: Final = _added("run_tallies", "status", RUN_COUNTS)
_KEEP_OPEN: Final = """
insert into open_tallies (tenant_id, workflow, enrollment_id, revision, counted)
select tenant_id, workflow, enrollment_id, revision, counted
from {rows:rows; tenant_id text, workflow text, enrollment_id text, revision bigint, counted json} where true
on conflict (tenant_id, workflow, enrollment_id)
    do update set revision = excluded.revision, counted = excluded.counted"""
_CLOSE: Final = """
delete from open_tallies where (tenant_id, workflow, enrollment_id) in (
    select tenant_id, workflow, enrollment_id from {rows:rows; tenant_id text, workflow text, enrollment_id text})"""


def keep_tallies(
    transaction: Transaction,
    tenant: str,
    workflow: str,
    mark: Mark,
    *,
    new: Sequence[RunTally] = (),
    changed: Sequence[Change] = (),
) -> None:
    """Add what was counted after `mark` was read. Raises Overtaken when another server did meanwhile."""
    if not new and not changed:
        return
    if not mark.revision:
        transaction.write(
            "insert into tally_marks (tenant_id, workflow, up_to, runs, revision) "
            "values (:tenant, :workflow, '', 0, 0) on conflict do nothing",
            tenant=tenant,
            workflow=workflow,
        )
    up_to = new[-1].enrollment_id if new else mark.up_to
    if not transaction.write(
        _MOVE_MARK, tenant=tenant, workflow=workflow, revision=mark.revision, up_to=up_to, added=len(new)
    ):
        raise Overtaken(workflow)
    sums = Sums()
    for one in new:
        sums.add(one)
    for change in changed:
        sums.add(change.before, -1)
        sums.add(change.now)
    name = {"tenant_id": tenant, "workflow": workflow}
    counted = [*new, *(change.now for change in changed)]
    writes = [
        (_ADD_STEPS, _rows(name, sums.steps, "step", STEP_COUNTS)),
        (_ADD_RUNS, _rows(name, sums.runs, "status", RUN_COUNTS)),
        (_KEEP_OPEN, [_open_row(name, one) for one in counted if not one.for_good]),
        (_CLOSE, [{**name, "enrollment_id": one.now.enrollment_id} for one in changed if one.now.for_good]),
    ]
    transaction.write_all([(sql, rows) for sql, rows in writes if rows])


def forget_tallies(transaction: Transaction, tenant: str, workflow: str, mark: Mark) -> None:
    """Begin anew. Raises Overtaken when another server tallies at the same time."""
    if not transaction.write(
        "update tally_marks set up_to = '', runs = 0, revision = revision + 1 where tenant_id = :tenant and "
        "workflow = :workflow and revision = :revision",
        tenant=tenant,
        workflow=workflow,
        revision=mark.revision,
    ):
        raise Overtaken(workflow)
    for table in ("step_tallies", "run_tallies", "open_tallies"):
        transaction.write(
            f"delete from {table} where tenant_id = :tenant and workflow = :workflow", tenant=tenant, workflow=workflow
        )


def _rows(
    name: dict[str, Any], sums: dict[tuple[int, str, str], list[int]], key: str, counts: Sequence[str]
) -> list[Any]:
    """In the order of the key, so that two servers never wait for each other in a ring."""
    return [
        {**name, "version": version, "hour": hour, key: word, **dict(zip(counts, numbers, strict=True))}
        for (version, hour, word), numbers in sorted(sums.items())
        if any(numbers)
    ]


def _open_row(name: dict[str, Any], one: RunTally) -> dict[str, Any]:
    return {**name, "enrollment_id": one.enrollment_id, "revision": one.revision, "counted": load(one.to_text())}
