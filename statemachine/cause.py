"""A cause: what happened to an enrollment. Every transition has exactly one, and its id is stable.

| cause | id |
|---|---|
| an event, in one of its phases | `event:<source>/<id>#<phase>` |
| a timer that fell due | `timer:<visit>/<n>` |
| a task's result | `task:<id>/<attempt>` |
| an operator's command | `op:<method>/<request_id>` |
| a long run that goes on | `continue:<n>` |
| a place that is free for a run that waits to begin | `start:<n>` |
| its contact changed | `contact:<revision>/<round>` |
| the word of a parent to its child | `parent:<word>/<revision of the parent>` |
| the end of a child | `child:<id of the child>` |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from statemachine.contact import Contact
from statemachine.conversation import Conversation
from statemachine.event import Event, event_from_data, event_to_data
from statemachine.frame import Undo, undo_from_data, undo_to_data
from statemachine.limits import MAX_GLOBALS_BYTES, size_up_to
from statemachine.record import record
from statemachine.sending.rate import NO_LINES, Lines
from statemachine.shares import NO_SPLITS, Splits
from statemachine.snapshot import Snapshot
from statemachine.standstill import NO_STANDSTILL, Standstill

if TYPE_CHECKING:
    from statemachine.workflow import Workflow

Phase = Literal["entry", "exit", "wait", "restart", "interrupt"]
Word = Literal["start", "cancel", "pause", "resume"]
Operation = Literal["advance", "pause", "resume", "cancel", "exit", "retry", "set_variables", "reschedule", "migrate"]


@record
class EventCause:
    """`entry` starts the run, `exit` tests the exit rules, `wait` tests the cases of the wait it rests in (a run that
    is held keeps the event for later), `restart` ends it because the same event enrols its contact anew,
    `interrupt` because it enrols its contact in a workflow that goes first.

    `trigger_id` names the trigger that matched (entry only).
    """

    event: Event
    phase: Phase
    trigger_id: str = ""

    @property
    def id(self) -> str:
        return f"event:{self.event.source}/{self.event.id}#{self.phase}"


@record
class TimerCause:
    """The earliest deadline of the run has passed, or its workflow goes on after a pause."""

    visit: int
    number: int

    @property
    def id(self) -> str:
        return f"timer:{self.visit}/{self.number}"


@record
class TaskFailure:
    """Why an attempt failed. `retry_after_s` is what the other side asked for (Retry-After)."""

    code: str
    message: str
    retryable: bool
    retry_after_s: float | None = None


@record
class TaskCause:
    """The result of one attempt of the task ordered in (step, visit): a failure, or an outcome with its output."""

    task_id: str
    step: str
    visit: int
    attempt: int
    outcome: str = "done"
    output: Any = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    failure: TaskFailure | None = None

    @property
    def id(self) -> str:
        return f"task:{self.task_id}/{self.attempt}"


@record
class OperatorCause:
    """A person or service says what to do.

    `data`: advance {transition, data}; retry {input}; pause {timers: keep | remaining | catch_up, events: buffer |
    deliver | drop}; cancel {reason};
    exit {reason}; resume {}; set_variables {variables}; reschedule {until: ISO 8601} or {by_s: seconds};
    migrate {from_version, to_version, mapping, timers} (decided by `statemachine.migration.migrate`).
    """

    operation: Operation
    request_id: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"op:{self.operation}/{self.request_id}"


@record
class ContinueCause:
    """A run that made 1,000 transitions of one cause goes on in the next batch."""

    number: int

    @property
    def id(self) -> str:
        return f"continue:{self.number}"


@record
class StartCause:
    """A pending run is looked at again: it begins, waits on for another reason (`Surroundings.queue`), or leaves with
    the reason `refused`."""

    number: int
    refused: str = ""

    @property
    def id(self) -> str:
        return f"start:{self.number}"


@record
class ContactCause:
    """The contact has changed, and a wait for which that matters looks again. `revision` is that of the change,
    `number` counts the rounds in which runs that look again change it in turn."""

    revision: int
    number: int = 0

    @property
    def id(self) -> str:
        return f"contact:{self.revision}/{self.number}"


@record
class ParentCause:
    """A parent starts its child, ends it, holds it or lets it go on.

    `visit` is the parent's visit of the step that has the child, `revision` that of its decision.
    `data`: cancel {reason}; pause {timers: keep | remaining | catch_up}.
    """

    word: Word
    visit: int
    revision: int
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"parent:{self.word}/{self.revision}"


@record
class ChildCause:
    """A child has ended, or could not be started: which (step, visit, name), how, and what it left.

    `result` are the variables that it set, `outputs` those of the steps of its branch, `reason` is its exit reason,
    `error` {step, code, message} of one that failed. `broke`: it says that no further round begins. `consumed` names
    the events that moved it.
    """

    child_id: str
    step: str
    visit: int
    name: str
    status: str
    result: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    error: Mapping[str, Any] | None = None
    broke: bool = False
    consumed: tuple[str, ...] = ()

    @property
    def missing(self) -> bool:
        """Whether there was nothing to start."""
        return self.error is not None and "step" not in self.error

    @property
    def id(self) -> str:
        return f"child:{self.child_id}"


@record
class UndoCause:
    """A branch or a round has finished steps that say how they are undone (`kept`), or has undone such steps itself
    (`gone`: their `Undo.name`). `name` is the child's, `revision` that of its decision."""

    child_id: str
    name: str
    revision: int
    kept: tuple[Undo, ...] = ()
    gone: tuple[tuple[str, int], ...] = ()

    @property
    def id(self) -> str:
        return f"undo:{self.child_id}/{self.revision}"


Cause = (
    EventCause
    | TimerCause
    | TaskCause
    | OperatorCause
    | ContinueCause
    | StartCause
    | ContactCause
    | ParentCause
    | ChildCause
    | UndoCause
)


DEFAULT_TENANT: Final = "default"


@record
class Surroundings:
    """What a decision may read besides the snapshot: the contact, and earlier events in order of acceptance.

    `conversation` is the run's and `globals` are those global variables that its version may read; `globals_left` is
    how many bytes those may take that it sets, None when it sets none.
    `counted` is how far back the caps of the tenant's workflows look, None without any. `holidays` are those that were
    found when the cause was decided first (date → name), None to look them up.
    `now` is workflow time. `tenant_zone` is the tenant's default zone. `held` says that the workflow is paused,
    `standstill` what its pauses mean to deadlines. `queue` says by which `rule`, and on what grounds, the run has
    to wait before it begins. `crowded`: so much was done at once already that a child which is started now begins in
    the next batch. `splits` is what decides splits besides the definition. `lines` are those before the providers, of
    the channels that have rates, `slots` what they answered when the cause was decided first, None to ask them.
    """

    now: datetime
    contact: Contact | None = None
    events: tuple[Event, ...] = ()
    globals: Mapping[str, Any] = field(default_factory=dict)
    tenant_zone: str | None = None
    held: bool = False
    standstill: Standstill = NO_STANDSTILL
    tenant_id: str = DEFAULT_TENANT
    conversation: Conversation | None = None
    queue: Mapping[str, Any] | None = None
    crowded: bool = False
    counted: timedelta | None = None
    holidays: Mapping[str, str] | None = None
    splits: Splits = NO_SPLITS
    globals_left: int | None = None
    lines: Lines = field(default_factory=lambda: NO_LINES)
    slots: tuple[datetime, ...] | None = None


def named_globals(known: Mapping[str, Any], workflow: Workflow) -> Mapping[str, Any]:
    """Those of the tenant's variables that a version may read."""
    names = workflow.reads.globals
    if not known or not names or "*" in names:
        return known if names else _NOTHING
    return {name: known[name] for name in names if name in known}


def left_for_globals(known: Mapping[str, Any], workflow: Workflow) -> int | None:
    """How many bytes the global variables may take that a version sets, the others being what they are."""
    names = workflow.reads.sets
    if not names:
        return None
    others = {name: value for name, value in known.items() if name not in names}
    return MAX_GLOBALS_BYTES - size_up_to(others, MAX_GLOBALS_BYTES)


_NOTHING: Final[Mapping[str, Any]] = {}


def chain_after(snapshot: Snapshot, cause: Cause) -> tuple[str, ...]:
    """The workflows that led to what a decision raises: of the event it handled (or that enrolled it), and its own."""
    if isinstance(cause, EventCause):
        return (*cause.event.chain, snapshot.workflow)
    return (*snapshot.trigger.get("chain", ()), snapshot.workflow)


def cause_to_data(cause: Cause) -> dict[str, Any]:
    """The recorded form; `cause_from_data` reads it back, equal."""
    if isinstance(cause, EventCause):
        return {
            "kind": "event",
            "event": event_to_data(cause.event),
            "phase": cause.phase,
            "trigger_id": cause.trigger_id,
        }
    if isinstance(cause, TimerCause):
        return {"kind": "timer", "visit": cause.visit, "number": cause.number}
    if isinstance(cause, TaskCause):
        return _task_to_data(cause)
    if isinstance(cause, OperatorCause):
        return {
            "kind": "op",
            "operation": cause.operation,
            "request_id": cause.request_id,
            "data": dict(cause.data),
        }
    if isinstance(cause, StartCause):
        return {"kind": "start", "number": cause.number, **({"refused": cause.refused} if cause.refused else {})}
    if isinstance(cause, ContactCause):
        return {"kind": "contact", "revision": cause.revision, "number": cause.number}
    if isinstance(cause, ParentCause | ChildCause):
        kind = "parent" if isinstance(cause, ParentCause) else "child"
        return {"kind": kind, **_given(cause)}
    if isinstance(cause, UndoCause):
        kept = [undo_to_data(undo) for undo in cause.kept]
        return {"kind": "undo", **_given(cause), "kept": kept, "gone": [list(name) for name in cause.gone]}
    return {"kind": "continue", "number": cause.number}


def _given(cause: ParentCause | ChildCause | UndoCause) -> dict[str, Any]:
    """The fields that are not empty."""
    fields = {name: getattr(cause, name) for name in type(cause).__dataclass_fields__}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
    return {name: value for name, value in plain.items() if value not in (None, False, [], {})}


def cause_from_data(data: Mapping[str, Any]) -> Cause:
    kind = data["kind"]
    if kind == "event":
        return EventCause(event_from_data(data["event"]), data["phase"], data["trigger_id"])
    if kind == "timer":
        return TimerCause(data["visit"], data["number"])
    if kind == "op":
        return OperatorCause(data["operation"], data["request_id"], data["data"])
    if kind == "start":
        return StartCause(data["number"], data.get("refused", ""))
    if kind == "continue":
        return ContinueCause(data["number"])
    if kind == "contact":
        return ContactCause(data["revision"], data["number"])
    if kind == "undo":
        kept = tuple(undo_from_data(undo) for undo in data["kept"])
        gone = tuple((run, visit) for run, visit in data["gone"])
        return UndoCause(data["child_id"], data["name"], data["revision"], kept, gone)
    if kind in ("parent", "child"):
        given = {name: value for name, value in data.items() if name != "kind"}
        if kind == "parent":
            return ParentCause(**given)
        return ChildCause(**{**given, "consumed": tuple(given.get("consumed", ()))})
    fields = {name: value for name, value in data.items() if name not in ("kind", "failure")}
    failure = data.get("failure")
    return TaskCause(**fields, failure=TaskFailure(**failure) if failure else None)


def _task_to_data(cause: TaskCause) -> dict[str, Any]:
    data: dict[str, Any] = {
        "kind": "task",
        "task_id": cause.task_id,
        "step": cause.step,
        "visit": cause.visit,
        "attempt": cause.attempt,
        "outcome": cause.outcome,
    }
    if cause.output is not None:
        data["output"] = cause.output
    if cause.variables:
        data["variables"] = dict(cause.variables)
    if cause.failure is not None:
        data["failure"] = {
            "code": cause.failure.code,
            "message": cause.failure.message,
            "retryable": cause.failure.retryable,
            "retry_after_s": cause.failure.retry_after_s,
        }
    return data
