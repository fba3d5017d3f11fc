"""A run: one enrollment while it is being decided. Mutable, short-lived, never shared.

It is the model of the version's machine (`state`), the context that steps see, and the ledger of what the decision will
say. `freeze` turns it back into plain data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from statemachine.cause import Cause, Surroundings, cause_to_data
from statemachine.contact import Contact, contact_to_data
from statemachine.decision import Decision, EmittedEvent, HistoryEntry, TaskOrder, TaskRetry
from statemachine.errors import StepFailed
from statemachine.event import Event, event_to_data
from statemachine.limits import MAX_HISTORY, MAX_OUTPUT_BYTES, MAX_VARIABLES_BYTES, larger_than
from statemachine.machine import CANCELLED, COMPLETED, EXITED, FAILED, START
from statemachine.scope import Scope
from statemachine.snapshot import LastError, OpenTask, Snapshot, Status
from statemachine.workflow import Step, Workflow

_TERMINAL_STATES: Final = {
    Status.COMPLETED: COMPLETED,
    Status.FAILED: FAILED,
    Status.EXITED: EXITED,
    Status.CANCELLED: CANCELLED,
}
_RESTING: Final = frozenset({Status.WAITING, Status.PAUSED})
_MAX_CONSUMED: Final = 20


class Run:
    """See the module. Attributes are the snapshot's, plus the ledger (`history`, `orders`, `events`, …)."""

    __slots__ = (
        "_contact", "_contact_changed", "_outputs_changed", "_position", "_random_count", "_scope", "_snapshot",
        "_surroundings", "_variables_changed", "anchor_at", "cause", "consumed", "continues", "continuing",
        "deadlines", "emitted", "ended_at", "enrolled_at", "entered_at", "executed_steps", "exit_reason", "failed_steps", "goal",
        "held", "history", "last_error", "moved_at", "now", "orders", "outputs", "pause_timers", "paused_at", "previous_step",
        "resting", "retried_steps", "retries", "revoked", "seed", "sequence", "state", "status",
        "step_id", "step_starts", "task", "timers", "transitions", "variables", "variants", "visit", "workflow_version",
    )  # fmt: skip

    def __init__(self, workflow: Workflow, snapshot: Snapshot, cause: Cause, surroundings: Surroundings) -> None:
        self._snapshot = snapshot
        self._surroundings = surroundings
        self._contact = surroundings.contact
        self._scope: Scope | None = None
        self.workflow_version = workflow
        self.cause = cause
        self.seed = f"{snapshot.id}/{cause.id}"
        self.now = surroundings.now
        self._copy(snapshot)
        self.state = _state_of(snapshot)
        self.step_id = snapshot.step or ""
        self.resting = bool(snapshot.step) and snapshot.status in _RESTING and "continue" not in snapshot.deadlines
        self.moved_at = snapshot.transition_at
        self.continuing = False
        self.history: list[HistoryEntry] = []
        self.orders: list[TaskOrder] = []
        self.retries: list[TaskRetry] = []
        self.revoked: list[tuple[str, int]] = []
        self.emitted: list[EmittedEvent] = []
        self._position = 0
        self._random_count = 0
        self._contact_changed = self._variables_changed = self._outputs_changed = False

    def _copy(self, snapshot: Snapshot) -> None:
        self.status = snapshot.status
        self.visit = snapshot.visit
        self.sequence = snapshot.sequence
        self.transitions = snapshot.transitions
        self.timers = snapshot.timers
        self.variables = snapshot.variables
        self.outputs = snapshot.outputs
        self.variants = snapshot.variants
        self.deadlines = dict(snapshot.deadlines)
        self.anchor_at = snapshot.anchor_at
        self.step_starts = snapshot.step_starts
        self.previous_step = snapshot.previous_step
        self.task: OpenTask | None = snapshot.task
        self.enrolled_at = snapshot.started_at or self.now
        self.entered_at = snapshot.entered_at
        self.ended_at = snapshot.ended_at
        self.paused_at = snapshot.paused_at
        self.pause_timers = snapshot.pause_timers
        self.held = snapshot.held
        self.consumed = snapshot.consumed
        self.continues = snapshot.continues
        self.executed_steps = snapshot.executed_steps
        self.failed_steps = snapshot.failed_steps
        self.retried_steps = snapshot.retried_steps
        self.last_error: LastError | None = snapshot.last_error
        self.exit_reason = snapshot.exit_reason
        self.goal = snapshot.goal

    # --- what steps read (step.Context) ---

    @property
    def enrollment_id(self) -> str:
        return self._snapshot.id

    @property
    def workflow(self) -> str:
        return self._snapshot.workflow

    @property
    def entry_key(self) -> str:
        return self._snapshot.entry_key

    @property
    def contact_id(self) -> str | None:
        return self._snapshot.contact_id

    @property
    def attempt(self) -> int:
        return self.task.attempt if self.task else 1

    @property
    def events(self) -> tuple[Event, ...]:
        return self._surroundings.events

    @property
    def held_back(self) -> bool:
        """Whether the run must not move now: it is paused, or its workflow is."""
        return self.status is Status.PAUSED or self._surroundings.held

    @property
    def contact(self) -> Contact:
        if self._contact is None:
            raise StepFailed("no_contact", "this run has no contact; enrol it with a contact_id to use contact steps")
        return self._contact

    @property
    def scope(self) -> Scope:
        if self._scope is None:
            self._scope = self._new_scope()
        return self._scope

    @property
    def step(self) -> Step:
        return self.workflow_version.steps[self.step_id]

    def started_at(self, step_id: str) -> datetime | None:
        return self.step_starts.get(step_id)

    def zone(self, name: str | None = None) -> str:
        own = self._contact.get("timezone") if self._contact else None
        return name or own or self.workflow_version.timezone or self._surroundings.tenant_zone or "UTC"

    def random(self) -> float:
        self._random_count += 1
        digest = blake2b(f"{self.seed}#{self._random_count}".encode(), digest_size=7).digest()
        return int.from_bytes(digest) / (1 << 56)

    def variant(self, split: str) -> str | None:
        return self.variants.get(split)

    # --- what steps write ---

    def assign_variant(self, split: str, label: str) -> None:
        self.variants = {**self.variants, split: label}

    def set_variable(self, path: tuple[str, ...], value: Any) -> None:
        changed = _with_path(self.variables, path, value)
        if larger_than(changed, MAX_VARIABLES_BYTES):
            raise StepFailed("variables_too_large", f"the variables would be over {MAX_VARIABLES_BYTES // 1024} KiB")
        self.variables = changed
        self._variables_changed = True
        if self._scope is not None:
            self._scope.variables = changed

    def change_contact(self, contact: Contact, events: Iterable[tuple[str, Mapping[str, Any]]] = ()) -> None:
        self._contact = contact
        self._contact_changed = True
        self.emitted.extend(EmittedEvent(kind, data) for kind, data in events)
        if self._scope is not None:
            self._scope.contact = contact

    def keep_output(self, step: Step, output: Any) -> None:
        """Keep a step's output as `steps.<id>.output`, and in the variable that the step names."""
        if output is None:
            return
        if larger_than(output, MAX_OUTPUT_BYTES):
            limit = f"{MAX_OUTPUT_BYTES // 1024} KiB"
            raise StepFailed("output_too_large", f"the output of step {step.id!r} is over {limit}")
        self.outputs = {**self.outputs, step.id: output}
        self._outputs_changed = True
        if self._scope is not None:
            self._scope.outputs = self.outputs
        if step.output:
            self.set_variable((step.output,), output)

    def keep_error(self, code: str, message: str) -> None:
        self.last_error = LastError(self.step_id, code, message, self.now)
        if self._scope is not None:
            self._scope.error = self._scope.last_error = _error_names(self.last_error)

    def consume(self, event: Event) -> None:
        """Remember that this event moved the run, so that no later wait takes it again."""
        self.consumed = (*self.consumed, f"{event.source}/{event.id}")[-_MAX_CONSUMED:]
        self.scope.event = event

    def note(self, kind: str, **fields: Any) -> None:
        """Add a line to the history. The first line of a cause carries the cause and what was read."""
        cause = self._recorded_cause() if self._position == 0 else None
        self.history.append(
            HistoryEntry(self.sequence, self._position, self.now, kind, visit=self.visit, cause=cause, **fields)
        )
        self.sequence += 1
        self._position += 1

    @property
    def history_full(self) -> bool:
        return self.sequence >= MAX_HISTORY

    # --- the end of the decision ---

    def freeze(self) -> Decision:
        """The decision as plain data."""
        return Decision(
            snapshot=self._next_snapshot(),
            history=tuple(self.history),
            orders=tuple(self.orders),
            retries=tuple(self.retries),
            revoked=tuple(self.revoked),
            contact=self._contact if self._contact_changed else None,
            events=tuple(self.emitted),
            continues=self.continuing,
            changed_variables=self._variables_changed,
            changed_outputs=self._outputs_changed,
        )

    def _next_snapshot(self) -> Snapshot:
        before = self._snapshot
        return Snapshot(
            id=before.id,
            workflow=before.workflow,
            version=before.version,
            contact_id=before.contact_id,
            entry_key=before.entry_key,
            status=self.status,
            step=self.step_id or None,
            visit=self.visit,
            sequence=self.sequence,
            transitions=self.transitions,
            timers=self.timers,
            priority=before.priority,
            parent_id=before.parent_id,
            open_children=before.open_children,
            trigger=before.trigger,
            variables=self.variables,
            outputs=self.outputs,
            variants=self.variants,
            deadlines=self.deadlines,
            anchor_at=self.anchor_at,
            step_starts=self.step_starts,
            previous_step=self.previous_step,
            task=self.task,
            started_at=self.enrolled_at,
            entered_at=self.entered_at,
            transition_at=self.now,
            ended_at=self.ended_at,
            paused_at=self.paused_at,
            pause_timers=self.pause_timers,
            held=self.held,
            consumed=self.consumed,
            continues=self.continues,
            executed_steps=self.executed_steps,
            failed_steps=self.failed_steps,
            retried_steps=self.retried_steps,
            last_error=self.last_error,
            exit_reason=self.exit_reason,
            goal=self.goal,
            revision=before.revision + 1,
        )

    def _recorded_cause(self) -> dict[str, Any]:
        recorded: dict[str, Any] = {
            "cause": cause_to_data(self.cause),
            "now": self.now.isoformat(),
            "seed": self.seed,
        }
        reads = self._recorded_reads()
        if reads:
            recorded["reads"] = reads
        if self._snapshot.revision == 0:
            recorded["enrollment"] = _identity(self._snapshot)
        return recorded

    def _recorded_reads(self) -> dict[str, Any]:
        surroundings = self._surroundings
        reads: dict[str, Any] = {}
        if surroundings.contact is not None:
            reads["contact"] = _contact_subset(surroundings.contact, self.workflow_version.reads.contact)
        if surroundings.events:
            reads["events"] = [event_to_data(event) for event in surroundings.events]
        if surroundings.tenant_zone:
            reads["tenant_zone"] = surroundings.tenant_zone
        if surroundings.held:
            reads["held"] = True
        return reads

    def _new_scope(self) -> Scope:
        snapshot = self._snapshot
        scope = Scope()
        scope.contact = self._contact
        scope.trigger = snapshot.trigger
        scope.variables = self.variables
        scope.outputs = self.outputs
        scope.now = self.now
        scope.events = self._surroundings.events
        scope.zone = self.zone()
        scope.on_missing = self.workflow_version.on_missing
        scope.globals = self._surroundings.globals
        scope.workflow_key = snapshot.workflow
        scope.enrollment = {
            "id": snapshot.id,
            "workflow": snapshot.workflow,
            "workflow_id": snapshot.workflow,
            "version": snapshot.version,
            "contact_id": snapshot.contact_id,
            "key": snapshot.entry_key,
            "started_at": self.enrolled_at.isoformat(),
        }
        if self.last_error is not None:
            scope.error = scope.last_error = _error_names(self.last_error)
        return scope


def _state_of(snapshot: Snapshot) -> str:
    terminal = _TERMINAL_STATES.get(snapshot.status)
    return terminal or snapshot.step or START


def _identity(snapshot: Snapshot) -> dict[str, Any]:
    """What must be known of an enrollment before its first cause can be decided again."""
    identity: dict[str, Any] = {"id": snapshot.id, "workflow": snapshot.workflow, "version": snapshot.version}
    for name in ("contact_id", "entry_key", "priority", "parent_id", "trigger"):
        value = getattr(snapshot, name)
        if value:
            identity[name] = value
    return identity


def _contact_subset(contact: Contact, names: frozenset[str]) -> dict[str, Any]:
    data = contact_to_data(contact)
    if "*" not in names:
        for part in ("tags", "lists", "score"):
            if part not in names:
                del data[part]
        for part in ("attributes", "custom_fields"):
            data[part] = {name: value for name, value in data[part].items() if name in names}
    data = {part: value for part, value in data.items() if value}
    return {"id": contact.id, **data}


def _error_names(error: LastError) -> dict[str, Any]:
    return {"step": error.step, "code": error.code, "message": error.message, "at": error.at.isoformat()}


def _with_path(tree: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    if len(path) == 1:
        return {**tree, path[0]: value}
    below = tree.get(path[0])
    return {**tree, path[0]: _with_path(below if isinstance(below, Mapping) else {}, path[1:], value)}


def with_identity(data: Mapping[str, Any]) -> Snapshot:
    """The snapshot of an enrollment that has not begun, from what its first history entry recorded."""
    return replace(Snapshot(data["id"], data["workflow"], data["version"]), **dict(data))
