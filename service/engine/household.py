"""The household of a desk: a family of enrollments, decided together in one transaction (`statemachine/family.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from service.engine.catalog import Catalog, Directory
from service.engine.desk import Desk
from service.storage.database import Transaction
from service.storage.enrollments import StoredEnrollment
from service.storage.families import load_families
from statemachine.cause import Cause, ParentCause
from statemachine.decision import ChildOrder, Decision
from statemachine.errors import NotFound
from statemachine.family import follow, tell
from statemachine.kin import MAX_WORKFLOWS_DEEP
from statemachine.reads import Reads
from statemachine.record import record
from statemachine.snapshot import Snapshot
from statemachine.workflow import Workflow


class BrokenFamily(Exception):  # noqa: N818 - it says what happened
    """A decision about one of a family failed when others were kept: nothing of the batch may be saved."""


class Decide(Protocol):
    """Decides one cause for a run of a desk, and keeps what comes of it."""

    def __call__(
        self, desk: Desk, workflow: Workflow, snapshot: Snapshot, cause: Cause, *, crowded: bool = False
    ) -> Decision | None: ...


@record
class Stray:
    """A parent's word that children may have to hear who were not loaded."""

    desk: Desk
    parent: Snapshot
    word: ParentCause


class Versions:
    """What a child is to run: a version by its number, or the one that is active."""

    def __init__(self, catalog: Catalog, directory: Directory, transaction: Transaction) -> None:
        self._catalog = catalog
        self._directory = directory
        self._transaction = transaction

    def find(self, tenant: str, key: str, version: int) -> Workflow | None:
        row = self._directory.workflows.get((tenant, key))
        number = version or (row.active_version if row is not None else None)
        if row is None or row.gone or number is None:
            return None
        try:
            return self._catalog.version(self._transaction, tenant, key, number)
        except NotFound:
            return None

    def reads(self, tenant: str, workflow: Workflow, own: Reads, depth: int = 1) -> Reads:
        """What a run may read, `own`, with what the workflows that it starts may."""
        for key, version in workflow.inner if depth < MAX_WORKFLOWS_DEEP else ():
            found = self.find(tenant, key, version)
            if found is not None:
                own |= self.reads(tenant, found, found.reads, depth + 1)
        return own

    def talks(self, tenant: str, workflow: Workflow) -> bool:
        """Whether a run, or one that it starts, may read its conversation."""
        own = workflow.reads
        return own.conversation or (bool(workflow.inner) and self.reads(tenant, workflow, own).conversation)

    def keys(self, tenant: str, workflow: Workflow, depth: int = 1) -> set[str]:
        """The key of the workflow, and those of the workflows that it starts."""
        keys = {workflow.key}
        for key, version in workflow.inner if depth < MAX_WORKFLOWS_DEEP else ():
            found = self.find(tenant, key, version)
            if found is not None:
                keys |= self.keys(tenant, found, depth + 1)
        return keys

    def of(self, tenant: str, key: str, version: int) -> Workflow:
        """The version of a run that exists. Raises NotFound."""
        return self._catalog.version(self._transaction, tenant, key, version)


class Household:
    """See the module. `strays` gathers words for children who are not at hand."""

    def __init__(self, desk: Desk, decide: Decide, versions: Versions, strays: list[Stray]) -> None:
        self._desk = desk
        self._decide = decide
        self._versions = versions
        self._strays = strays

    def follow(self, before: Snapshot, decision: Decision) -> None:
        """See to what a decision means to its family. Raises BrokenFamily."""
        try:
            follow(self, before, decision)
        except Exception as error:
            raise BrokenFamily(f"the family of {decision.snapshot.id} could not be decided: {error}") from error

    def member(self, run_id: str) -> tuple[Workflow, Snapshot] | None:
        return self._desk.runs.get(run_id)

    def children_of(self, run_id: str) -> list[tuple[Workflow, Snapshot]]:
        return [pair for pair in self._desk.runs.values() if pair[1].parent_id == run_id and pair[1].live]

    def version_of(self, order: ChildOrder) -> Workflow | None:
        child = order.snapshot
        same = self._desk.runs.get(child.parent_id or "")
        if same is not None and (same[0].key, same[0].version) == (child.workflow, child.version):
            return same[0]
        return self._versions.find(self._desk.tenant, child.workflow, child.version)

    def decide(self, workflow: Workflow, snapshot: Snapshot, cause: Cause, *, crowded: bool = False) -> Decision | None:
        return self._decide(self._desk, workflow, snapshot, cause, crowded=crowded)

    def absent(self, parent: Snapshot, word: ParentCause) -> None:
        if not self._desk.whole:
            self._strays.append(Stray(self._desk, parent, word))


def kin_of(runs: Iterable[StoredEnrollment]) -> list[dict[str, str]]:
    """The keys of those runs that may have others above or below them."""
    return [
        {"tenant_id": stored.tenant, "id": stored.snapshot.id}
        for stored in runs
        if (stored.snapshot.parent_id is not None or stored.snapshot.open_children) and stored.snapshot.live
    ]


def tops(rows: Sequence[StoredEnrollment]) -> Mapping[tuple[str, str], str]:
    """(tenant, id) of each row → the id of the topmost above it among the rows."""
    parents = {(row.tenant, row.snapshot.id): row.snapshot.parent_id for row in rows}
    found: dict[tuple[str, str], str] = {}
    for tenant, run_id in parents:
        top = run_id
        while (above := parents.get((tenant, top))) is not None and (tenant, above) in parents:
            top = above
        found[tenant, run_id] = top
    return found


def tell_strays(
    transaction: Transaction,
    strays: Sequence[Stray],
    decide: Decide,
    versions: Versions,
    seat: Callable[[Desk, StoredEnrollment], None],
) -> None:
    """Load the children who were not at hand, and pass the words on. Raises BrokenFamily."""
    if not strays:
        return
    names = dict.fromkeys((stray.desk.tenant, stray.parent.id) for stray in strays)
    desks = {(stray.desk.tenant, stray.parent.id): stray.desk for stray in strays}
    rows = load_families(transaction, [{"tenant_id": tenant, "id": name} for tenant, name in names])
    for row in rows:
        desk = _desk_above(row, rows, desks)
        if desk is not None and row.snapshot.id not in desk.runs:
            seat(desk, row)
    late: list[Stray] = []
    for stray in strays:
        household = Household(stray.desk, decide, versions, late)
        try:
            tell(household, stray.parent, stray.word)
        except Exception as error:
            raise BrokenFamily(f"the children of {stray.parent.id} could not be told: {error}") from error


def _desk_above(
    row: StoredEnrollment, rows: Sequence[StoredEnrollment], desks: Mapping[tuple[str, str], Desk]
) -> Desk | None:
    parents = {(one.tenant, one.snapshot.id): one.snapshot.parent_id for one in rows}
    above: str | None = row.snapshot.id
    while above is not None:
        if (row.tenant, above) in desks:
            return desks[row.tenant, above]
        above = parents.get((row.tenant, above))
    return None
