"""Setting the shares of a split while its version is live: they count from the next entry on, at every replica."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from service.engine.catalog import Catalog
from service.engine.clock import Clock
from service.engine.publishing import check_revision
from service.storage.database import Transaction
from service.storage.split_weights import Setting, insert_setting
from service.storage.workflow_queries import find_version
from service.storage.workflows import StoredWorkflow, lock_publishing, save_workflow
from statemachine.errors import InvalidInput
from statemachine.steps.split import Split
from statemachine.workflow import Workflow


def set_shares(
    transaction: Transaction,
    clock: Clock,
    catalog: Catalog,
    tenant: str,
    key: str,
    version: int | None,
    step: str,
    weights: Mapping[str, float],
    expected_revision: int | None,
) -> tuple[StoredWorkflow, Setting]:
    """`version` None: the active one, else the latest. The workflow's revision tells every replica to read them.

    Raises NotFound, StaleRevision, or InvalidInput for a step that is no split or weights that are not its variants'.
    """
    lock_publishing(transaction, tenant, key)
    stored, known = find_version(transaction, tenant, key, version)
    check_revision(stored, expected_revision)
    workflow = catalog.version(transaction, tenant, key, known.version)
    name, split = find_split(workflow, step)
    shares = split.share(weights)
    times = clock.read(transaction)
    changed = replace(stored, revision=stored.revision + 1, updated_at=times.wall)
    save_workflow(transaction, changed)
    setting = Setting(known.version, name, changed.revision, shares, times.workflow)
    insert_setting(transaction, tenant, key, setting)
    return changed, setting


def find_split(workflow: Workflow, step: str) -> tuple[str, Split]:
    """The split of this id; with an empty one the only split there is. Raises InvalidInput, naming the splits."""
    splits = {name: one.runner for name, one in workflow.steps.items() if isinstance(one.runner, Split)}
    if not step and len(splits) == 1:
        return next(iter(splits.items()))
    if step in splits:
        return step, splits[step]
    there = f"version {workflow.version} has {', '.join(splits)}" if splits else f"version {workflow.version} has none"
    wanted = f"a split ({there})"
    if step in workflow.steps:
        wanted = f"{wanted}; {step!r} is a {workflow.steps[step].type} step"
    raise InvalidInput(f"step: {wanted}", [("step", wanted)])
