"""A script: everything that happens to a world from outside, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from statemachine.contact import Contact
from statemachine.decision import TaskOrder
from statemachine.duration import MAX_DURATION
from statemachine.simulation.memory import START
from statemachine.simulation.trace import Answer
from statemachine.steps.approval import decided
from statemachine.steps.message import QUEUE as MESSAGES
from statemachine.workflow import Workflow

ActKind = Literal["event", "upsert", "consent", "enroll", "advance", "pause", "resume", "cancel", "retry", "outage"]

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""When a simulation may begin."""

USUAL: Final = Answer()
"""Success at once, with the usual output."""

MAX_TRANSITIONS: Final = 20_000
"""How many transitions a simulation makes unless its script says otherwise."""


@dataclass(frozen=True, slots=True)
class Act:
    """What happens `after` the beginning.

    `data` is an event's data, an Upsert's patch, statuses of consent by channel, an enrolment's input or an operation's
    own words (see OperatorCause).
    `workflow` names whose latest enrollment (of the contact, if one is named) an operation is about. `lasts` is how
    long an outage takes.
    """

    after: timedelta
    kind: ActKind
    contact_id: str | None = None
    workflow: str = ""
    type: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    id: str = ""
    source: str = ""
    conversation_id: str | None = None
    contact_patch: Mapping[str, Any] = field(default_factory=dict)
    lasts: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Result:
    """How the outside answers one visit of a step: by `first` for the first `times` attempts, by `then` from there on.

    Without `times` every attempt is answered by `first`.
    """

    first: Answer
    times: int | None = None
    then: Answer = USUAL

    def answer(self, attempt: int) -> Answer:
        return self.first if self.times is None or attempt <= self.times else self.then


Results = Mapping[tuple[str, str], tuple[Result, ...]]
"""(workflow, step) → the result of each visit; the last one holds for all visits after it."""


@dataclass(frozen=True, slots=True)
class Script:
    """`workflows` are published; `contacts` exist before the beginning. `lasts` bounds the virtual time, `max_bytes`
    what the trace tells."""

    workflows: tuple[Workflow, ...]
    acts: tuple[Act, ...] = ()
    contacts: tuple[Contact, ...] = ()
    results: Results = field(default_factory=dict)
    starts_at: datetime = START
    lasts: timedelta = MAX_DURATION
    global_variables: Mapping[str, Any] = field(default_factory=dict)
    max_transitions: int = MAX_TRANSITIONS
    max_bytes: int | None = None


def completed(answer: Answer, order: TaskOrder, serial: int, at: datetime = START) -> Answer:
    """An answer whose output has what the server always gives: `message_id` and `channel` of a message, `status`,
    `headers` and `data` of an HTTP request, the `agent` of an assignment, who decided and when (`at`); people who are
    not scripted take the first choice."""
    if answer.failure is not None or answer.never:
        return answer
    if order.human is not None:
        decision = order.outcomes[0] if answer.outcome == "done" else answer.outcome
        data = answer.output if isinstance(answer.output, Mapping) else {}
        return replace(answer, outcome=decision, output=decided(decision, data, answer.by, at))
    usual: dict[str, Any] = {}
    if order.queue == MESSAGES:
        usual = {"message_id": f"message-{serial:04}", "channel": order.input.get("channel")}
    elif order.type == "assign_agent":
        wanted = order.input["wanted"].get("agent") or "agent"
        usual = dict.fromkeys(("agent", "name"), wanted if answer.outcome == "done" else None)
    elif order.type == "http_request":
        usual = {"status": 200, "headers": {}, "data": {}}
    if answer.output is None:
        return replace(answer, output=usual)
    return replace(answer, output={**usual, **answer.output}) if isinstance(answer.output, Mapping) else answer
