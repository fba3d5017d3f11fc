"""The funnel counted once more, line by line, and held against what the database answers and what enrollments say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from service.storage.database import Transaction
from service.storage.dialect import load
from service.storage.funnel_queries import Cohort, StepCounts, count_steps
from statemachine.standstill import CONTINUE

Place = tuple[int, str, str]
"""(version, step, state)."""


@dataclass
class Reader:
    """Reads one run's history from its first line to its last."""

    version: int
    visits: dict[int, Place] = field(default_factory=dict)
    left: tuple[int, str, int] | None = None

    def read(self, sequence: int, cause: str, kind: str, step: str | None, visit: int, moved_to: int | None) -> None:
        before, self.left = self.left, None
        if kind in ("waiting", "step_started"):
            self.visits[visit] = (self.version, str(step), "waiting")
        elif kind == "step_completed":
            self.visits[visit] = (self.version, str(step), "passed")
            self.left = (visit, cause, sequence)
        elif kind == "step_failed":
            self.visits[visit] = (self.version, str(step), "failed")
        elif kind == "migrated":
            assert moved_to is not None
            self.version = moved_to
            if step is not None:
                self.visits[visit] = (moved_to, step, self.visits[visit][2])
        elif kind in ("exited", "cancelled", "failed"):
            place = self.visits.get(visit)
            by_step = kind == "exited" and before == (visit, cause, sequence - 1)
            if place is not None and (place[2] == "waiting" or by_step):
                self.visits[visit] = (*place[:2], kind)


def assert_funnels_hold(transaction: Transaction) -> Counter[str]:
    """Of every workflow, on all versions together and on each; answers how many visits are in which state."""
    seen: Counter[str] = Counter()
    for tenant, key in transaction.rows("select distinct tenant_id, workflow from enrollments"):
        visits = _visits(transaction, key)
        versions = sorted({version for run in visits.values() for version, _, _ in run})
        for version in (None, *versions):
            counted = count_steps(transaction, Cohort(tenant, key, version))
            assert_sums(counted)
            assert _shape(counted) == _expected(visits, version), f"the funnel of {key}, version {version}"
        seen.update(state for places in visits.values() for _, _, state in places)
        assert _resting(transaction, key) == _waiting(visits), f"who rests where in {key}"
    return seen


def assert_sums(counted: Iterable[StepCounts]) -> None:
    for step in counted:
        assert step.entered == step.waiting + step.passed + step.exited + step.failed, step
        assert step.cancelled <= step.exited
        assert step.enrollments <= step.entered
        assert step.converted <= step.enrollments


def _visits(transaction: Transaction, key: str) -> dict[str, list[Place]]:
    readers: dict[str, Reader] = {}
    for run, version, sequence, cause, kind, step, visit, entry in transaction.rows(
        "select h.enrollment_id, e.version, h.sequence, h.cause_id, h.kind, h.step, h.visit, h.entry from history as h "
        "join enrollments as e on e.tenant_id = h.tenant_id and e.id = h.enrollment_id where e.workflow = :key "
        "order by h.enrollment_id, h.sequence",
        key=key,
    ):
        metadata = load(entry).get("metadata", {}) if kind == "migrated" else {}
        if run not in readers:
            readers[run] = Reader(_first_version(transaction, run, version))
        readers[run].read(sequence, cause, kind, step, visit, metadata.get("to_version"))
    return {run: list(reader.visits.values()) for run, reader in readers.items()}


def _first_version(transaction: Transaction, run: str, version: int) -> int:
    row = transaction.row(
        "select entry from history where enrollment_id = :run and kind = 'migrated' order by sequence limit 1", run=run
    )
    return int(load(row[0])["metadata"]["from_version"]) if row else version


def _expected(visits: dict[str, list[Place]], version: int | None) -> dict[str, tuple[int, ...]]:
    states: dict[str, Counter[str]] = defaultdict(Counter)
    runs: Counter[str] = Counter()
    for places in visits.values():
        mine = [(step, state) for on, step, state in places if version in (None, on)]
        for step, state in mine:
            states[step][state] += 1
        runs.update({step for step, _ in mine})
    return {
        step: (
            found.total(),
            found["waiting"],
            found["passed"],
            found["exited"] + found["cancelled"],
            found["failed"],
            found["cancelled"],
            runs[step],
        )
        for step, found in states.items()
    }


def _shape(counted: Sequence[StepCounts]) -> dict[str, tuple[int, ...]]:
    return {
        one.step: (one.entered, one.waiting, one.passed, one.exited, one.failed, one.cancelled, one.enrollments)
        for one in counted
    }


def _waiting(visits: dict[str, list[Place]]) -> Counter[str]:
    return Counter(step for places in visits.values() for _, step, state in places if state == "waiting")


def _resting(transaction: Transaction, key: str) -> Counter[str]:
    """Who rests in a step, by the enrollments themselves; who is between two steps does not."""
    rows = transaction.rows(
        "select step, state from enrollments where workflow = :key and status in ('waiting', 'paused')", key=key
    )
    return Counter(step for step, state in rows if step and CONTINUE not in load(state).get("deadlines", {}))
