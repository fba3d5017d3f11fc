"""The approval step: a person decides. It orders a task that no worker is given and that waits for somebody.

Who that is follows the rule of `statemachine/people.py`, outside of the decision: what the run knows is what was
decided, by whom and when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field as PydanticField

from statemachine.decision import HumanWork, TaskOrder
from statemachine.duration import parse_duration
from statemachine.errors import InvalidInput, StepFailed
from statemachine.form import RESERVED, check_answer, described, read_form
from statemachine.keys import REQUIRED, OneOrMore, Shape, Span, Template, about
from statemachine.path import Path
from statemachine.people import NOBODY, Strategy, Wanted
from statemachine.step import Build, Context, EffectStep, StepConfig
from statemachine.steps.parts import Parts, resolve, texts_of
from statemachine.values import text

TIMEOUT: Final = "timeout"
DECISIONS: Final = ("approved", "rejected")
QUEUE: Final = "people"
_MAX_TEXT: Final = 10_000
_MAX_REMINDERS: Final = 100


class AssignConfig(StepConfig):
    """Who may decide."""

    agent: Template = about("The id of the one who decides.", "ann", "{{contact.custom_fields.agent}}")
    group: Template = about("The group of those who decide, by turns.", "sales")
    strategy: Literal["direct", "round_robin", "skill"] | None = about(
        "How one of several is chosen. Default: direct with `agent`, skill with `skills`, else round_robin.", "skill"
    )
    skills: OneOrMore = about("What they have to be able to do.", ["de", "refunds"])


class ReminderConfig(StepConfig):
    """When whoever has it is told again."""

    after: Span = about("When the first reminder comes.", "4h", default=REQUIRED)
    every: Span = about("How long after it, and after each, another one comes. Default: there is one.", "1d")
    max: int | None = about(
        "How many reminders there are at most. Default: 3 with `every`.", 5, ge=1, le=_MAX_REMINDERS
    )


class EscalationTarget(StepConfig):
    """Who gets it then."""

    agent: Template = about("The id of the one who gets it.", "boss")
    group: Template = about("The group of those who get it, by turns.", "leads")
    queue: str | None = about("The queue in which it waits then for whoever claims it.", "urgent")


class EscalationConfig(StepConfig):
    """When others get it."""

    after: Span = about("How long it may wait before.", "1d", default=REQUIRED)
    to: EscalationTarget | None = about("Who gets it then.", {"group": "leads"}, default=REQUIRED)


class ApprovalConfig(StepConfig):
    queue: str = about("The queue in which it waits.", "refunds", default=QUEUE)
    assign: AssignConfig | None = about(
        "Who is given it. Default: nobody, whoever claims it.", {"group": "sales", "strategy": "round_robin"}
    )
    title: Template = about("What it is about, in a line.", "Refund for {{contact.name}}")
    message: Template = about("What whoever decides should know.", "Order {{trigger.data.order_id}}")
    form: Annotated[Any, Shape("form")] = about(
        "What has to be answered.", {"amount": {"type": "number", "required": True}, "reason": "text"}
    )
    decisions: list[str] | None = PydanticField(
        default=None,
        description="The outcomes to choose from. Default: approved, rejected.",
        examples=[["refund", "replace", "refuse"]],
    )
    timeout: Span = about("How long to wait for a decision: then the outcome `timeout`. Default: for ever.", "3d")
    reminder: ReminderConfig | None = about(
        "When whoever has it is told again.", {"after": "4h", "every": "1d", "max": 3}
    )
    escalation: EscalationConfig | None = about("When others get it.", {"after": "1d", "to": {"group": "leads"}})


class Approval(EffectStep):
    """A person decides: one of several, once.

    The outcomes are `approved` and `rejected`, or the `decisions`, and `timeout`. Errors at run time: `bad_duration`
    (a template that renders to no duration)."""

    name = "approval"
    aliases: ClassVar[tuple[str, ...]] = ("human_handoff",)
    Config = ApprovalConfig
    free_form: ClassVar[tuple[str, ...]] = ("form",)
    human: ClassVar[bool] = True

    def __init__(self, config: ApprovalConfig, build: Build) -> None:
        parts = Parts(build)
        if not config.queue.strip() or "{{" in config.queue:
            build.problem("bad_value", ("queue",), "`queue` is the plain name of a queue")
        self.queue = config.queue
        self.decisions = _decisions(config.decisions, build)
        self._form = read_form(config.form, self.decisions, build)
        self._title = parts.optional(("title",), config.title)
        self._message = parts.optional(("message",), config.message)
        self._timeout = _span(("timeout",), config.timeout, parts, build)
        self.wanted = compiled_assign(("assign",), config.assign, parts, build)
        self._first, self.every, self.reminders = _reminder(config.reminder, build)
        self._escalation = _positive(("escalation", "after"), config.escalation and config.escalation.after, build)
        self._to, self.escalates_to_queue = _target(config.escalation, parts, build)
        self.reads = parts.reads

    def outcomes(self) -> tuple[str, ...]:
        return self.decisions if self._timeout is None else (*self.decisions, TIMEOUT)

    def gives_output(self, outcome: str) -> bool:
        return outcome != TIMEOUT

    def output_parts(self) -> frozenset[str] | None:
        return frozenset((*RESERVED, *(one.name for one in self._form))) if self._form else None

    def order(self, context: Context) -> TaskOrder:
        work = HumanWork(
            _shown(self._title, context) or context.step_id,
            _shown(self._message, context),
            self.wanted(context),
            self._timeout(context) if self._timeout is not None else None,
            self._first,
            self._escalation,
        )
        told: dict[str, Any] = {"title": work.title, "decisions": list(self.decisions)}
        if work.message:
            told["message"] = work.message
        if self._form:
            told["form"] = described(self._form)
        return TaskOrder(
            context.step_id, context.visit, self.name, self.queue, told, outcomes=self.decisions, human=work
        )

    def escalated(self, context: Context) -> Wanted:
        """Who gets it when its time to escalate has come."""
        return self._to(context)

    def answer(self, decision: str, data: Mapping[str, Any], by: str | None, at: datetime) -> dict[str, Any]:
        """The output of a decision. Raises InvalidInput with all that is wrong with it."""
        if decision not in self.decisions:
            options = ", ".join(self.decisions)
            raise InvalidInput(f"there is no decision {decision!r}: {options}", [("decision", f"one of {options}")])
        check_answer(self._form, decision, data)
        return decided(decision, data, by, at)


def decided(decision: str, data: Mapping[str, Any], by: str | None, at: datetime) -> dict[str, Any]:
    """What a decision leaves as output."""
    return {**data, "decision": decision, "by": by or None, "at": at.isoformat()}


Who = Callable[[Context], Wanted]


def compiled_assign(path: Path, config: AssignConfig | None, parts: Parts, build: Build) -> Who:
    """Who may have it, reckoned each time the step runs; a name that renders to nothing is nobody's."""
    if config is None:
        return lambda context: NOBODY
    skills = parts.optional((*path, "skills"), config.skills)
    agent = parts.optional((*path, "agent"), config.agent)
    group = parts.optional((*path, "group"), config.group)
    strategy = _strategy(path, config, build)

    def wanted(context: Context) -> Wanted:
        named = _name(resolve(agent, context.scope))
        pool = _name(resolve(group, context.scope))
        if (agent is not None and not named) or (group is not None and not pool):
            return NOBODY
        able = tuple(texts_of(resolve(skills, context.scope))) if skills is not None else ()
        return Wanted(named, pool, strategy, able)

    return wanted


def _strategy(path: Path, config: AssignConfig, build: Build) -> str:
    if config.agent is not None and config.group is not None:
        build.problem("conflicting_keys", (*path, "group"), "`agent` and `group` exclude each other")
    given = config.strategy
    if config.agent is not None:
        if given not in (None, "direct") or config.skills is not None:
            key = "skills" if config.skills is not None else "strategy"
            build.problem("not_applicable", (*path, key), f"`{key}` chooses among several; `agent` names one")
        return Strategy.DIRECT
    if given == "direct":
        build.problem("missing_key", path, "the strategy `direct` needs the `agent`")
    if given == "skill" and config.skills is None:
        build.problem("missing_key", path, "the strategy `skill` needs `skills`")
    if given is None and config.group is None and config.skills is None:
        build.problem(
            "missing_key", path, "say who: `agent`, `group`, `skills`, or `strategy: round_robin` for anybody"
        )
    return given or (Strategy.SKILL if config.skills is not None else Strategy.ROUND_ROBIN)


def _decisions(raw: Sequence[str] | None, build: Build) -> tuple[str, ...]:
    if raw is None:
        return DECISIONS
    place = ("decisions",)
    if not raw:
        build.problem("bad_value", place, "`decisions` is empty; name what can be decided")
        return DECISIONS
    for index, name in enumerate(raw):
        if name in (TIMEOUT, "error"):
            build.problem("reserved_id", (*place, index), f"`{name}` is nothing that a person decides")
        elif not name.strip() or len(name) > 100:
            build.problem("bad_value", (*place, index), "a decision is a name of 1 to 100 characters")
    if len(set(raw)) < len(raw):
        build.problem("bad_value", place, "a decision stands twice")
    return tuple(dict.fromkeys(raw))


def _span(path: Path, raw: Any, parts: Parts, build: Build) -> Callable[[Context], timedelta] | None:
    """More than nothing, read once when it is constant."""
    if raw is None:
        return None
    value = parts.value(path, raw)
    if value.constant or not isinstance(raw, str):
        span = _positive(path, raw, build)
        return lambda context: span or timedelta(0)

    def reckon(context: Context) -> timedelta:
        try:
            found = parse_duration(value.resolve(context.scope), None)
        except ValueError as error:
            raise StepFailed("bad_duration", str(error)) from error
        if found <= timedelta(0):
            raise StepFailed("bad_duration", "`timeout` has to be more than nothing")
        return found

    return reckon


def _positive(path: Path, raw: Any, build: Build) -> timedelta | None:
    if raw is None:
        return None
    try:
        span = parse_duration(raw, None)
    except ValueError as error:
        build.problem("bad_duration", path, str(error))
        return None
    if span <= timedelta(0):
        build.problem("bad_duration", path, f"`{path[-1]}` has to be more than nothing")
        return None
    return span


def _reminder(config: ReminderConfig | None, build: Build) -> tuple[timedelta | None, timedelta | None, int]:
    """When the first comes, how long until the next each time, and how many there are."""
    if config is None:
        return None, None, 0
    first = _positive(("reminder", "after"), config.after, build)
    every = _positive(("reminder", "every"), config.every, build)
    if config.max is not None and config.every is None:
        build.problem("missing_key", ("reminder", "max"), "`max` belongs to `every`")
    return first, every, (config.max or 3) if every is not None else 1


def _target(config: EscalationConfig | None, parts: Parts, build: Build) -> tuple[Who, str]:
    """Who gets it when it escalates, and in which queue."""
    if config is None:
        return (lambda context: NOBODY), ""
    to, path = config.to or EscalationTarget(), ("escalation", "to")
    given = [key for key in ("agent", "group", "queue") if getattr(to, key) is not None]
    if len(given) != 1:
        code, place = ("conflicting_keys", (*path, given[1])) if given else ("missing_key", path)
        build.problem(code, place, "an escalation goes to exactly one of `agent`, `group` and `queue`")
    if to.queue is not None and (not to.queue.strip() or "{{" in to.queue):
        build.problem("bad_value", (*path, "queue"), "`queue` is the plain name of a queue")
    if to.agent is None and to.group is None:
        return (lambda context: NOBODY), to.queue or ""
    named = AssignConfig(agent=to.agent, group=None if to.agent is not None else to.group)
    return compiled_assign(path, named, parts, build), ""


def _name(value: Any) -> str:
    """The name of an agent or a group; nothing when its template leads nowhere."""
    name = "" if value is None else text(value).strip()[:255]
    return "" if "{{" in name else name


def _shown(value: Any, context: Context) -> str:
    return "" if value is None else text(value.resolve(context.scope))[:_MAX_TEXT]
