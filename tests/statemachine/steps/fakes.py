"""A step outside of any run: `build` compiles a config as a definition would, `Stay` is what a running step sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from statemachine.condition import Condition, parse_condition
from statemachine.contact import Contact
from statemachine.conversation import Conversation, conversation_names
from statemachine.decision import TaskOrder
from statemachine.errors import StepFailed
from statemachine.event import Event
from statemachine.expression import Expression, ExpressionError, compile_expression
from statemachine.frame import AnyFrame, Undo
from statemachine.problem_codes import CODES
from statemachine.scope import Scope
from statemachine.shares import Shares
from statemachine.step import EffectStep, PureStep, StepType
from statemachine.step_result import Result
from statemachine.steps import STEP_TYPES
from statemachine.template import Value, compile_value
from statemachine.template_error import TemplateError
from statemachine.variable_path import with_path

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)
Path = tuple[str | int, ...]


@dataclass
class Report:
    """The build side: what was found wrong, as (severity, code, path)."""

    step_id: str = "here"
    branch_names: tuple[str, ...] = ()
    found: list[tuple[str, str, Path]] = field(default_factory=list)

    def value(self, path: Path, raw: Any) -> Value:
        try:
            return compile_value(raw)
        except TemplateError as error:
            self.problem("bad_template", path, str(error))
            return compile_value("")

    def condition(self, path: Path, raw: Any) -> Condition | None:
        def report(code: str, below: Path, message: str, suggestion: str, /, *, within: object = None) -> None:
            self.problem(code, (*path, *below), message, suggestion=suggestion)

        return parse_condition(raw, report, names="contact")

    def expression(self, path: Path, text: str) -> Expression | None:
        try:
            return compile_expression(text)
        except ExpressionError as error:
            self.problem("bad_expression", path, str(error))
            return None

    def problem(self, code: str, path: Path, message: str, *, suggestion: str = "") -> None:
        assert message
        self.found.append((CODES[code].severity, code, path))

    def branches(self) -> tuple[str, ...]:
        return self.branch_names


@dataclass
class Stay:
    """The run side: a contact and a scope, and a ledger of what the step did."""

    person: Contact | None = field(default_factory=lambda: Contact("c1"))
    trigger: Mapping[str, Any] = field(default_factory=dict)
    now: datetime = NOW
    step_id: str = "here"
    visit: int = 3
    attempt: int = 1
    enrollment_id: str = "e1"
    workflow: str = "welcome"
    entry_key: str = ""
    events: tuple[Event, ...] = ()
    previous_step: str | None = None
    enrolled_at: datetime = NOW
    starts: Mapping[str, datetime] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    timezone: str = "UTC"
    numbers: Iterable[float] = ()
    variants: dict[str, str] = field(default_factory=dict)
    raised: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    written: int = 0
    moment: datetime | None = None
    talk: Conversation | None = None
    frame: AnyFrame | None = None
    globals: dict[str, Any] = field(default_factory=dict)
    contact_id: str | None = field(init=False)

    def __post_init__(self) -> None:
        self.contact_id = self.person.id if self.person else None

    @property
    def scope(self) -> Scope:
        scope = Scope(contact=self.person, trigger=self.trigger, variables=self.variables, now=self.now)
        scope.zone = self.timezone
        scope.globals = self.globals
        scope.conversation = conversation_names(self.talk) if self.talk else {}
        return scope

    @property
    def contact(self) -> Contact:
        if self.person is None:
            raise StepFailed("no_contact", "this run has no contact")
        return self.person

    @property
    def conversation(self) -> Conversation:
        if self.talk is None:
            raise StepFailed("no_conversation", "this run has no conversation")
        return self.talk

    def change_conversation(
        self, conversation: Conversation, events: Iterable[tuple[str, Mapping[str, Any]]] = ()
    ) -> None:
        self.talk = conversation
        self.raised.extend(events)

    def set_conversation_variable(self, path: tuple[str, ...], value: Any) -> None:
        self.talk = replace(self.conversation, variables=with_path(self.conversation.variables, path, value))

    def set_global_variable(self, path: tuple[str, ...], value: Any) -> None:
        self.globals = with_path(self.globals, path, value)

    def note_message(self) -> None:
        if self.talk is not None:
            self.talk = replace(self.talk, last_message_at=self.now)

    def keep_frame(self, frame: AnyFrame | None) -> None:
        self.frame = frame

    def next_undo(self) -> Undo | None:
        return None

    def drop_undo(self, undo: Undo) -> None:
        raise NotImplementedError

    def break_loop(self) -> None:
        raise AssertionError("a step alone is in no loop")

    def child_id(self, name: str) -> str:
        return f"e1/{self.visit}/{name}"

    def random(self) -> float:
        self.numbers = iter(self.numbers)
        return next(self.numbers)

    def started_at(self, step_id: str) -> datetime | None:
        return self.starts.get(step_id)

    def aim_at(self, moment: datetime) -> None:
        self.moment = moment

    def zone(self, name: str | None = None) -> str:
        return name or self.timezone

    def variant(self, split: str) -> str | None:
        return self.variants.get(split)

    def shares(self, defined: Shares) -> Shares:
        return defined

    def assign_variant(self, split: str, label: str) -> None:
        self.variants[split] = label

    def set_variable(self, path: tuple[str, ...], value: Any) -> None:
        place = self.variables
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = value

    def change_contact(self, contact: Contact, events: Iterable[tuple[str, Mapping[str, Any]]] = ()) -> None:
        self.person = contact
        self.written += 1
        self.raised.extend(events)


def build(step_type: str, branches: tuple[str, ...] = (), /, **config: Any) -> StepType:
    """The step, whose config must be right; a trailing underscore in a key is dropped (`for_`)."""
    step, report = try_build(step_type, branches, config)
    assert report.found == []
    return step


def try_build(step_type: str, branches: tuple[str, ...], config: Mapping[str, Any]) -> tuple[StepType, Report]:
    report = Report(branch_names=branches)
    found = STEP_TYPES[step_type]
    raw = {key.removesuffix("_"): value for key, value in config.items()}
    return found(found.Config.model_validate(raw), report), report


def problems(step_type: str, branches: tuple[str, ...] = (), /, **config: Any) -> list[tuple[str, Path]]:
    """(code, path) of the errors of a config."""
    found = try_build(step_type, branches, config)[1].found
    return [(code, path) for severity, code, path in found if severity == "error"]


def warnings(step_type: str, /, **config: Any) -> list[str]:
    found = try_build(step_type, (), config)[1].found
    return [code for severity, code, _ in found if severity == "warning"]


def run(step: StepType, stay: Stay | None = None) -> Result:
    assert isinstance(step, PureStep)
    return step.run(stay or Stay())


def order(step: StepType, stay: Stay | None = None) -> TaskOrder:
    assert isinstance(step, EffectStep)
    return step.order(stay or Stay())


def failure(step: StepType, stay: Stay | None = None) -> str:
    """The code with which the step fails."""
    with pytest.raises(StepFailed) as failed:
        run(step, stay) if isinstance(step, PureStep) else order(step, stay)
    return failed.value.code
