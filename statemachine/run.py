"""A run: one enrollment while it is being decided. Mutable, short-lived, never shared.

It is the model of the version's machine (`state`), the context that steps see, and the ledger of what the decision will
say. `freeze` turns it back into plain data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from statemachine.calendar import first_zone
from statemachine.cause import Cause, ParentCause, Surroundings
from statemachine.contact import Contact
from statemachine.conversation import Conversation, conversation_names
from statemachine.decision import ChildOrder, Decision, EmittedEvent, HistoryEntry, HumanChange, TaskOrder, TaskRetry
from statemachine.errors import StepFailed
from statemachine.event import Event
from statemachine.evidence import keep_evidence
from statemachine.failure import LastError, error_names
from statemachine.farewell import farewell, left_to_undo
from statemachine.frame import (
    AnyFrame,
    caught_around,
    undo_names,
)
from statemachine.framed import Framed
from statemachine.global_variables import check_globals
from statemachine.kin import child_id
from statemachine.limits import (
    MAX_CONVERSATION_BYTES,
    MAX_HISTORY,
    MAX_OUTPUT_BYTES,
    MAX_VARIABLES_BYTES,
    larger_than,
    size_up_to,
)
from statemachine.machine import CANCELLED, COMPLETED, EXITED, FAILED, START
from statemachine.shares import NO_SPLITS, Shares
from statemachine.snapshot import Snapshot, Status
from statemachine.standstill import CONTINUE, moved
from statemachine.variable_path import with_path, without_path
from statemachine.view import View
from statemachine.workflow import Step, Workflow

TERMINAL_STATES: Final = {
    Status.COMPLETED: COMPLETED,
    Status.FAILED: FAILED,
    Status.EXITED: EXITED,
    Status.CANCELLED: CANCELLED,
}
"""The machine's state for each status in which a run has ended."""
_NONE: Final[frozenset[str]] = frozenset()
_UNCHANGED: Final[Mapping[str, Any]] = {}
_NOTHING: Final[Mapping[str, Any]] = {}
_RESTING: Final = frozenset({Status.WAITING, Status.PAUSED})
MAX_CONSUMED: Final = 100
_MAX_REASON: Final = 500


class Run(Framed):
    """See the module. Attributes are the snapshot's, plus the ledger (`history`, `orders`, `emitted`, …)."""

    __slots__ = (
        "_contact_changed", "_conversation_changed", "_event", "_evidence", "_outputs_changed", "_position",
        "_random_count", "_scope", "_variables_changed", "_variables_size", "alone", "broke", "cause", "children",
        "contact_read", "continuing", "conversation_read", "doubts", "edited_input", "emitted", "events_read",
        "examined", "global_changes", "history", "holidays", "human", "lateness_asked", "lines", "orders", "person",
        "resting", "retries", "revoked", "rulings", "seed", "sent", "slots", "splits_read", "state", "surroundings",
        "talk", "told",
    )  # fmt: skip

    def __init__(self, workflow: Workflow, snapshot: Snapshot, cause: Cause, surroundings: Surroundings) -> None:
        super().__init__(workflow, snapshot, surroundings.now)
        self._scope: View | None = None
        self._event: Event | None = None
        self._evidence: dict[str, Any] = {}
        self._position = 0
        self._random_count = 0
        self._variables_size: int | None = None
        self._contact_changed = self._variables_changed = self._outputs_changed = self._conversation_changed = False
        self.surroundings = surroundings
        self.person = surroundings.contact
        self.talk = surroundings.conversation
        self.cause = cause
        self.seed = f"{snapshot.id}/{cause.id}"
        self.make_up()
        self.state = TERMINAL_STATES.get(self.status) or self.step_id or START
        self.resting = bool(self.step_id) and self.status in _RESTING and CONTINUE not in self.deadlines
        self.continuing = False
        self.holidays: dict[str, str] | None = None
        self.sent = False
        self.rulings: tuple[tuple[str, str, str], ...] = ()
        self.edited_input: Mapping[str, Any] | None = None
        self.lateness_asked = False
        self.lines = surroundings.lines
        self.slots: tuple[datetime, ...] = ()
        self.alone: tuple[Event, ...] = ()
        self.contact_read = self.events_read = self.conversation_read = False
        self.splits_read = _NONE
        self.examined: dict[str, None] = {}
        self.doubts: list[str] = []
        self.history: list[HistoryEntry] = []
        self.orders: list[TaskOrder] = []
        self.retries: list[TaskRetry] = []
        self.revoked: list[tuple[str, int]] = []
        self.emitted: list[EmittedEvent] = []
        self.told: list[ParentCause] = []
        self.children: list[ChildOrder] = []
        self.broke = False
        self.human: list[HumanChange] = []
        self.global_changes: Mapping[str, Any] = _UNCHANGED

    # --- what steps read (step.Context) ---

    def child_id(self, name: str) -> str:
        return child_id(self.before.id, self.visit, name)

    @property
    def around(self) -> tuple[str, ...]:
        """The keys of the workflows around this run's, the outermost first, and its own."""
        return (*(self.origin.around if self.origin else ()), self.before.workflow)

    @property
    def attempt(self) -> int:
        return self.task.attempt if self.task else 1

    @property
    def events(self) -> tuple[Event, ...]:
        return self.scope.events

    @property
    def held_back(self) -> bool:
        """Whether the run must not move now: it is paused, or its workflow is."""
        return self.status is Status.PAUSED or self.surroundings.held

    @property
    def event_policy(self) -> str:
        """What becomes of events while it is held: as its own pause says, else that of its workflow."""
        return self.pause_events if self.status is Status.PAUSED else self.surroundings.standstill.events

    @property
    def contact(self) -> Contact:
        self.contact_read = True
        if self.person is None:
            raise StepFailed("no_contact", "this run has no contact; enrol it with a contact_id to use contact steps")
        return self.person

    @property
    def conversation(self) -> Conversation:
        self.conversation_read = True
        if self.talk is None:
            raise StepFailed("no_conversation", "this run has no conversation: the event that enrolled names none")
        return self.talk

    @property
    def scope(self) -> View:
        if self._scope is None:
            self._scope = View(self)
        return self._scope

    @property
    def event(self) -> Event | None:
        """The event being handled, as steps read it."""
        return self._event

    @event.setter
    def event(self, event: Event | None) -> None:
        self._event = event
        if self._scope is not None:
            self._scope.event = event

    @property
    def moves(self) -> int:
        """The transitions made by this cause."""
        return self.transitions - self.before.transitions

    def started_at(self, step_id: str) -> datetime | None:
        return self.step_starts.get(step_id)

    @property
    def moment(self) -> datetime | None:
        return self.moments.get(self.step_id)

    def aim_at(self, moment: datetime) -> None:
        ahead = {step: other for step, other in self.moments.items() if other >= self.now}
        self.moments = {**ahead, self.step_id: moment}

    def zone(self, name: str | None = None) -> str:
        if name:
            return name
        self.contact_read = True
        own = self.person.get("timezone") if self.person else None
        return first_zone(own, self.workflow_version.timezone, self.surroundings.tenant_zone)

    def random(self) -> float:
        self._random_count += 1
        digest = blake2b(f"{self.seed}#{self._random_count}".encode(), digest_size=7).digest()
        return int.from_bytes(digest) / (1 << 56)

    def variant(self, split: str) -> str | None:
        known = self.variants.get(split)
        if known is None and self.surroundings.splits is not NO_SPLITS:
            self.splits_read |= {split}
            return self.surroundings.splits.kept.get(split)
        return known

    def shares(self, defined: Shares) -> Shares:
        splits = self.surroundings.splits
        if splits is NO_SPLITS:
            return defined
        self.splits_read |= {self.step_id}
        found = splits.shares.get(self.step_id)
        return defined if found is None else found.shares

    def earlier_events(self, kinds: frozenset[str]) -> Iterator[Event]:
        """The events of these types that count for the wait in which the run rests, in order of acceptance."""
        for event in self.surroundings.events[self._remembered_from() :]:
            if event.type in kinds and not self.before_anchor(event):
                self.examined[event.name] = None
                yield event

    def _remembered_from(self) -> int:
        """Where those events begin of which the run knows whether it took them; of earlier ones it has forgotten it."""
        if len(self.consumed) < MAX_CONSUMED:
            return 0
        taken = frozenset(self.consumed)
        for place, event in enumerate(self.surroundings.events):
            if event.name in taken:
                self.examined[event.name] = None
                return place
        return 0

    def before_anchor(self, event: Event) -> bool:
        return bool(self.anchor_at and event.accepted_at and event.accepted_at < self.anchor_at)

    def was_taken(self, event: Event) -> bool:
        """Whether the event enrolled this run, moved it before, or is another run's alone."""
        if event.taken_by and event.taken_by != self.enrollment_id:
            return True
        name = event.name
        return name in self.consumed or name == f"{self.trigger.get('source', '')}/{self.trigger.get('id', '')}"

    def enrollment_names(self) -> dict[str, Any]:
        snapshot = self.before
        return {
            "id": snapshot.id,
            "workflow": snapshot.workflow,
            "workflow_id": snapshot.workflow,
            "version": self.version,
            "contact_id": snapshot.contact_id,
            "key": snapshot.entry_key,
            "tenant_id": self.surroundings.tenant_id,
            "started_at": self.enrolled_at.isoformat(),
        }

    def conversation_names(self) -> dict[str, Any]:
        """What `conversation.…` leads to; nothing on a run without one."""
        self.conversation_read = True
        return {} if self.talk is None else conversation_names(self.talk)

    def error_names(self) -> dict[str, Any] | None:
        return error_names(self.last_error)

    def set_frames(self, frames: tuple[AnyFrame, ...]) -> None:
        super().set_frames(frames)
        if self._scope is not None:
            self._scope.loop = self.loop_names()
            self._scope.undo = undo_names(frames)
            self._scope.outputs = self.outputs_seen

    # --- deadlines ---

    def make_up(self) -> None:
        """Move the deadlines by what the workflow stood still since they were moved last; not while it is paused."""
        missed_s = self.surroundings.standstill.total_s - self.standstill_s
        if missed_s and self.status is not Status.PAUSED:
            self.deadlines = moved(self.deadlines, missed_s)
            self.standstill_s = self.surroundings.standstill.total_s

    @property
    def made_up(self) -> bool:
        """Whether this cause found deadlines that had to be moved."""
        return self.standstill_s != self.before.standstill_s

    # --- what steps write ---

    def assign_variant(self, split: str, label: str) -> None:
        self.variants = {**self.variants, split: label}

    def set_variable(self, path: tuple[str, ...], value: Any) -> None:
        name_size = sum(4 * len(name) + 6 for name in path)
        self._write(path[:1])
        self._keep_variables(with_path(self.variables, path, value), value, name_size)

    def remove_variable(self, path: tuple[str, ...]) -> None:
        self._keep_variables(without_path(self.variables, path), None)

    def set_variables(self, values: Mapping[str, Any]) -> None:
        """Set all of them, or none when they would be too large."""
        if values:
            self._write(values)
            self._keep_variables({**self.variables, **values}, values)

    def patch_variables(self, patch: Mapping[str, Any]) -> None:
        """As `set_variables`, but a null removes the variable."""
        if patch:
            self._write(patch)
            changed = {**self.variables, **patch}
            self._keep_variables(
                {name: value for name, value in changed.items() if patch.get(name, 0) is not None}, patch
            )

    def _write(self, names: Iterable[str]) -> None:
        """A child remembers which variables it sets: those are what it leaves to its parent."""
        if self.origin is not None:
            self.written = tuple(dict.fromkeys((*self.written, *names)))

    def _keep_variables(self, changed: Mapping[str, Any], added: Any, name_size: int = 0) -> None:
        """Measure what was added; the whole only when the sum of the additions nears the limit."""
        room = MAX_VARIABLES_BYTES + 1
        known = size_up_to(self.variables, room) if self._variables_size is None else self._variables_size
        size = known + size_up_to(added, room) + name_size
        if size > MAX_VARIABLES_BYTES:
            size = size_up_to(changed, room)
        if size > MAX_VARIABLES_BYTES:
            raise StepFailed("variables_too_large", f"the variables would be over {MAX_VARIABLES_BYTES // 1024} KiB")
        self._variables_size = size
        self.variables = changed
        self._variables_changed = True
        if self._scope is not None:
            self._scope.variables = changed

    def change_contact(self, contact: Contact, events: Iterable[tuple[str, Mapping[str, Any]]] = ()) -> None:
        self.person = contact
        self._contact_changed = True
        self.emitted.extend(EmittedEvent(kind, self._with_variants(data)) for kind, data in events)
        if self._scope is not None:
            self._scope.contact = contact

    def change_conversation(
        self, conversation: Conversation, events: Iterable[tuple[str, Mapping[str, Any]]] = ()
    ) -> None:
        self.talk = replace(conversation, updated_at=self.now)
        self._conversation_changed = True
        self.emitted.extend(EmittedEvent(kind, self._with_variants(data), conversation.id) for kind, data in events)

    def set_conversation_variable(self, path: tuple[str, ...], value: Any) -> None:
        talk = self.conversation
        changed = with_path(talk.variables, path, value)
        if larger_than(changed, MAX_CONVERSATION_BYTES):
            limit = f"{MAX_CONVERSATION_BYTES // 1024} KiB"
            raise StepFailed("variables_too_large", f"the variables of the conversation would be over {limit}")
        self.change_conversation(replace(talk, variables=changed))

    def set_global_variable(self, path: tuple[str, ...], value: Any) -> None:
        known = {**self.surroundings.globals, **self.global_changes}
        name = path[0]
        changes = {**self.global_changes, name: with_path(known, path, value)[name]}
        check_globals(name, changes, self.surroundings.globals_left)
        self.global_changes = changes
        self.scope.globals = {**known, **changes}

    def note_message(self) -> None:
        if self.talk is not None:
            self.conversation_read = True
            self.change_conversation(replace(self.talk, last_message_at=self.now))

    def _with_variants(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**data, "variants": dict(self.variants)} if self.variants else data

    def keep_output(self, step: Step, output: Any) -> None:
        """Keep a step's output as `steps.<id>.output`, and in the variable that the step names."""
        if output is None:
            return
        if larger_than(output, MAX_OUTPUT_BYTES):
            limit = f"{MAX_OUTPUT_BYTES // 1024} KiB"
            raise StepFailed("output_too_large", f"the output of step {step.id!r} is over {limit}")
        if step.output:
            self.set_variable((step.output,), output)
        self.outputs = {**self.outputs, step.id: output}
        self._outputs_changed = True
        if self._scope is not None:
            self._scope.outputs = self.outputs_seen

    def merge_outputs(self, outputs: Mapping[str, Any]) -> None:
        """What the steps of a branch left."""
        if outputs:
            self.replace_outputs({**self.outputs, **outputs})
            if self._scope is not None:
                self._scope.outputs = self.outputs

    def replace_outputs(self, outputs: Mapping[str, Any]) -> None:
        """The same outputs under other step ids."""
        self.outputs = outputs
        self._outputs_changed = True

    def keep_error(self, code: str, message: str, *, transient: bool = False) -> LastError:
        error = LastError(self.step_id, code, message, self.now, transient, self.attempt)
        self.set_error(error)
        return error

    def clear_error(self) -> None:
        """What failed has succeeded; history keeps that it failed. An error caught around it is the last one again."""
        self.set_error(caught_around(self.frames))

    def set_error(self, error: LastError | None) -> None:
        self.last_error = error
        if self._scope is not None:
            self._scope.error = self._scope.last_error = self.error_names()

    def consume(self, event: Event) -> None:
        """Remember that this event moved the run, so that no later wait takes it again."""
        self.consumed = (*self.consumed, event.name)[-MAX_CONSUMED:]
        self.event = event

    def take(self, event: Event) -> None:
        """The wait takes the event; for itself alone where it says so."""
        self.consume(event)
        if self.step.runner.alone:
            self.alone = (*self.alone, event)

    def take_doubts(self) -> str:
        """Why conditions tested since the last call could not be answered, and so were false; "" mostly."""
        if not self.doubts:
            return ""
        reason = "; ".join(dict.fromkeys(self.doubts))
        self.doubts.clear()
        return reason if len(reason) <= _MAX_REASON else f"{reason[: _MAX_REASON - 1]}…"

    def note(
        self,
        kind: str,
        *,
        step: str | None = None,
        step_type: str | None = None,
        outcome: str | None = None,
        attempt: int = 0,
        duration_ms: int | None = None,
        level: str = "info",
        task_input: Any = None,
        output: Any = None,
        error_code: str | None = None,
        error: str | None = None,
        metadata: Mapping[str, Any] = _NOTHING,
    ) -> None:
        """Add a line to the history. The first line of a cause carries the cause and what was read."""
        position = self._position
        self.history.append(
            HistoryEntry(
                self.sequence,
                position,
                self.now,
                kind,
                step,
                step_type,
                self.visit,
                outcome,
                attempt,
                duration_ms,
                level,
                task_input,
                output,
                error_code,
                error,
                metadata,
                None if position else self._evidence,
                self.variants,
            )
        )
        self.sequence += 1
        self._position = position + 1

    @property
    def history_full(self) -> bool:
        return self.sequence >= MAX_HISTORY

    # --- the end of the decision ---

    def freeze(self) -> Decision:
        """The decision as plain data."""
        keep_evidence(self, self._evidence)
        return Decision(
            self.next_snapshot(),
            tuple(self.history),
            tuple(self.orders),
            tuple(self.retries),
            tuple(self.revoked),
            self.person if self._contact_changed else None,
            self.alone,
            tuple(self.emitted),
            tuple(self.human),
            self.continuing,
            self._variables_changed,
            self._outputs_changed,
            self.rulings,
            self.talk if self._conversation_changed else None,
            tuple(self.told),
            tuple(self.children),
            farewell(self),
            self.global_changes,
            self.lines if self.lines is not self.surroundings.lines else None,
            left_to_undo(self) if self.origin is not None else None,
        )

    def let_go(self) -> None:
        """Nobody reads from it any more. The view leads back here: a ring would be left to the garbage collector."""
        self._scope = None
