"""Publishing: a source becomes an immutable version, and becomes active, in one transaction.

Concurrent publishes of one workflow are serialised; the identical source again gives the version that exists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Final

from service.engine.catalog import Catalog, listens_of
from service.engine.clock import Clock
from service.engine.inner_workflows import sub_workflow_problems
from service.storage.database import Transaction
from service.storage.date_seeds import forget_seed
from service.storage.live_runs import count_live
from service.storage.tasks import queue_depths
from service.storage.workflows import (
    StoredVersion,
    StoredWorkflow,
    get_version,
    get_workflow,
    insert_version,
    lock_publishing,
    save_workflow,
    versions_with_source,
)
from statemachine.definition import Loaded, load_workflow
from statemachine.errors import DefinitionError, LiveEnrollments, NotFound, StaleRevision
from statemachine.problem import Problem, in_order
from statemachine.reader import Format
from statemachine.step import EffectStep
from statemachine.workflow import Workflow

_SERVED_LATELY: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Publication:
    """A source with the key and name that may be given beside it. `activate` False only stores the version."""

    tenant: str
    source: str
    format: Format | None = None
    key: str | None = None
    name: str | None = None
    activate: bool = True
    lenient: bool = False
    expected_revision: int | None = None


@dataclass(frozen=True, slots=True)
class Published:
    workflow: StoredWorkflow
    version: StoredVersion
    warnings: tuple[Problem, ...]
    created: bool
    activated: bool


def prepare(request: Publication) -> Loaded:
    """Read and compile the source, before any transaction. Raises DefinitionError with every problem."""
    loaded = load_workflow(
        request.source, format=request.format, key=request.key, name=request.name, lenient=request.lenient
    )
    if loaded.workflow is None:
        raise DefinitionError(loaded.problems)
    return loaded


def problems_of(
    transaction: Transaction, clock: Clock, tenant: str, loaded: Loaded, served: Collection[str]
) -> tuple[Problem, ...]:
    """What is wrong with a source, and what is missing around it here and now."""
    if loaded.workflow is None:
        return loaded.problems
    around = (
        *_unserved(transaction, clock, tenant, loaded, served),
        *sub_workflow_problems(transaction, tenant, loaded),
    )
    return in_order((*loaded.problems, *around))


def publish(
    transaction: Transaction, clock: Clock, request: Publication, loaded: Loaded, served: Collection[str]
) -> Published:
    """Store and activate a prepared source. `served` are the queues that this server works on itself.

    Raises StaleRevision, or LiveEnrollments while runs of a deleted workflow are left; nothing is stored then.
    """
    workflow = loaded.workflow
    assert workflow is not None
    problems = problems_of(transaction, clock, request.tenant, loaded, served)
    if any(problem.severity == "error" for problem in problems):
        raise DefinitionError(problems)
    lock_publishing(transaction, request.tenant, workflow.key)
    stored = get_workflow(transaction, request.tenant, workflow.key, deleted=True)
    check_revision(None if stored is None or stored.gone else stored, request.expected_revision)
    if stored is not None and stored.gone:
        stored = _come_back(transaction, clock, stored)
    source_hash = _source_hash(request)
    for same in versions_with_source(transaction, request.tenant, workflow.key, source_hash):
        wanted = request.activate and workflow.active
        return _publish_again(transaction, clock, stored, same, problems, activate=wanted)
    version = _new_version(request, workflow, loaded.source_format, stored, source_hash, clock, transaction)
    insert_version(transaction, version)
    row = _saved_workflow(request, workflow, stored, version)
    save_workflow(transaction, row)
    if row.active_version == version.version:
        forget_seed(transaction, row.tenant, row.key)
    return Published(row, version, problems, created=True, activated=row.active_version == version.version)


def activate(
    transaction: Transaction, clock: Clock, tenant: str, key: str, version: int, expected_revision: int | None
) -> StoredWorkflow:
    """Make a version the one that new enrollments get. Raises NotFound, StaleRevision."""
    stored = _locked(transaction, tenant, key, expected_revision)
    if get_version(transaction, tenant, key, version) is None:
        raise NotFound("version", f"{key}@{version}")
    return _changed(transaction, clock, stored, active_version=version)


def pause(
    transaction: Transaction,
    clock: Clock,
    catalog: Catalog,
    tenant: str,
    key: str,
    timers: str | None,
    events: str | None,
    expected_revision: int | None,
) -> StoredWorkflow:
    """Take nobody in and hold the runs. `timers` and `events` None mean what the definition says.

    Not one run is touched. Pausing a paused workflow changes its policy if another is named. Raises NotFound,
    StaleRevision.
    """
    stored = _locked(transaction, tenant, key, expected_revision)
    if stored.paused:
        policies = timers or stored.pause_timers, events or stored.pause_events
        same = policies == (stored.pause_timers, stored.pause_events)
        changed = {"pause_timers": policies[0], "pause_events": policies[1]}
        return stored if same else _changed(transaction, clock, stored, **changed)
    version = stored.active_version or stored.latest_version
    usual = catalog.version(transaction, tenant, key, version)
    return _changed(
        transaction,
        clock,
        stored,
        status="paused",
        pause_timers=timers or usual.pause_timers,
        pause_events=events or usual.pause_events,
        paused_at=clock.read(transaction).workflow,
    )


def resume(
    transaction: Transaction, clock: Clock, tenant: str, key: str, expected_revision: int | None
) -> StoredWorkflow:
    """Take entries again; the runs go on from the next tick. Raises NotFound, StaleRevision."""
    stored = _locked(transaction, tenant, key, expected_revision)
    if not stored.paused:
        return stored
    now = clock.read(transaction).workflow
    passed_s = stored.standstill.passed_s(now)
    return _changed(transaction, clock, stored, status="active", paused_at=None, standstill_s=passed_s, resumed_at=now)


def delete(
    transaction: Transaction, clock: Clock, tenant: str, key: str, *, force: bool, expected_revision: int | None
) -> tuple[StoredWorkflow, int]:
    """Take a workflow away; answers it and how many live enrollments are left to cancel.

    Raises NotFound, StaleRevision, or LiveEnrollments without `force`.
    """
    stored = _locked(transaction, tenant, key, expected_revision)
    live = count_live(transaction, tenant, key)
    if live and not force:
        raise _still_live(key, live, f"cancel them first, or delete {key!r} with force")
    return _changed(transaction, clock, stored, status="deleting", active_version=None, paused_at=None), live


def _come_back(transaction: Transaction, clock: Clock, gone: StoredWorkflow) -> StoredWorkflow:
    """A deleted workflow is published again: a new one, whose revisions and versions go on counting."""
    live = count_live(transaction, gone.tenant, gone.key)
    if live:
        raise _still_live(gone.key, live, "they are being cancelled, for it was deleted; publish when they have ended")
    created_at = clock.read(transaction).wall
    return _changed(transaction, clock, gone, status="active", active_version=None, created_at=created_at)


def _still_live(key: str, live: int, advice: str) -> LiveEnrollments:
    some = "1 live enrollment" if live == 1 else f"{live:,} live enrollments"
    return LiveEnrollments(f"workflow {key!r} has {some}: {advice}", workflow=key, count=str(live))


def _unserved(
    transaction: Transaction, clock: Clock, tenant: str, loaded: Loaded, served: Collection[str]
) -> Iterator[Problem]:
    """A warning for every queue whose tasks would wait, because no worker asked for them lately."""
    queues: dict[str, str] = {}
    for step in loaded.workflow.steps.values() if loaded.workflow else ():
        runner = step.runner
        if isinstance(runner, EffectStep) and runner.effect and not runner.human and runner.queue not in served:
            queues.setdefault(runner.queue, step.id)
    if not queues:
        return
    wall = clock.read(transaction).wall
    polled = {depth.queue: depth.polled_at for depth in queue_depths(transaction) if depth.tenant_id == tenant}
    for queue, step_id in queues.items():
        polled_at = polled.get(queue)
        if polled_at is None or wall - polled_at > _SERVED_LATELY:
            seen = f"the last worker asked at {polled_at:%Y-%m-%d %H:%M} UTC" if polled_at else "no worker ever asked"
            path, place = loaded.places.get(step_id, ("", None))
            line, column = place or (None, None)
            yield Problem(
                "no_worker",
                "warning",
                f"tasks of step {step_id!r} wait on queue {queue!r}, and {seen}",
                path,
                line,
                column,
                suggestion="start a worker for it, or a development server with --dev"
                if queue == "messages"
                else "start a worker for it",
            )


def _publish_again(
    transaction: Transaction,
    clock: Clock,
    stored: StoredWorkflow | None,
    same: StoredVersion,
    problems: tuple[Problem, ...],
    *,
    activate: bool,
) -> Published:
    assert stored is not None
    activated = activate and stored.active_version != same.version
    if activated:
        stored = _changed(transaction, clock, stored, active_version=same.version)
    return Published(stored, same, problems, created=False, activated=activated)


def _new_version(
    request: Publication,
    workflow: Workflow,
    source_format: Format,
    stored: StoredWorkflow | None,
    source_hash: str,
    clock: Clock,
    transaction: Transaction,
) -> StoredVersion:
    return StoredVersion(
        tenant=request.tenant,
        workflow=workflow.key,
        version=stored.latest_version + 1 if stored else 1,
        format=source_format,
        source=request.source,
        source_hash=source_hash,
        name=workflow.name,
        label=workflow.label,
        lenient=request.lenient,
        listens=listens_of(workflow),
        published_at=clock.read(transaction).wall,
    )


def _saved_workflow(
    request: Publication, workflow: Workflow, stored: StoredWorkflow | None, version: StoredVersion
) -> StoredWorkflow:
    active = version.version if request.activate and workflow.active else (stored.active_version if stored else None)
    return StoredWorkflow(
        tenant=request.tenant,
        key=workflow.key,
        name=workflow.name,
        description=workflow.description,
        status=stored.status if stored else "active",
        active_version=active,
        latest_version=version.version,
        revision=stored.revision + 1 if stored else 1,
        created_at=stored.created_at if stored else version.published_at,
        updated_at=version.published_at,
        pause_timers=stored.pause_timers if stored else "keep",
        paused_at=stored.paused_at if stored else None,
        standstill_s=stored.standstill_s if stored else 0.0,
        pause_events=stored.pause_events if stored else "buffer",
        resumed_at=stored.resumed_at if stored else None,
    )


def _locked(transaction: Transaction, tenant: str, key: str, expected_revision: int | None) -> StoredWorkflow:
    lock_publishing(transaction, tenant, key)
    stored = get_workflow(transaction, tenant, key)
    if stored is None:
        raise NotFound("workflow", key)
    check_revision(stored, expected_revision)
    return stored


def _changed(transaction: Transaction, clock: Clock, stored: StoredWorkflow, **changes: Any) -> StoredWorkflow:
    at = clock.read(transaction).wall
    changed = replace(stored, revision=stored.revision + 1, updated_at=at, **changes)
    save_workflow(transaction, changed)
    if changed.active_version != stored.active_version:
        forget_seed(transaction, changed.tenant, changed.key)
    return changed


def check_revision(stored: StoredWorkflow | None, expected: int | None) -> None:
    """Raises StaleRevision."""
    present = stored.revision if stored else 0
    if expected is not None and expected != present:
        raise StaleRevision(
            f"the workflow is at revision {present}, not {expected}; read it again",
            revision=str(present),
            expected_revision=str(expected),
        )


def _source_hash(request: Publication) -> str:
    text = "\0".join((request.source, request.key or "", request.name or "", str(request.lenient)))
    return blake2b(text.encode(), digest_size=16).hexdigest()
