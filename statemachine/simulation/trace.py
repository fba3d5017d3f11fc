"""What a simulation tells: every moment in order, each with its virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from statemachine.cause import TaskFailure
from statemachine.decision import HistoryEntry, TaskOrder
from statemachine.event import Event
from statemachine.verdict import Verdict

MomentKind = Literal["event", "raised", "contact", "operation", "history", "attempt"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes of one attempt of a task, `after` the attempt began: a failure, or an outcome with its output.

    `never`: the task stays open until something else ends it. `by` is who decides, where people do.
    """

    outcome: str = "done"
    output: Any = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    failure: TaskFailure | None = None
    never: bool = False
    after: timedelta = timedelta(0)
    by: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a task: what would have been sent or asked of the outside, and the answer that was given."""

    at: datetime
    run: str
    workflow: str
    contact_id: str | None
    order: TaskOrder
    number: int
    answer: Answer

    @property
    def delivered(self) -> bool:
        return self.answer.failure is None and not self.answer.never


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the trace.

    `event` is an event from outside, `raised` one that a step or contact write raised (both with their verdicts);
    `contact` a contact written from outside; `operation` what an operator did (`refusal` says why it was refused);
    `history` a line of an enrollment's history; `attempt` an answered attempt of a task.
    """

    at: datetime
    kind: MomentKind
    contact_id: str | None = None
    run: str = ""
    workflow: str = ""
    event: Event | None = None
    verdicts: tuple[Verdict, ...] = ()
    entry: HistoryEntry | None = None
    attempt: Attempt | None = None
    text: str = ""
    refusal: str = ""
