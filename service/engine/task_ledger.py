"""What a batch does to tasks: ordered, finished, ready again, revoked, decided by a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from service.engine.clock import Times
from service.engine.handoffs import Handoffs
from service.engine.ids import new_id
from service.engine.local import LocalQueue
from service.engine.rows import RunWrite, Section, by_id
from service.storage import human_tasks, task_batch
from service.storage.tasks import LeasedTask
from statemachine.decision import Decision, HumanChange, TaskOrder, TaskRetry
from statemachine.snapshot import Snapshot


@dataclass(slots=True)
class TaskLedger:
    """See the module. `local` are tasks that this replica does itself right after the commit: they are born leased."""

    times: Times
    replica_id: str
    local_queues: Mapping[str, LocalQueue]
    handoffs: Handoffs = field(default_factory=Handoffs)
    local: list[LeasedTask] = field(default_factory=list)
    _new: dict[str, dict[str, Any]] = field(default_factory=dict)
    _finished: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _reopened: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _revoked: list[dict[str, Any]] = field(default_factory=list)
    _decided: list[dict[str, Any]] = field(default_factory=list)

    def record(self, tenant: str, write: RunWrite, decision: Decision) -> None:
        """What a decision says of the task of its run."""
        if decision.revoked and write.task_id:
            self._revoke(tenant, write)
        for retry in decision.retries:
            self._retry(tenant, write, retry)
        for change in decision.human:
            self._change_human(tenant, write, change)
        for order in decision.orders:
            self._order(tenant, write, order)
        if decision.snapshot.task is None:
            write.task_id = None

    def finish(self, tenant: str, task: LeasedTask, status: str, output: Any, error: Mapping[str, Any] | None) -> None:
        """The attempt of a leased task is over, under the lease token it was read with."""
        self._finished[tenant, task.id] = {
            "tenant_id": tenant,
            "id": task.id,
            "expected": task.lease_token,
            "status": status,
            "attempt": task.attempt,
            "available_at": task.available_at,
            "output": output,
            "last_error": error,
            "finished_at": self.times.wall,
        }

    def sections(self) -> list[Section]:
        return [
            (task_batch.INSERT, list(self._new.values()), True),
            (task_batch.FINISH, sorted(self._finished.values(), key=by_id), True),
            (task_batch.REOPEN, sorted(self._reopened.values(), key=by_id), True),
            (task_batch.REVOKE, sorted(self._revoked, key=by_id), False),
            (human_tasks.DECIDE, sorted(self._decided, key=by_id), False),
        ]

    def _order(self, tenant: str, write: RunWrite, order: TaskOrder) -> None:
        task = self._task_of(tenant, write.snapshot, order)
        write.task_id = task.id
        if order.human is not None:
            self._new[task.id] = task_batch.task_row(replace(task, status="open"))
            return self.handoffs.open(task, order.human)
        local = self.local_queues.get(order.queue)
        if local is not None and local.free > len(self.local):
            task = task_batch.leased(task, self.replica_id, self.times.wall + local.lease)
            self.local.append(task)
        self._new[task.id] = task_batch.task_row(task)
        return None

    def _change_human(self, tenant: str, write: RunWrite, change: HumanChange) -> None:
        assert write.task_id is not None
        self.handoffs.change(tenant, write.task_id, change)
        if change.decision is None:
            return
        decided = {"output": change.output, "finished_at": self.times.wall}
        fresh = self._new.get(write.task_id)
        if fresh is not None:
            fresh.update(decided, status="completed", worker_id=change.by)
        else:
            self._decided.append({"tenant_id": tenant, "id": write.task_id, "agent_id": change.by, **decided})

    def _task_of(self, tenant: str, snapshot: Snapshot, order: TaskOrder) -> LeasedTask:
        return LeasedTask(
            tenant_id=tenant,
            id=new_id(),
            enrollment_id=snapshot.id,
            contact_id=snapshot.contact_id,
            workflow=snapshot.workflow,
            version=snapshot.version,
            step=order.step,
            visit=order.visit,
            type=order.type,
            queue=order.queue,
            status="ready",
            priority=order.priority or snapshot.priority,
            input=dict(order.input),
            outcomes=order.outcomes,
            idempotency_key=f"{tenant}/{snapshot.id}/{order.step}/{order.visit}",
            attempt=1,
            max_attempts=order.max_attempts,
            timeout_s=order.timeout_s,
            at_most_once=order.at_most_once,
            available_at=self.times.workflow,
            lease_token=0,
            lease_until=None,
            worker_id=None,
            last_error=None,
            created_at=self.times.wall,
            finished_at=None,
            output=None,
            variants=dict(snapshot.variants) or None,
        )

    def _retry(self, tenant: str, write: RunWrite, retry: TaskRetry) -> None:
        """Make the task ready again; a failure that was held while its run was paused finished it long before."""
        if write.task_id is None:
            return
        changes = {"status": "ready", "attempt": retry.attempt, "available_at": retry.available_at, "finished_at": None}
        row = self._finished.get((tenant, write.task_id))
        if row is not None:
            row.update(changes)
        else:
            self._reopened[tenant, write.task_id] = {"tenant_id": tenant, "id": write.task_id, **changes}

    def _revoke(self, tenant: str, write: RunWrite) -> None:
        """Cancel the open task; one that was ordered in this very batch is written cancelled."""
        assert write.task_id is not None
        name = (tenant, write.task_id)
        fresh = self._new.get(write.task_id)
        retried = self._reopened.get(name) or self._finished.get(name)
        if fresh is not None:
            fresh.update(status="cancelled", finished_at=self.times.wall)
            self.local = [task for task in self.local if task.id != write.task_id]
        elif retried is not None:
            if retried["status"] == "ready":
                retried.update(status="cancelled", finished_at=self.times.wall)
        else:
            self._revoked.append({"tenant_id": tenant, "id": write.task_id, "finished_at": self.times.wall})
