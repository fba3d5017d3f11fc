"""A decision: what the core answers to a cause. Plain frozen data; the engine writes it down, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from statemachine.cause import ChildCause, ParentCause, UndoCause
from statemachine.contact import Contact
from statemachine.conversation import Conversation
from statemachine.event import Event
from statemachine.people import NOBODY, Wanted
from statemachine.record import record
from statemachine.sending.rate import Lines
from statemachine.snapshot import Snapshot


@record
class HistoryEntry:
    """One line of an enrollment's history.

    `kind`: queued, started, step_completed, step_skipped, step_failed, waiting, retrying, paused, resumed, continued,
    held, dropped, migrated, variables_set, rescheduled, debounced, child_ended, undoable, undone, reminded, escalated,
    completed, failed, exited, cancelled. `position` counts within the cause from 0; the entry at 0 carries `cause` (all
    that is needed to decide again: cause, now, seed and the values read). `variants` are those that the run had by
    then, by split.
    """

    sequence: int
    position: int
    at: datetime
    kind: str
    step: str | None = None
    step_type: str | None = None
    visit: int = 0
    outcome: str | None = None
    attempt: int = 0
    duration_ms: int | None = None
    level: str = "info"
    input: Any = None
    output: Any = None
    error_code: str | None = None
    error: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    cause: Mapping[str, Any] | None = None
    variants: Mapping[str, str] = field(default_factory=dict)


PATH_KINDS: Final = ("step_started", "waiting", "step_completed", "step_failed", "migrated")
"""The lines of a history whose steps are the path of its enrollment, once per visit and step."""


@record
class HumanWork:
    """What makes a task one for people: who may have it, and after how long it is reminded of, given to others and
    given up."""

    title: str
    message: str = ""
    wanted: Wanted = NOBODY
    timeout: timedelta | None = None
    reminder: timedelta | None = None
    escalation: timedelta | None = None


@record
class HumanChange:
    """Something that happened to the human task of (step, visit).

    `kind`: reminded; escalated, to `wanted` in `queue` ("": where it is); closed, with `ending` decided, timeout or
    cancelled. `decision`, `by` (None: an operator) and `output` tell what was decided.
    """

    kind: Literal["reminded", "escalated", "closed"]
    step: str
    visit: int
    ending: str = ""
    decision: str | None = None
    by: str | None = None
    output: Any = None
    wanted: Wanted = NOBODY
    queue: str = ""


@record
class TaskOrder:
    """An outside effect to carry out after the commit. The engine adds the id and the idempotency key.

    `timeout_s` bounds one attempt; `outcomes` are what a worker may answer besides `error`. With `human` it is for
    people, and no worker is given it.
    """

    step: str
    visit: int
    type: str
    queue: str
    input: Mapping[str, Any]
    timeout_s: float = 30.0
    max_attempts: int = 4
    at_most_once: bool = False
    outcomes: tuple[str, ...] = ("done",)
    priority: int = 0
    human: HumanWork | None = None


@record
class TaskRetry:
    """The open task of (step, visit) may be leased again from `available_at`."""

    step: str
    visit: int
    attempt: int
    available_at: datetime
    delay_s: float


@record
class ChildOrder:
    """A child to start: decide `cause` on `snapshot`. Version 0 means the one that is active, or does not exist."""

    snapshot: Snapshot
    cause: ParentCause


@record
class EmittedEvent:
    """An event that a step or a contact write raised, e.g. tag_added; `conversation_id` when it is about that."""

    type: str
    data: Mapping[str, Any]
    conversation_id: str | None = None


@record
class Decision:
    """The next snapshot and everything that must become durable with it.

    `contact` and `conversation` are set when they changed, `globals` are the global variables that did. `revoked` names
    the (step, visit) of tasks that must not run any more. `human` is what happened to human tasks, in order. `alone`
    are the events that no other enrollment may take any more. `continues` asks for a `continue` cause at once.
    `rulings` are what the gate said of messages: (channel, verdict, rule). `lines` are those before the providers, when
    any is another now.

    Of a family: `told` are words for its open children (each to all of the visit that the cause names), `children` are
    to be started after that, in order; `ended` is what its own parent must hear, after `undos`: what that may have to
    undo. `family.py` sees to all of it.
    """

    snapshot: Snapshot
    history: tuple[HistoryEntry, ...] = ()
    orders: tuple[TaskOrder, ...] = ()
    retries: tuple[TaskRetry, ...] = ()
    revoked: tuple[tuple[str, int], ...] = ()
    contact: Contact | None = None
    alone: tuple[Event, ...] = ()
    events: tuple[EmittedEvent, ...] = ()
    human: tuple[HumanChange, ...] = ()
    continues: bool = False
    changed_variables: bool = False
    changed_outputs: bool = False
    rulings: tuple[tuple[str, str, str], ...] = ()
    conversation: Conversation | None = None
    told: tuple[ParentCause, ...] = ()
    children: tuple[ChildOrder, ...] = ()
    ended: ChildCause | None = None
    globals: Mapping[str, Any] = field(default_factory=dict)
    lines: Lines | None = None
    undos: UndoCause | None = None

    @property
    def of_family(self) -> bool:
        """Whether it means anything to children or a parent."""
        return bool(self.told or self.children or self.ended or self.undos)
