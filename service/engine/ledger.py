"""The ledger of a batch: every row that one transaction will write, gathered while deciding, written at once.

Deciding adds to it and never touches the database; saving is a constant number of statements, each a set of rows in key
order, whatever the size of the batch. An enrollment that is decided several times in a batch is written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.engine.catalog import Directory
from service.engine.clock import Times
from service.engine.date_ledger import DateLedger
from service.engine.ids import new_id
from service.engine.local import LocalQueue
from service.engine.provider_lines import ProviderLines
from service.engine.queue_ledger import QueueLedger
from service.engine.rows import (
    RunWrite,
    Section,
    by_event,
    by_id,
    by_request,
    contact_row,
    event_row,
    inserted_run,
    updated_run,
)
from service.engine.task_ledger import TaskLedger
from service.storage import contacts, conversations, enrollments, events, history, provider_rates, variables
from service.storage.connections import Conflict
from service.storage.conversations import conversation_row
from service.storage.database import Transaction
from service.storage.enrollments import StoredEnrollment
from service.storage.history import history_row
from service.storage.variables import variable_row
from statemachine.cause import Cause, chain_after
from statemachine.contact import Contact
from statemachine.conversation import Conversation
from statemachine.decision import Decision, EmittedEvent
from statemachine.event import Event
from statemachine.family import MAX_BYTES_AT_ONCE, begun_with
from statemachine.grace import Look
from statemachine.snapshot import Snapshot, Status
from statemachine.workflow import Workflow

MAX_BURDEN: Final = MAX_BYTES_AT_ONCE
"""With more of it a batch takes no further command, nor timer: they are left for the next one."""
SOURCE: Final = "statewright"
"""The source of events that steps and contact writes raise."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An event raised in this batch that somebody may listen to: dispatched right after the commit."""

    tenant: str
    row_id: str
    event: Event


class Ledger:
    """`exits` counts the runs that left early by (workflow, goal), `rulings` what the gate said by (channel, verdict,
    rule), `blocked` the raised events and dates that were kept from enrolling by rule. `burden` is about how many bytes
    the children that were started begin with."""

    def __init__(
        self,
        times: Times,
        directory: Directory,
        replica_id: str,
        local_queues: Mapping[str, LocalQueue],
        lines: ProviderLines | None = None,
    ) -> None:
        self.times = times
        self.directory = directory
        self.tasks = TaskLedger(times, replica_id, local_queues)
        self.queues = QueueLedger(times)
        self.lines = lines or ProviderLines()
        self.dates = DateLedger()
        self.raised: list[Raised] = []
        self.continues: list[tuple[str, str, int]] = []
        self.earliest_due: datetime | None = None
        self.exits: dict[tuple[str, str], int] = {}
        self.rulings: dict[tuple[str, str, str], int] = {}
        self.blocked: dict[str, int] = {}
        self.burden = 0
        self._runs: dict[tuple[str, str], RunWrite] = {}
        self._postponed: list[dict[str, Any]] = []
        self._contacts: dict[tuple[str, str], tuple[Contact, int]] = {}
        self._conversations: dict[tuple[str, str], dict[str, Any]] = {}
        self._history: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._handled: list[dict[str, Any]] = []
        self._taken: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._keys: list[dict[str, Any]] = []
        self._requests: list[dict[str, Any]] = []
        self._globals: dict[tuple[str, str], dict[str, Any]] = {}

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
        self.tasks.record(tenant, write, decision)
        if decision.events:
            self.emit(tenant, snapshot.contact_id, decision.events, chain_after(snapshot, cause))
        if decision.lines is not None:
            self.lines.keep(tenant, decision.lines)
        for ruling in decision.rulings:
            self.rulings[ruling] = self.rulings.get(ruling, 0) + 1
        for event in decision.alone:
            self._take(tenant, event, snapshot)
        if decision.globals:
            self._set_globals(tenant, decision.globals)
        if decision.children:
            self.burden += begun_with(decision)
        if decision.continues:
            self.continues.append((tenant, snapshot.id, snapshot.continues))
        if not snapshot.live and snapshot.contact_id is not None:
            self.queues.ended(tenant, snapshot.contact_id)
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

    def keep_look(self, tenant: str, look: Look, *, kept: bool) -> None:
        """Keep an event to be looked at again, or forget it."""
        self.queues.keep_look(tenant, look, kept=kept)
        if kept:
            self._note_due(look.until_at)

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
        return sorted(left.values(), key=by_event)

    def log_event(self, tenant: str, event: Event, blocked: str | None = None) -> None:
        """Keep an accepted event in the event log; `blocked` is the rule that kept a date from enrolling."""
        row = event_row(tenant, new_id(), event, pending=False)
        if blocked is not None:
            row["blocked"] = blocked
            self.blocked[blocked] = self.blocked.get(blocked, 0) + 1
        self._events.append(row)

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
            self._events.append(event_row(tenant, row_id, event, pending=pending))
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
        self.lines.settle(transaction)
        if rates := self.lines.rows():
            writes.append((provider_rates.KEEP, rates, True))
        if self.tasks.handoffs.any:
            writes += self.tasks.handoffs.settle(transaction, self.times.workflow)
        counts = transaction.write_all([(sql, rows) for sql, rows, _ in writes])
        for (_, rows, exact), count in zip(writes, counts, strict=True):
            if exact and count != len(rows):
                raise Conflict(f"{len(rows) - count} rows were changed by another transaction")

    def _writes(self) -> list[Section]:
        inserts = [inserted_run(run) for run in self._runs.values() if run.expected == 0]
        updates = [updated_run(run) for run in self._runs.values() if run.expected > 0]
        now = self.times.workflow
        changed = [contact_row(tenant, *entry, now) for (tenant, _), entry in self._contacts.items()]
        talks = sorted(self._conversations.values(), key=by_id)
        queues, wanted = self.queues.sections(self._runs.values(), pending=self.directory.pending)
        if wanted:
            self._note_due(now)
        sections: list[Section] = [
            (contacts.INSERT, sorted((row for row in changed if row["expected"] == 0), key=by_id), True),
            (contacts.UPDATE, sorted((row for row in changed if row["expected"] > 0), key=by_id), True),
            (conversations.INSERT, [row for row in talks if row["expected"] == 0], True),
            (conversations.UPDATE, [row for row in talks if row["expected"] > 0], True),
            (enrollments.INSERT, sorted(inserts, key=by_id), True),
            (enrollments.UPDATE, sorted(updates, key=by_id), True),
            (enrollments.POSTPONE, sorted(self._postponed, key=by_id), False),
            *queues,
            *self.dates.sections(self.directory, self._contacts, now),
            (history.INSERT, self._history, True),
            *self.tasks.sections(),
            (events.INSERT, self._events, True),
            (events.TAKEN, self._mark_taken(), False),
            (events.HANDLED, self._handled, False),
            (events.INSERT_KEYS, sorted(self._keys, key=by_event), True),
            (events.INSERT_REQUESTS, sorted(self._requests, key=by_request), True),
            (variables.KEEP, [self._globals[name] for name in sorted(self._globals)], True),
            (variables.STAMP, [variables.STAMPED] if self._globals else [], True),
        ]
        return [section for section in sections if section[1]]

    def _run_write(
        self, tenant: str, workflow: Workflow, snapshot: Snapshot, before: StoredEnrollment | None
    ) -> RunWrite:
        write = self._runs.get((tenant, snapshot.id))
        if write is None:
            expected = before.snapshot.revision if before else 0
            known = before.snapshot if before else None
            write = RunWrite(tenant, known, snapshot, workflow, expected, before.task_id if before else None)
            self._runs[tenant, snapshot.id] = write
        write.snapshot, write.workflow = snapshot, workflow
        return write

    def _note_due(self, due_at: datetime | None) -> None:
        if due_at is not None and (self.earliest_due is None or due_at < self.earliest_due):
            self.earliest_due = due_at
