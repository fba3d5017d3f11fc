"""Whose turn it is: the pending runs that may begin, in the order in which they do."""

from __future__ import annotations

from datetime import datetime

from service.engine.catalog import Catalog
from service.storage.database import Transaction
from service.storage.places import PendingRun, first_queued, queued_workflows, read_usage, woken
from statemachine.places import Usage
from statemachine.workflow import Limits


def whose_turn(transaction: Transaction, catalog: Catalog, now: datetime, most: int) -> list[PendingRun]:
    """Up to `most` pending runs of workflows that are not paused; whether there is a place is found out again when they
    begin."""
    directory = catalog.refresh(transaction)
    names = [name for name in queued_workflows(transaction, now) if name[1] not in directory.paused_in(name[0])]
    usages = read_usage(transaction, names, now)
    found = woken(transaction, now, most)
    for tenant, key in sorted(names):
        active = directory.active(tenant, key)
        limits = Limits() if active is None else catalog.version(transaction, tenant, key, active).limits
        free = _free(limits, usages[tenant, key], most - len(found))
        if free > 0:
            found += first_queued(transaction, tenant, key, now, free)
    return found


def _free(limits: Limits, usage: Usage, most: int) -> int:
    """For how many more there is a place."""
    live = most if limits.max_concurrent is None else limits.max_concurrent - usage.live
    begun = most if limits.per_minute is None else limits.per_minute - usage.begun
    return min(most, live, begun)
