"""The ledger of a batch: every row that one transaction will write, gathered while deciding, written at once.

Deciding adds to it and never touches the database; saving is a constant number of statements, each a set of rows in key
order, whatever the size of the batch. An enrollment that is decided several times in a batch is written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from service.engine.catalog import Directory
from service.engine.clock import Times
from service.engine.handoffs import Handoffs
from service.engine.ids import new_id
from service.engine.local import LocalQueue
from service.storage import contacts, conversations, enrollments, events, history, human_tasks, task_batch, variables
from service.storage import looks as look_rows
from service.storage import places as place_rows
from service.storage.connections import Conflict
from service.storage.conversations import conversation_row
from service.storage.database import Transaction
from service.storage.enrollments import StoredEnrollment, state_of
from service.storage.history import history_row
from service.storage.looks import look_name, look_row
from service.storage.tasks import LeasedTask
from service.storage.variables import variable_row
from statemachine.cause import Cause, chain_after
from statemachine.contact import Contact, contact_to_data
from statemachine.conversation import Conversation
from statemachine.decision import Decision, EmittedEvent, HumanChange, TaskOrder, TaskRetry
from statemachine.event import Event
from statemachine.grace import Look
from statemachine.places import CONFLICT
from statemachine.snapshot import Snapshot, Status
from statemachine.workflow import Workflow

_LOOK_AGAIN: Final = timedelta(minutes=10)
SOURCE: Final = "statewright"
"""The source of events that steps and contact writes raise."""


@dataclass(slots=True)
class _RunWrite:
    tenant: str
    before: Snapshot | None
    snapshot: Snapshot
    workflow: Workflow
    expected: int
    task_id: str | None
    variables: bool = False
    outputs: bool = False


@dataclass(frozen=True, slots=True)
class Raised:
    """An event raised in this batch that somebody may listen to: dispatched right after the commit."""

    tenant: str
    row_id: str
    event: Event


@dataclass(slots=True)
class Ledger:
    """`exits` counts the runs that left early by (workflow, goal), `rulings` what the gate said by (channel, verdict,
    rule)."""

    times: Times
    directory: Directory
    replica_id: str
    local_queues: Mapping[str, LocalQueue]
    raised: list[Raised] = field(default_factory=list)
    continues: list[tuple[str, str, int]] = field(default_factory=list)
    local_tasks: list[LeasedTask] = field(default_factory=list)
    earliest_due: datetime | None = None
    exits: dict[tuple[str, str], int] = field(default_factory=dict)
    rulings: dict[tuple[str, str, str], int] = field(default_factory=dict)
    blocked: dict[str, int] = field(default_factory=dict)
    handoffs: Handoffs = field(default_factory=Handoffs)
    _runs: dict[tuple[str, str], _RunWrite] = field(default_factory=dict)
    _postponed: list[dict[str, Any]] = field(default_factory=list)
    _requeued: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _ended: set[tuple[str, str]] = field(default_factory=set)
    _looks: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    _seen_looks: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    _contacts: dict[tuple[str, str], tuple[Contact, int]] = field(default_factory=dict)
    _conversations: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _history: list[dict[str, Any]] = field(default_factory=list)
    _new_tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    _finished_tasks: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _reopened_tasks: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _revoked_tasks: list[dict[str, Any]] = field(default_factory=list)
    _decided_tasks: list[dict[str, Any]] = field(default_factory=list)
    _events: list[dict[str, Any]] = field(default_factory=list)
    _handled: list[dict[str, Any]] = field(default_factory=list)
    _taken: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    _keys: list[dict[str, Any]] = field(default_factory=list)
    _requests: list[dict[str, Any]] = field(default_factory=list)
    _globals: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def record(
        self, tenant: str, workflow: Workflow, decision: Decision, cause: Cause, before: StoredEnrollment | None
    ) -> None:
        """Everything a decision says, but its contact (which the desk keeps for the next decision)."""
        snapshot = decision.snapshot
        cause_id = cause.id
        write = self._run_write(tenant, workflow, snapshot, before)
        write.variables |= decision.changed_variables
        write.outputs |= decision.changed_outputs
        self._history.extend(history_row(tenant, snapshot.id, cause_id, entry) for entry in decision.history)
        if decision.revoked and write.task_id:
            self._revoke(tenant, write)
        for retry in decision.retries:
            self._retry(tenant, write, retry)
        for change in decision.human:
            self._change_human(tenant, write, change)
        for order in decision.orders:
            self._order(tenant, write, order)
        if snapshot.task is None:
            write.task_id = None
        if decision.events:
            self.emit(tenant, snapshot.contact_id, decision.events, chain_after(snapshot, cause))
        for ruling in decision.rulings:
            self.rulings[ruling] = self.rulings.get(ruling, 0) + 1
        for event in decision.alone:
            self._take(tenant, event, snapshot)
        if decision.globals:
            self._set_globals(tenant, decision.globals)
        if decision.continues:
            self.continues.append((tenant, snapshot.id, snapshot.continues))
        if not snapshot.live and snapshot.contact_id is not None:
            self._ended.add((tenant, snapshot.contact_id))
        if snapshot.status is Status.EXITED:
            name = (snapshot.workflow, snapshot.goal or "")
            self.exits[name] = self.exits.get(name, 0) + 1
        self._note_due(snapshot.due_at)

    def _set_globals(self, tenant: str, changes: Mapping[str, Any]) -> None:
        """Set global variables, which the decisions after this one see."""
        self.directory = self.directory.with_globals(tenant, changes)
        for name, value in changes.items():
            self._globals[tenant, name] = variable_row(tenant, name, value, self.times.workflow)

    def latest(self, tenant: str, enrollment_id: str) -> tuple[Workflow, Snapshot] | None:
        """What this batch has made of a run so far; None when it has not touched it."""
        write = self._runs.get((tenant, enrollment_id))
        return None if write is None else (write.workflow, write.snapshot)

    def postpone(self, stored: StoredEnrollment, due_at: datetime | None, failures: int, *, quarantine: bool) -> None:
        """Move a timer without a transition: nothing to do now, or a failure that backs off."""
        self._postponed.append(
            {
                "tenant_id": stored.tenant,
                "id": stored.snapshot.id,
                "due_at": due_at,
                "failures": failures,
                "quarantined_at": self.times.wall if quarantine else None,
                "parked_at": None,
            }
        )
        self._note_due(due_at)

    def park(self, stored: StoredEnrollment) -> None:
        """Set a due timer aside until its workflow goes on."""
        self.postpone(stored, None, stored.failures, quarantine=False)
        self._postponed[-1]["parked_at"] = stored.due_at

    def keep_contact(self, tenant: str, contact: Contact, revision_before: int) -> None:
        self._contacts[tenant, contact.id] = (contact, revision_before)

    def keep_conversation(self, tenant: str, conversation: Conversation, revision_before: int) -> None:
        row = conversation_row(tenant, conversation, revision_before, self.times.workflow)
        self._conversations[tenant, conversation.id] = row

    def finish_task(
        self, tenant: str, task: LeasedTask, status: str, output: Any, error: Mapping[str, Any] | None
    ) -> None:
        """The attempt of a leased task is over, under the lease token it was read with."""
        self._finished_tasks[tenant, task.id] = {
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

    def _take(self, tenant: str, event: Event, snapshot: Snapshot) -> None:
        """A wait takes the event for itself alone."""
        self._taken[tenant, event.source, event.id] = {
            "tenant_id": tenant,
            "contact_id": snapshot.contact_id,
            "accepted_at": event.accepted_at,
            "source": event.source,
            "event_id": event.id,
            "taken_by": snapshot.id,
        }

    def _mark_taken(self) -> list[dict[str, Any]]:
        """Tell it to the rows of events that are written anyway; answers those of the others."""
        left = dict(self._taken)
        for row in self._events if left else ():
            taken = left.pop((row["tenant_id"], row["source"], row["event_id"]), None)
            if taken is not None:
                row["taken_by"] = taken["taken_by"]
        for row in self._handled if left else ():
            taken = left.pop((row["tenant_id"], SOURCE, row["id"]), None)
            if taken is not None:
                row["taken_by"] = taken["taken_by"]
        return sorted(left.values(), key=_by_event)

    def log_event(self, tenant: str, event: Event) -> None:
        """Keep an accepted event in the event log."""
        self._events.append(self._event_row(tenant, new_id(), event, pending=False))

    def handled(self, tenant: str, row_id: str, accepted_at: datetime | None, blocked: str | None) -> None:
        """A stored event has been dispatched; `blocked` is the rule that kept what steps raised from enrolling."""
        name = {"tenant_id": tenant, "id": row_id, "accepted_at": accepted_at}
        self._handled.append({**name, "blocked": blocked})
        if blocked is not None:
            self.blocked[blocked] = self.blocked.get(blocked, 0) + 1

    def emit(
        self, tenant: str, contact_id: str | None, emitted: Iterable[EmittedEvent], chain: tuple[str, ...]
    ) -> None:
        """Store raised events; those somebody listens to become commands right after the commit."""
        for one in emitted:
            row_id = new_id()
            event = Event(
                row_id,
                one.type,
                SOURCE,
                contact_id,
                one.conversation_id,
                data=one.data,
                accepted_at=self.times.workflow,
                chain=chain,
            )
            pending = self.directory.listened(tenant, one.type)
            self._events.append(self._event_row(tenant, row_id, event, pending=pending))
            if pending:
                self.raised.append(Raised(tenant, row_id, event))

    def remember_event(self, tenant: str, event: Event, body_hash: str, verdicts: list[dict[str, Any]]) -> None:
        self._keys.append(
            {
                "tenant_id": tenant,
                "source": event.source,
                "event_id": event.id,
                "body_hash": body_hash,
                "verdicts": verdicts,
                "accepted_at": self.times.wall,
            }
        )

    def remember_request(self, tenant: str, method: str, request_id: str, body_hash: str, answer: Any) -> None:
        self._requests.append(
            {
                "tenant_id": tenant,
                "method": method,
                "request_id": request_id,
                "body_hash": body_hash,
                "answer": answer,
                "created_at": self.times.wall,
            }
        )

    def save(self, transaction: Transaction) -> None:
        """Write everything down. Raises Conflict when any row was changed by somebody else meanwhile."""
        writes = self._writes()
        if not writes:
            return
        if self.handoffs.any:
            writes += self.handoffs.settle(transaction, self.times.workflow)
        counts = transaction.write_all([(sql, rows) for sql, rows, _ in writes])
        for (_, rows, exact), count in zip(writes, counts, strict=True):
            if exact and count != len(rows):
                raise Conflict(f"{len(rows) - count} rows were changed by another transaction")

    def keep_look(self, tenant: str, look: Look, *, kept: bool) -> None:
        """Keep an event to be looked at again, or forget it."""
        name = (tenant, look.event.contact_id or "", *look.id)
        if kept:
            self._looks[name] = look_row(tenant, look)
            self._note_due(look.until_at)
        elif self._looks.pop(name, None) is None:
            self._seen_looks[name] = look_name(tenant, look)

    def requeue(self, tenant: str, snapshot: Snapshot) -> None:
        """Keep where a pending run waits, until something happens."""
        self._requeued[tenant, snapshot.id] = self._pending_row(tenant, snapshot)

    def _queues(self) -> list[tuple[str, list[Any], bool]]:
        """What places and pending runs come to; nothing for runs of workflows without limits."""
        places: list[dict[str, Any]] = []
        begun: list[dict[str, Any]] = []
        for write in self._runs.values():
            snapshot, before = write.snapshot, write.before
            name = {"tenant_id": write.tenant, "enrollment_id": snapshot.id}
            if snapshot.place_at is not None and _place_changed(before, snapshot):
                at = {"taken_at": snapshot.place_at, "ended_at": snapshot.ended_at}
                places.append({**name, "workflow": snapshot.workflow, **at})
            was_queued = before.queued if before is not None else ""
            if snapshot.queued and snapshot.queued != was_queued:
                self._requeued.setdefault((write.tenant, snapshot.id), self._pending_row(write.tenant, snapshot))
            elif was_queued and not snapshot.queued:
                begun.append(name)
        waking = self.directory.pending or bool(self._requeued)
        for row in self._requeued.values():  # in one statement with it, WAKE_PENDING does not see what is queued here
            if row["rule"] == CONFLICT and (row["tenant_id"], row["contact_id"]) in self._ended:
                row["try_at"] = self.times.workflow
        woken = [
            {"tenant_id": tenant, "contact_id": contact, "try_at": self.times.workflow}
            for tenant, contact in sorted(self._ended if waking else ())
        ]
        if woken or (waking and any(row["ended_at"] for row in places)):
            self._note_due(self.times.workflow)
        return [
            (place_rows.KEEP_PLACES, sorted(places, key=_by_enrollment), True),
            (place_rows.KEEP_PENDING, [self._requeued[name] for name in sorted(self._requeued)], True),
            (place_rows.DROP_PENDING, sorted(begun, key=_by_enrollment), False),
            (place_rows.WAKE_PENDING, woken, False),
            (look_rows.INSERT, [self._looks[name] for name in sorted(self._looks)], True),
            (look_rows.DELETE, [self._seen_looks[name] for name in sorted(self._seen_looks)], False),
        ]

    def _pending_row(self, tenant: str, snapshot: Snapshot) -> dict[str, Any]:
        """Who waits for a contact is looked at again in any case: a tick that ended what was in the way may have read
        that nobody waits just before somebody did."""
        again_at = self.times.workflow + _LOOK_AGAIN if snapshot.queued == CONFLICT else None
        return {
            "tenant_id": tenant,
            "enrollment_id": snapshot.id,
            "workflow": snapshot.workflow,
            "contact_id": snapshot.contact_id,
            "rule": snapshot.queued,
            "turn": -snapshot.priority,
            "try_at": again_at,
        }

    def _writes(self) -> list[tuple[str, list[Mapping[str, Any]], bool]]:
        inserts = [self._inserted_run(run) for run in self._runs.values() if run.expected == 0]
        updates = [self._updated_run(run) for run in self._runs.values() if run.expected > 0]
        changed = [self._contact_row(tenant, *entry) for (tenant, _), entry in self._contacts.items()]
        new_contacts = [row for row in changed if row["expected"] == 0]
        old_contacts = [row for row in changed if row["expected"] > 0]
        talks = sorted(self._conversations.values(), key=_by_id)
        sections: list[tuple[str, list[Any], bool]] = [
            (contacts.INSERT, sorted(new_contacts, key=_by_id), True),
            (contacts.UPDATE, sorted(old_contacts, key=_by_id), True),
            (conversations.INSERT, [row for row in talks if row["expected"] == 0], True),
            (conversations.UPDATE, [row for row in talks if row["expected"] > 0], True),
            (enrollments.INSERT, sorted(inserts, key=_by_id), True),
            (enrollments.UPDATE, sorted(updates, key=_by_id), True),
            (enrollments.POSTPONE, sorted(self._postponed, key=_by_id), False),
            *self._queues(),
            (history.INSERT, self._history, True),
            (task_batch.INSERT, list(self._new_tasks.values()), True),
            (task_batch.FINISH, sorted(self._finished_tasks.values(), key=_by_id), True),
            (task_batch.REOPEN, sorted(self._reopened_tasks.values(), key=_by_id), True),
            (task_batch.REVOKE, sorted(self._revoked_tasks, key=_by_id), False),
            (human_tasks.DECIDE, sorted(self._decided_tasks, key=_by_id), False),
            (events.INSERT, self._events, True),
            (events.TAKEN, self._mark_taken(), False),
            (events.HANDLED, self._handled, False),
            (events.INSERT_KEYS, sorted(self._keys, key=_by_event), True),
            (events.INSERT_REQUESTS, sorted(self._requests, key=_by_request), True),
            (variables.KEEP, [self._globals[name] for name in sorted(self._globals)], True),
            (variables.STAMP, [variables.STAMPED] if self._globals else [], True),
        ]
        return [section for section in sections if section[1]]

    def _run_write(
        self, tenant: str, workflow: Workflow, snapshot: Snapshot, before: StoredEnrollment | None
    ) -> _RunWrite:
        write = self._runs.get((tenant, snapshot.id))
        if write is None:
            expected = before.snapshot.revision if before else 0
            known = before.snapshot if before else None
            write = _RunWrite(tenant, known, snapshot, workflow, expected, before.task_id if before else None)
            self._runs[tenant, snapshot.id] = write
        write.snapshot, write.workflow = snapshot, workflow
        return write

    def _order(self, tenant: str, write: _RunWrite, order: TaskOrder) -> None:
        task = self._task_of(tenant, write.snapshot, order)
        write.task_id = task.id
        if order.human is not None:
            self._new_tasks[task.id] = task_batch.task_row(replace(task, status="open"))
            return self.handoffs.open(task, order.human)
        local = self.local_queues.get(order.queue)
        if local is not None and local.free > len(self.local_tasks):
            task = task_batch.leased(task, self.replica_id, self.times.wall + local.lease)
            self.local_tasks.append(task)
        self._new_tasks[task.id] = task_batch.task_row(task)
        return None

    def _change_human(self, tenant: str, write: _RunWrite, change: HumanChange) -> None:
        assert write.task_id is not None
        self.handoffs.change(tenant, write.task_id, change)
        if change.decision is None:
            return
        decided = {"output": change.output, "finished_at": self.times.wall}
        fresh = self._new_tasks.get(write.task_id)
        if fresh is not None:
            fresh.update(decided, status="completed", worker_id=change.by)
        else:
            self._decided_tasks.append({"tenant_id": tenant, "id": write.task_id, "agent_id": change.by, **decided})

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

    def _retry(self, tenant: str, write: _RunWrite, retry: TaskRetry) -> None:
        """Make the task ready again; a failure that was held while its run was paused finished it long before."""
        if write.task_id is None:
            return
        changes = {"status": "ready", "attempt": retry.attempt, "available_at": retry.available_at, "finished_at": None}
        row = self._finished_tasks.get((tenant, write.task_id))
        if row is not None:
            row.update(changes)
        else:
            self._reopened_tasks[tenant, write.task_id] = {"tenant_id": tenant, "id": write.task_id, **changes}

    def _revoke(self, tenant: str, write: _RunWrite) -> None:
        """Cancel the open task; one that was ordered in this very batch is written cancelled."""
        assert write.task_id is not None
        name = (tenant, write.task_id)
        fresh = self._new_tasks.get(write.task_id)
        retried = self._reopened_tasks.get(name) or self._finished_tasks.get(name)
        if fresh is not None:
            fresh.update(status="cancelled", finished_at=self.times.wall)
            self.local_tasks = [task for task in self.local_tasks if task.id != write.task_id]
        elif retried is not None:
            if retried["status"] == "ready":
                retried.update(status="cancelled", finished_at=self.times.wall)
        else:
            self._revoked_tasks.append({"tenant_id": tenant, "id": write.task_id, "finished_at": self.times.wall})

    def _inserted_run(self, run: _RunWrite) -> dict[str, Any]:
        snapshot = run.snapshot
        return {
            **self._shared_columns(run),
            "workflow": snapshot.workflow,
            "version": snapshot.version,
            "contact_id": snapshot.contact_id,
            "entry_key": snapshot.entry_key,
            "priority": snapshot.priority,
            "parent_id": snapshot.parent_id,
            "trigger": snapshot.trigger,
            "variables": snapshot.variables or None,
            "outputs": snapshot.outputs or None,
            "started_at": snapshot.started_at,
        }

    def _updated_run(self, run: _RunWrite) -> dict[str, Any]:
        return {
            **self._shared_columns(run),
            "expected": run.expected,
            "version": run.snapshot.version,
            "variables": run.snapshot.variables if run.variables else None,
            "outputs": run.snapshot.outputs if run.outputs else None,
        }

    def _shared_columns(self, run: _RunWrite) -> dict[str, Any]:
        snapshot = run.snapshot
        return {
            "tenant_id": run.tenant,
            "id": snapshot.id,
            "status": snapshot.status.value,
            "step": snapshot.step,
            "due_at": snapshot.due_at,
            "waiting_for": (run.workflow.awaited(snapshot.step) or None) if snapshot.live else None,
            "revision": snapshot.revision,
            "task_id": run.task_id,
            "open_children": snapshot.open_children,
            "state": state_of(snapshot),
            "exit_reason": snapshot.exit_reason,
            "transition_at": snapshot.transition_at,
            "ended_at": snapshot.ended_at,
        }

    def _contact_row(self, tenant: str, contact: Contact, revision_before: int) -> dict[str, Any]:
        return {
            "tenant_id": tenant,
            "id": contact.id,
            "profile": contact_to_data(contact),
            "revision": contact.revision,
            "expected": revision_before,
            "now": self.times.workflow,
        }

    def _event_row(self, tenant: str, row_id: str, event: Event, *, pending: bool) -> dict[str, Any]:
        return {
            "tenant_id": tenant,
            "accepted_at": event.accepted_at,
            "id": row_id,
            "source": event.source,
            "event_id": event.id,
            "type": event.type,
            "contact_id": event.contact_id,
            "conversation_id": event.conversation_id,
            "key": event.key,
            "data": event.data,
            "occurred_at": event.occurred_at,
            "priority": event.priority,
            "chain": event.chain or None,
            "pending": pending,
        }

    def _note_due(self, due_at: datetime | None) -> None:
        if due_at is not None and (self.earliest_due is None or due_at < self.earliest_due):
            self.earliest_due = due_at


def _place_changed(before: Snapshot | None, after: Snapshot) -> bool:
    """Whether a run took or gave back its place."""
    return before is None or before.place_at != after.place_at or before.live != after.live


def _by_enrollment(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["tenant_id"], row["enrollment_id"]


def _by_id(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["tenant_id"], row["id"]


def _by_event(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["tenant_id"], row["source"], row["event_id"]


def _by_request(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["tenant_id"], row["method"], row["request_id"]
