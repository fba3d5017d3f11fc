"""People: giving human tasks to agents, taking them back, and telling agents about it.

All of it happens in one transaction with what calls for it. Whoever is given work, or told something, is locked first
(`storage/agents.py`); the rule that chooses is `statemachine/people.py`. It lies outside of `decide`: what agents do
otherwise changes at any time, and a run's history does not depend on who was asked, only on what was answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from service.engine.ids import new_id
from service.storage import agents, human_tasks
from service.storage.agents import ANYBODY, Agent, lock_agents
from service.storage.connections import Conflict
from service.storage.database import Transaction
from service.storage.human_tasks import HumanTask, open_counts
from service.storage.tasks import LeasedTask
from statemachine.people import Wanted, choose

Key = tuple[str, str]
Sections = list[tuple[str, list[Mapping[str, Any]], bool]]
"""SQL, its rows, and whether each row must touch exactly one."""

MOST_TOLD: Final = 100
"""How many members of a group are told of work that nobody holds."""


@dataclass(slots=True)
class Office:
    """The people of one transaction, locked, and what it does with human tasks. `now` is workflow time.

    Nothing is written before `save`, or before the caller writes `sections`.
    """

    now: datetime
    agents: dict[Key, Agent] = field(default_factory=dict)
    _open: dict[Key, int] = field(default_factory=dict)
    _tasks: dict[Key, tuple[HumanTask, int]] = field(default_factory=dict)
    _assigned: dict[str, dict[str, Any]] = field(default_factory=dict)
    _ended: dict[Key, dict[str, Any]] = field(default_factory=dict)
    _moved: dict[Key, str] = field(default_factory=dict)
    _passed_on: list[dict[str, Any]] = field(default_factory=list)
    _told: list[dict[str, Any]] = field(default_factory=list)
    _touched: dict[Key, Agent] = field(default_factory=dict)

    def lock(self, transaction: Transaction, keys: Iterable[Key]) -> None:
        """Lock these agents, once and for all; the id ANYBODY stands for everybody available. Counts what they hold."""
        self.agents = lock_agents(transaction, set(keys))
        self._open = open_counts(transaction, self.agents.keys()) if self.agents else {}

    def open(self, task: HumanTask) -> None:
        """A new task: to whose turn it is, else it waits for somebody."""
        task.created_at = self.now
        self._touch(task)
        self.give_out(task)

    def give_out(self, task: HumanTask, reason: str = "") -> bool:
        """Give a task that nobody holds to whose turn it is; answers whether there was somebody."""
        chosen = self.whose_turn(task.tenant_id, task.wanted, task.declined)
        if chosen is None:
            return False
        self.hand(task, chosen.id, reason or _reason(task.wanted))
        return True

    def whose_turn(self, tenant: str, wanted: Wanted, declined: Sequence[str] = ()) -> Agent | None:
        """Who may have it now; it was their turn then. None when nobody may."""
        people = (
            agent.as_colleague(self._open.get(key, 0))
            for key, agent in self.agents.items()
            if key[0] == tenant and key[1] not in declined
        )
        chosen = choose(people, wanted)
        if chosen is None:
            return None
        agent = self.agents[tenant, chosen.id]
        if not wanted.agent:
            agent.turn = self._next_turn(tenant)
            self._touched[tenant, agent.id] = agent
        return agent

    def assign_contact(self, agent: Agent, task: LeasedTask, wanted: Wanted) -> None:
        """The contact of a task is this agent's from now on, and nobody else's; they are told."""
        place = {
            "task_id": None,
            "enrollment_id": task.enrollment_id,
            "contact_id": task.contact_id,
            "workflow": task.workflow,
            "step": task.step,
            "title": f"Contact {task.contact_id}",
        }
        contact = {"tenant_id": task.tenant_id, "contact_id": task.contact_id}
        self._passed_on.append({**contact, "ended_at": self.now, "ending": "reassigned"})
        self._assigned[task.id] = {
            "tenant_id": task.tenant_id,
            "id": task.id,
            "agent_id": agent.id,
            **place,
            "reason": _reason(wanted),
            "assigned_at": self.now,
            "ended_at": None,
            "ending": None,
        }
        self._tell(agent, "assigned", place, "")

    def hand(self, task: HumanTask, agent_id: str, reason: str) -> None:
        """Give a task that nobody holds to this agent, who is locked, and tell them unless they took it themselves."""
        key = (task.tenant_id, agent_id)
        agent = self.agents[key]
        task.agent_id, task.assigned_at = agent_id, self.now
        self._open[key] = self._open.get(key, 0) + 1
        self._touch(task)
        self._touched[key] = agent
        self._assigned[task.task_id] = {
            "tenant_id": task.tenant_id,
            "id": new_id(),
            "agent_id": agent_id,
            **task.place,
            "reason": reason,
            "assigned_at": self.now,
            "ended_at": None,
            "ending": None,
        }
        if reason != "claimed":
            self.tell(agent, "escalated" if reason == "escalated" else "assigned", task)

    def mean(self, task: HumanTask, wanted: Wanted, queue: str) -> None:
        """It is for others from now on, in another queue if one is named."""
        task.wanted, task.declined = wanted, ()
        if queue and queue != task.queue:
            task.queue = self._moved[task.key] = queue
        self._touch(task)

    def take_back(self, task: HumanTask, ending: str) -> None:
        """Nobody holds it any more."""
        if task.agent_id is None:
            return
        key = (task.tenant_id, task.agent_id)
        self._open[key] = max(0, self._open.get(key, 0) - 1)
        task.agent_id = task.assigned_at = None
        self._touch(task)
        self._end(task, ending)

    def _end(self, task: HumanTask, ending: str) -> None:
        fresh = self._assigned.get(task.task_id)
        if fresh is not None:
            fresh.update(ended_at=self.now, ending=ending)
            return
        self._ended[task.key] = {
            "tenant_id": task.tenant_id,
            "task_id": task.task_id,
            "ended_at": self.now,
            "ending": ending,
        }

    def close(self, task: HumanTask, ending: str, decision: str | None = None, by: str | None = None) -> None:
        """It is decided, or not wanted any more; whoever holds it and did not decide is told."""
        task.closed_at, task.decision, task.decided_by = self.now, decision, by
        self._touch(task)
        if task.agent_id is not None:
            self._end(task, ending)
        if task.agent_id != by:
            self.tell_holder(task, "closed", _closing(ending, decision, by))

    def tell_holder(self, task: HumanTask, kind: str, message: str = "") -> None:
        agent = self.agents.get((task.tenant_id, task.agent_id or ""))
        if agent is not None:
            self.tell(agent, kind, task, message)

    def tell_group(self, task: HumanTask, kind: str, message: str = "") -> None:
        """Whoever could claim it and is there: nobody holds it."""
        for (tenant, _), agent in sorted(self.agents.items())[:MOST_TOLD]:
            if tenant == task.tenant_id and task.wanted.includes(agent.as_colleague(0)):
                self.tell(agent, kind, task, message)

    def tell(self, agent: Agent, kind: str, task: HumanTask, message: str = "") -> None:
        self._tell(agent, kind, task.place, message or task.message)

    def _tell(self, agent: Agent, kind: str, place: Mapping[str, Any], message: str) -> None:
        agent.notices += 1
        self._touched[agent.tenant_id, agent.id] = agent
        self._told.append(
            {
                "tenant_id": agent.tenant_id,
                "agent_id": agent.id,
                "sequence": agent.notices,
                "kind": kind,
                **place,
                "message": message,
                "at": self.now,
            }
        )

    def sections(self) -> Sections:
        new = [human_tasks.inserted(task) for task, expected in self._tasks.values() if expected == 0]
        old = [human_tasks.updated(task, expected) for task, expected in self._tasks.values() if expected > 0]
        touched: list[Mapping[str, Any]] = [
            {"tenant_id": agent.tenant_id, "id": agent.id, "turn": agent.turn, "notices": agent.notices}
            for _, agent in sorted(self._touched.items())
        ]
        moved: list[Mapping[str, Any]] = [
            {"tenant_id": tenant, "id": task_id, "queue": queue}
            for (tenant, task_id), queue in sorted(self._moved.items())
        ]
        sections: Sections = [
            (human_tasks.INSERT, sorted(new, key=_by_task), True),
            (human_tasks.UPDATE, sorted(old, key=_by_task), True),
            (human_tasks.MOVE, moved, False),
            (human_tasks.END, sorted(self._ended.values(), key=_by_task), False),
            (human_tasks.END_OF_CONTACT, list(self._passed_on), False),
            (human_tasks.ASSIGN, list(self._assigned.values()), True),
            (agents.COUNT, touched, True),
            (agents.NOTIFY, list(self._told), True),
        ]
        return [section for section in sections if section[1]]

    def save(self, transaction: Transaction) -> None:
        """Write it all. Raises Conflict when a task was changed by somebody else meanwhile."""
        for sql, rows, exact in self.sections():
            touched = transaction.write(sql, rows=rows)
            if exact and touched != len(rows):
                raise Conflict("a human task was changed by another transaction")

    def _touch(self, task: HumanTask) -> None:
        known = self._tasks.get(task.key)
        expected = known[1] if known is not None else task.revision
        task.revision = expected + 1
        self._tasks[task.key] = (task, expected)

    def _next_turn(self, tenant: str) -> int:
        return 1 + max((agent.turn for key, agent in self.agents.items() if key[0] == tenant), default=0)


def people_for(task: HumanTask) -> list[Key]:
    """Whom to lock for a task that is to be given out."""
    if task.wanted.agent:
        return [(task.tenant_id, task.wanted.agent)]
    return [(task.tenant_id, ANYBODY)] if task.wanted.automatic else []


def meant_for(tasks: Sequence[HumanTask], agent: Agent) -> list[HumanTask]:
    """Those of the tasks that this agent may be given, whatever they hold already."""
    ready = replace(agent.as_colleague(0), max_open=None)
    return [task for task in tasks if task.wanted.suits(ready) and agent.id not in task.declined]


def _reason(wanted: Wanted) -> str:
    return "direct" if wanted.agent else str(wanted.strategy)


def _closing(ending: str, decision: str | None, by: str | None) -> str:
    if decision is not None:
        return f"{decision} by {by or 'an operator'}"
    return {"timeout": "nobody decided in time", "cancelled": "it is not wanted any more"}.get(ending, ending)


def _by_task(row: Mapping[str, Any]) -> Key:
    return row["tenant_id"], row["task_id"]
