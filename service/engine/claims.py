"""What people do with a human task but deciding it: claim it, give it back, give it to others.

None of it moves the enrollment. Each function is one transaction's work, given `now` in workflow time; of two who do
something at once, the second sees what the first did. Whoever holds a task may release and decide it, nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from service.engine.people import Key, Office, people_for
from service.storage.agents import ANYBODY, Agent
from service.storage.database import Transaction
from service.storage.human_tasks import HumanTask, find_human_task
from statemachine.errors import NotFound, PreconditionFailed, TaskDecided, TaskHeld
from statemachine.people import Strategy, Wanted
from statemachine.wording import instant


def claim(transaction: Transaction, now: datetime, tenant: str, task_id: str, agent_id: str) -> HumanTask:
    """Take a task that nobody holds. Who holds it already keeps it. Raises NotFound, TaskHeld, TaskDecided, and
    PreconditionFailed for somebody whom it is not meant for."""
    task = find_human_task(transaction, tenant, task_id)
    office = _office(transaction, now, task, [(tenant, agent_id)])
    _require_agent(office, tenant, agent_id)
    require_open(task)
    if task.agent_id == agent_id:
        return task
    if task.agent_id is not None:
        raise held(task)
    require_meant(task, office.agents[tenant, agent_id])
    office.hand(task, agent_id, "claimed")
    office.save(transaction)
    return task


def release(transaction: Transaction, now: datetime, tenant: str, task_id: str, agent_id: str) -> HumanTask:
    """Give a task back: to the next by the rule of its step, never to the same agent again by itself; else it waits.

    One that names its agent waits for whoever claims it. Raises NotFound, TaskHeld, TaskDecided, PreconditionFailed.
    """
    task = find_human_task(transaction, tenant, task_id)
    office = _office(transaction, now, task, [(tenant, agent_id), *people_for(task)])
    _require_agent(office, tenant, agent_id)
    require_open(task)
    if task.agent_id is None:
        raise PreconditionFailed(f"task {task_id!r} is held by nobody", task_id=task_id)
    if task.agent_id != agent_id:
        raise held(task)
    office.take_back(task, "released")
    if task.wanted.agent:
        task.wanted = Wanted(automatic=False)
    else:
        task.declined = tuple(dict.fromkeys((*task.declined, agent_id)))
    office.give_out(task)
    office.save(transaction)
    return task


def reassign(
    transaction: Transaction, now: datetime, tenant: str, task_id: str, wanted: Wanted, queue: str = ""
) -> HumanTask:
    """Give a task to others, whoever holds it: one agent, whose turn it is in a group, or whoever claims it in a queue.

    Raises NotFound, TaskDecided, PreconditionFailed.
    """
    task = find_human_task(transaction, tenant, task_id)
    pool = [(tenant, wanted.agent)] if wanted.agent else [(tenant, ANYBODY)]
    office = _office(transaction, now, task, pool)
    if wanted.agent:
        _require_agent(office, tenant, wanted.agent)
    require_open(task)
    move(office, task, wanted, queue, "reassigned")
    office.save(transaction)
    return task


def move(office: Office, task: HumanTask, wanted: Wanted, queue: str, why: str) -> None:
    """Take a task from whoever holds it and give it to others; `why` is the word for it: reassigned, escalated."""
    if wanted.agent and wanted.agent == task.agent_id:
        return
    if task.agent_id is not None:
        office.tell_holder(task, "unassigned", f"it was {why}")
    office.take_back(task, why)
    office.mean(task, wanted, queue)
    office.give_out(task, why)


def wanted_of(agent: str = "", group: str = "", skills: Iterable[str] = ()) -> Wanted:
    """Whom a person names when they reassign; nobody: whoever claims it."""
    names = tuple(skills)
    if agent:
        return Wanted(agent=agent, strategy=Strategy.DIRECT)
    strategy = Strategy.SKILL if names else Strategy.ROUND_ROBIN
    return Wanted(group=group, strategy=strategy, skills=names, automatic=bool(group or names))


def require_open(task: HumanTask) -> None:
    """Raises TaskDecided, naming who decided, and PreconditionFailed when it was revoked."""
    if task.closed_at is None:
        return
    if task.decision is None:
        raise PreconditionFailed(
            f"task {task.task_id!r} is over since {instant(task.closed_at)}: its enrollment has left the step",
            task_id=task.task_id,
        )
    by = task.decided_by or ""
    raise TaskDecided(
        f"task {task.task_id!r} was decided before: {task.decision} by {by or 'an operator'}",
        task_id=task.task_id,
        decision=task.decision,
        agent_id=by,
        time=task.closed_at.isoformat(),
    )


def held(task: HumanTask) -> TaskHeld:
    """Why somebody else is refused."""
    return TaskHeld(
        f"task {task.task_id!r} is held by {task.agent_id!r}; only they may decide or release it, or reassign it first",
        task_id=task.task_id,
        agent_id=task.agent_id or "",
    )


def require_meant(task: HumanTask, agent: Agent) -> None:
    """Raises PreconditionFailed for somebody outside of the group, or without the skills."""
    wanted = task.wanted
    if wanted.includes(agent.as_colleague(0)):
        return
    who = f"agent {wanted.agent!r}" if wanted.agent else f"group {wanted.group!r}" if wanted.group else "anybody"
    skills = f" with {', '.join(wanted.skills)}" if wanted.skills and not wanted.agent else ""
    raise PreconditionFailed(
        f"task {task.task_id!r} is for {who}{skills}, which agent {agent.id!r} is not; reassign it first",
        task_id=task.task_id,
        agent_id=agent.id,
    )


def _office(transaction: Transaction, now: datetime, task: HumanTask, keys: list[Key]) -> Office:
    office = Office(now)
    holder = [(task.tenant_id, task.agent_id)] if task.agent_id else []
    office.lock(transaction, [*holder, *keys])
    return office


def _require_agent(office: Office, tenant: str, agent_id: str) -> None:
    if (tenant, agent_id) not in office.agents:
        raise NotFound("agent", agent_id)
