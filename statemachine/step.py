"""What a step type is: the contract between `steps/` (one small class each) and the decider.

A step type has a config model, its possible outcomes, and either `run` (pure steps: conditions, splits, waits, contact
changes, exits) or `order` (anything that touches the outside). One instance per step of a published version: built
once, immutable, shared by every enrollment and thread. A new step type is a class and its line in `steps/__init__.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from pydantic import BaseModel, ConfigDict

from statemachine.contact import Contact
from statemachine.conversation import Conversation
from statemachine.event import Event
from statemachine.reads import Reads
from statemachine.record import record
from statemachine.shares import Shares
from statemachine.step_result import End, Outcome, Result

if TYPE_CHECKING:
    from statemachine.condition import Condition
    from statemachine.decision import TaskOrder
    from statemachine.expression import Expression
    from statemachine.frame import AnyFrame, Undo
    from statemachine.kin import Brood
    from statemachine.scope import Scope
    from statemachine.template import Value

CONTACT_CHANGED: Final = "contact_changed"
VARIABLES_CHANGED: Final = "variables_changed"
"""What a wait may look again at. They stand among the event types that a run waits for; no event is called so."""

REPLY: Final = "reply"
"""The channel of steps that answer on whichever channel their run came by."""

LATE: Final = "late"
"""The outcome of a wait that ended too late."""

TOO_LATE: Final = "too_late"
"""Why a run was left whose wait ended too late and has no such outcome."""

END: Final = "end"
"""The reserved target that completes the run."""


@record
class EventCase:
    """One way out of a wait: an event of canonical type `event` for which `when` holds leads to `outcome`."""

    event: str
    outcome: str
    when: Condition | None = None


@record
class Burst:
    """Events are gathered until none has come for `gap`, or `max_hold` after the first."""

    gap: timedelta
    max_hold: timedelta | None = None


class Context(Protocol):
    """What a running step sees. Reading is free; writing goes through the verbs and lands in the decision."""

    now: datetime
    step_id: str
    visit: int
    enrolled_at: datetime
    previous_step: str | None
    """The step that ran just before this one, in run order."""

    @property
    def attempt(self) -> int: ...
    @property
    def enrollment_id(self) -> str: ...
    @property
    def workflow(self) -> str: ...
    @property
    def entry_key(self) -> str: ...
    @property
    def contact_id(self) -> str | None: ...
    @property
    def events(self) -> tuple[Event, ...]: ...

    @property
    def frame(self) -> AnyFrame | None:
        """Where the run stands in this step, which has bodies; None when the step has not begun."""

    def keep_frame(self, frame: AnyFrame | None) -> None:
        """This step, which has bodies, is under way as `frame` says; None: it is over."""

    def next_undo(self) -> Undo | None:
        """What was finished last of all that can be undone."""

    def drop_undo(self, undo: Undo) -> None:
        """It is undone."""

    def break_loop(self) -> None:
        """The innermost loop around this step makes no further round."""

    @property
    def scope(self) -> Scope:
        """The names that templates, conditions and expressions of this step can read."""

    @property
    def contact(self) -> Contact:
        """The contact as it is now; raises StepFailed `no_contact` on a run without one."""

    @property
    def conversation(self) -> Conversation:
        """The run's conversation as it is now; raises StepFailed `no_conversation` on a run without one."""

    def child_id(self, name: str) -> str:
        """The id of the child that this step starts under this name now."""

    def random(self) -> float:
        """A number in [0, 1) that is the same whenever this cause is decided again."""

    def started_at(self, step_id: str) -> datetime | None:
        """The latest start of a step of this run; None when it has not run."""

    @property
    def moment(self) -> datetime | None:
        """What this step aimed at when it ran last, unless that moment has passed."""

    def aim_at(self, moment: datetime) -> None:
        """Remember that the step waits for this moment, also when it is now."""

    def zone(self, name: str | None = None) -> str:
        """The zone that local times mean: `name`, or contact > workflow > tenant > UTC."""

    def variant(self, split: str) -> str | None:
        """The variant of this split that the enrollment was given before, or else another one of its contact.

        Others are only known where shares were set while the version was live.
        """

    def shares(self, defined: Shares) -> Shares:
        """The shares of this split that are in force: those that were set for it, else as `defined`."""

    def assign_variant(self, split: str, label: str) -> None: ...

    def set_variable(self, path: tuple[str, ...], value: Any) -> None:
        """Set a workflow variable; missing objects on the way are made."""

    def change_contact(self, contact: Contact, events: Iterable[tuple[str, Mapping[str, Any]]] = ()) -> None:
        """Replace the contact and raise (type, data) events for what really changed."""

    def change_conversation(
        self, conversation: Conversation, events: Iterable[tuple[str, Mapping[str, Any]]] = ()
    ) -> None:
        """Replace the run's conversation and raise (type, data) events for what really changed."""

    def set_conversation_variable(self, path: tuple[str, ...], value: Any) -> None:
        """Set a variable of the conversation; missing objects on the way are made."""

    def set_global_variable(self, path: tuple[str, ...], value: Any) -> None:
        """Set a variable of the tenant, for all; missing objects on the way are made."""

    def note_message(self) -> None:
        """A message goes out by this step: the run's conversation, if it has one, remembers when."""


class Build(Protocol):
    """What a step type may use while it is built. Every problem is reported at its place; nothing is raised.

    `path` arguments are relative to the step's config, e.g. ("cases", 0, "when").
    """

    step_id: str

    def value(self, path: tuple[str | int, ...], raw: Any) -> Value:
        """Compile a text, list or object that may hold templates."""

    def condition(self, path: tuple[str | int, ...], raw: Any) -> Condition | None: ...

    def expression(self, path: tuple[str | int, ...], text: str) -> Expression | None: ...

    def problem(self, code: str, path: tuple[str | int, ...], message: str, *, suggestion: str = "") -> None:
        """Report a problem; its code says how grave it is."""

    def branches(self) -> tuple[str, ...]:
        """The outcome names in the step's `branches` map, as written."""


class StepConfig(BaseModel):
    """The parent of all config models. Keys arrive in snake_case; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StepType:
    """See the module. `effect` steps become tasks; the others run inside the decision.

    It is abstract for the type checker alone: asking whether something is an instance of an `ABC` costs ten times as
    much, and every decision asks.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    Config: ClassVar[type[StepConfig]]
    effect: bool = False
    """Whether it touches the outside: it orders a task. (A step that does so only by its config says so itself.)"""

    free_form: ClassVar[tuple[str, ...]] = ()
    """Config keys whose content is the author's own data: its keys are never re-spelled (headers, values, …)."""

    bare: ClassVar[str | None] = None
    """The config key that is meant, in seconds, when the config is nothing but a number."""

    alone: bool = False
    """Whether an event that it takes is gone for the waits of other runs. Only waits say so."""

    silent: ClassVar[bool] = False
    """Whether the step never has an output."""

    guards: ClassVar[bool] = False
    """Whether the step takes the errors of its bodies."""

    forks: bool = False
    """Whether children run its bodies: no run takes the outcomes that lead into them."""

    needs_body: ClassVar[str] = ""
    """The body that it cannot be without."""

    can_fail: ClassVar[bool] = True
    undoes: ClassVar[bool] = False
    """Whether the step undoes others."""

    undoable: ClassVar[bool] = True
    """Whether the step changes anything, so that it may say how that is undone."""

    human: ClassVar[bool] = False
    """Whether its task is for people: no worker is given it, and it has no attempts."""

    channels: ClassVar[frozenset[str]] = frozenset()
    """By which channels it may write to the contact; `reply` is that by which its run came."""

    reads: Reads = Reads()
    """Everything the step's templates, conditions and expressions read; set by __init__."""

    resting_reads: Reads | None = None
    """What it reads once it rests, where that is less than `reads`."""

    @abstractmethod
    def __init__(self, config: Any, build: Build) -> None:
        """Compile templates and conditions; report what is wrong through `build`."""

    def outcomes(self) -> tuple[str, ...]:
        """Every outcome the step can have, `error` aside; the first is the one that falls through to `next`."""
        return ("done",)

    def bodies(self) -> tuple[str, ...]:
        """The outcomes that lead into steps that lead back to this one."""
        return ()

    def after(self, body: str, *, failed: bool = False) -> str | None:
        """The outcome by which it goes on when a body is done, or has failed; None: into that body again, or it fails
        itself."""
        return None

    def cases(self) -> tuple[EventCase, ...]:
        """Events that end the step, in order; the first that matches wins. Only waits have any."""
        return ()

    def resets(self) -> tuple[EventCase, ...]:
        """Events that do not end the step but begin the silence anew that it waits for. Only waits have any."""
        return ()

    def watches(self) -> frozenset[str]:
        """Changes at which it looks again while a run rests in it: CONTACT_CHANGED, VARIABLES_CHANGED."""
        return frozenset()

    def may_end(self) -> bool:
        """Whether the run may end in this step."""
        return not self.outcomes()

    def gives_output(self, outcome: str) -> bool:
        """Whether the step leaves an output when it ends by this outcome. `error` never does."""
        return not self.silent

    def output_parts(self) -> frozenset[str] | None:
        """The parts that its output can have; None when they are known only by running it."""
        return None

    def variables(self) -> frozenset[str]:
        """The names of the run's variables that it sets by itself."""
        return frozenset()

    def targets(self) -> Mapping[str, str]:
        """Outcome -> step id where the config itself names a target (goto, cases with `next`)."""
        return {}


class PureStep(StepType):
    @abstractmethod
    def run(self, context: Context) -> Result:
        """Do it, in memory. Raises StepFailed with a stable code when it cannot."""


class WaitingStep(PureStep):
    """A pure step that may rest; the decider asks these when something happens to it."""

    def timer_outcome(self) -> str:
        """The outcome when its deadline passes."""
        return "done"

    def burst(self) -> Burst | None:
        """How the events that end it are gathered; None when the first one ends it."""
        return None

    def quiet(self) -> timedelta | None:
        """How long none of the `resets` must have come for the step to be done; None when it waits for no silence."""
        return None

    def until_true(self) -> Condition | None:
        """What ends the wait as soon as it holds; None when nothing does."""
        return None

    def recomputes(self) -> bool:
        """Whether its timer moves when the data move that it is made of."""
        return False

    def reckon(self, context: Context) -> datetime | None:
        """When its timer is due by the data of now. Raises StepFailed when they make no time."""
        return None

    def anchor(self) -> str | None:
        """Since when events count for it: `enrollment`, `wait`, a step's id, or None, the start of the step before."""
        return None

    def late_after(self) -> timedelta | None:
        """How late its timer may be at most; None when that does not matter."""
        return None

    def leads_late(self) -> bool:
        """Whether a timer that is too late takes the outcome `late`, and does not end the run."""
        return False

    def end_late(self, late: timedelta) -> Outcome | End:
        """Where it leads when it ends too late."""
        if self.leads_late():
            return Outcome(LATE, metadata={"late_s": late.total_seconds()})
        return End("exited", TOO_LATE)

    def least_rest(self) -> timedelta | None:
        """How long it rests at least when no event ends it; None when it depends, or nothing but an event ends it."""
        return None


class FamilyStep(PureStep):
    """A pure step that may start children and rest until they have ended."""

    @property
    def awaits(self) -> bool:
        """Whether it does."""
        return self.forks

    @abstractmethod
    def gather(self, context: Context, brood: Brood) -> Result:
        """A child has ended, as `brood` says: whether to go on, to rest, or to start others.

        Raises StepFailed when the step has failed with it.
        """


class EffectStep(StepType):
    effect = True
    queue: str
    """The queue its tasks wait on."""

    @abstractmethod
    def order(self, context: Context) -> TaskOrder:
        """The task to order. Raises StepFailed with a stable code when it cannot be put together."""

    def finish(self, context: Context) -> None:
        """What else the step does when its task is done. Raises StepFailed with a stable code when it cannot."""
