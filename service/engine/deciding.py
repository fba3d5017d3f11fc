"""Who may decide a human task, and what their decision means.

Who holds it may; while nobody does, whoever it is meant for. It is decided once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from service.engine.claims import held, require_meant, require_open
from service.engine.commands import DecideTask
from service.storage.agents import Agent, agents_by_id
from service.storage.database import Transaction
from service.storage.human_tasks import HumanTask, human_tasks_by_id, not_for_people
from service.storage.tasks import LeasedTask
from statemachine.decision import HumanChange
from statemachine.errors import LimitExceeded, NotFound, PreconditionFailed
from statemachine.limits import MAX_OUTPUT_BYTES, larger_than
from statemachine.snapshot import Snapshot
from statemachine.steps.approval import Approval
from statemachine.workflow import Workflow

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class People:
    """What a batch knows of the human tasks that it decides: `tasks` as they are stored, `closed` by this batch."""

    tasks: Mapping[Key, HumanTask] = field(default_factory=dict)
    agents: Mapping[Key, Agent] = field(default_factory=dict)
    closed: dict[Key, HumanTask] = field(default_factory=dict)

    def admit(self, task: LeasedTask, command: DecideTask) -> HumanTask:
        """The human task, which this agent may decide. Raises PreconditionFailed, TaskHeld, TaskDecided, NotFound."""
        key = (command.tenant, task.id)
        human = self.tasks.get(key)
        if human is None:
            raise not_for_people(task)
        agent = self.agents.get((command.tenant, command.agent_id))
        if agent is None:
            raise NotFound("agent", command.agent_id)
        require_open(self.closed.get(key, human))
        if human.agent_id is None:
            require_meant(human, agent)
        elif human.agent_id != agent.id:
            raise held(human)
        return human

    def heed(self, key: Key, closing: HumanChange | None, at: datetime) -> None:
        """Take note that this batch has closed one otherwise: an operator has decided, or the run has left the step."""
        if closing is not None and key in self.tasks and key not in self.closed:
            self.closed[key] = replace(self.tasks[key], closed_at=at, decision=closing.decision, decided_by=closing.by)

    def close(self, human: HumanTask, command: DecideTask, at: datetime) -> None:
        """Remember for the rest of the batch who decided."""
        decided = replace(human, closed_at=at, decision=command.decision, decided_by=command.agent_id)
        self.closed[human.key] = decided


NOBODY_KNOWN: Final = People()
"""For batches in which nobody decides."""


def load_people(transaction: Transaction, commands: Sequence[DecideTask]) -> People:
    """The human tasks that are decided, and those who decide."""
    tasks = human_tasks_by_id(transaction, {(command.tenant, command.task_id) for command in commands})
    agents = agents_by_id(transaction, {(command.tenant, command.agent_id) for command in commands})
    return People(tasks, agents)


def answer_of(workflow: Workflow, snapshot: Snapshot, command: DecideTask, at: datetime) -> dict[str, Any]:
    """The output that the decision leaves. Raises InvalidInput, with all that is wrong with it, and LimitExceeded."""
    step = workflow.steps.get(snapshot.step or "") if snapshot.task else None
    if step is None or not isinstance(step.runner, Approval):
        raise PreconditionFailed(
            f"the enrollment of task {command.task_id!r} has left the step", task_id=command.task_id
        )
    output = step.runner.answer(command.decision, command.data, command.agent_id, at)
    if larger_than(output, MAX_OUTPUT_BYTES):
        wanted = f"at most {MAX_OUTPUT_BYTES // 1024} KiB"
        raise LimitExceeded(f"data may have {wanted}", [("data", wanted)], limit="data", maximum=str(MAX_OUTPUT_BYTES))
    return output
