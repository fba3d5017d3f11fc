"""Deleting a workflow: gone for new entries at once, then its live enrollments are cancelled, batch by batch.

Between the two the workflow is `deleting`: a server that dies leaves the rest to any other (`finish_deletions`, once a
minute). Its row stays, so that revisions and versions of a workflow published under the key later go on counting.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

from service.engine.commands import Operate
from service.engine.engine import Engine
from service.storage.database import Transaction
from service.storage.live_runs import count_live, live_ids
from service.storage.workflows import StoredWorkflow, deleting_workflows, set_deleted
from statemachine.errors import Saturated, TransitionRefused, Unavailable

REASON: Final = "workflow_deleted"
"""The exit reason of enrollments that are cancelled so."""
_AT_ONCE: Final = 200
_ROUNDS: Final = 4
_SETTLED_AFTER: Final = timedelta(minutes=1)
"""A batch that read the workflow as active may commit an entry after its deletion, but not as late as this."""


async def cancel_live(engine: Engine, workflow: StoredWorkflow) -> None:
    """Cancel every live enrollment of a deleted workflow. Raises Unavailable when some are busy for long."""
    for _ in range(_ROUNDS):
        if not await _cancel_round(engine, workflow):
            return
    raise Unavailable(f"some enrollments of {workflow.key!r} are busy; the server cancels them within minutes")


async def _cancel_round(engine: Engine, workflow: StoredWorkflow) -> bool:
    """Go once through all; answers whether some must be asked again."""
    after, put_off = "", False
    while True:
        ids = await engine.read(
            partial(live_ids, tenant=workflow.tenant, workflow=workflow.key, after=after, limit=_AT_ONCE)
        )
        if not ids:
            return put_off
        after = ids[-1]
        put_off |= await _cancel(engine, workflow, ids)


async def _cancel(engine: Engine, workflow: StoredWorkflow, ids: list[str]) -> bool:
    request_id = f"delete/{workflow.key}@{workflow.revision}"
    commands = [Operate(workflow.tenant, one, "cancel", request_id, data={"reason": REASON}) for one in ids]
    await engine.capacity()
    try:
        results = await engine.ask_all(commands)
    except Saturated:
        return True
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, TransitionRefused | Unavailable | Saturated):
            raise result
    return any(isinstance(result, Unavailable | Saturated) for result in results)


async def finish_deletions(engine: Engine) -> int:
    """Go on with deletions that nobody carries on; answers how many are complete now."""
    finished = 0
    for workflow in await engine.read(deleting_workflows):
        await cancel_live(engine, workflow)
        finished += await engine.write(partial(_finish, engine=engine, workflow=workflow))
    return finished


def _finish(transaction: Transaction, engine: Engine, workflow: StoredWorkflow) -> int:
    settled = engine.clock.read(transaction).wall - workflow.updated_at >= _SETTLED_AFTER
    if not settled or count_live(transaction, workflow.tenant, workflow.key):
        return 0
    return set_deleted(transaction, workflow)
