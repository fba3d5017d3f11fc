"""Who is there: agents come, go and change, and are given the human tasks that waited for them.

Each function is one transaction's work, given `now` in workflow time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from service.engine.clock import Clock
from service.engine.engine import Engine
from service.engine.people import Key, Office, meant_for, people_for
from service.storage.agents import (
    ANYBODY,
    Agent,
    AgentFilter,
    agents_by_id,
    delete_agent,
    find_agent,
    list_agents,
    put_agent,
)
from service.storage.database import Transaction
from service.storage.human_tasks import (
    HumanTask,
    find_assignment,
    held_by,
    open_counts,
    tenants_with_unassigned,
    unassigned,
)
from service.storage.tasks import LeasedTask
from statemachine.errors import NotFound, StaleRevision
from statemachine.people import Availability, choose, wanted_from_data
from statemachine.record import record

_PAGE: Final = 500
_PAGES: Final = 20


@record
class Put:
    """What became of a Put: the agent, how many tasks they hold, and whether they are new."""

    agent: Agent
    open: int
    created: bool


def put(
    transaction: Transaction, now: datetime, draft: Agent, availability: str | None, expected_revision: int | None
) -> Put:
    """Create an agent or replace what is known of one, and give them what waits. Raises StaleRevision."""
    key = (draft.tenant_id, draft.id)
    office = Office(now)
    office.lock(transaction, [key])
    known = office.agents.get(key)
    revision = known.revision if known else 0
    if expected_revision is not None and expected_revision != revision:
        raise StaleRevision(
            f"agent {draft.id!r} is at revision {revision}, not {expected_revision}; read it again",
            revision=str(revision),
            expected_revision=str(expected_revision),
        )
    agent = replace(
        draft,
        availability=availability or (known.availability if known else Availability.AVAILABLE),
        turn=known.turn if known else 0,
        notices=known.notices if known else 0,
        revision=revision + 1,
        created_at=known.created_at if known else now,
        updated_at=now,
    )
    put_agent(transaction, agent)
    office.agents[key] = agent
    _give_what_waits(transaction, office, agent)
    return Put(agent, _open(transaction, key), known is None)


def set_availability(
    transaction: Transaction, now: datetime, tenant: str, agent_id: str, availability: str
) -> tuple[Agent, int, int]:
    """Answers the agent, how many tasks they hold, and how many of these they were given now. Raises NotFound."""
    key = (tenant, agent_id)
    office = Office(now)
    office.lock(transaction, [key])
    if key not in office.agents:
        raise NotFound("agent", agent_id)
    agent = office.agents[key]
    if agent.availability != availability:
        agent.availability, agent.revision, agent.updated_at = availability, agent.revision + 1, now
        put_agent(transaction, agent)
    given = _give_what_waits(transaction, office, agent)
    return agent, _open(transaction, key), given


def delete(transaction: Transaction, now: datetime, tenant: str, agent_id: str) -> tuple[Agent, int, int]:
    """Answers the agent as it was, how many tasks they held, and how many of these others hold now. Raises NotFound."""
    find_agent(transaction, tenant, agent_id)
    office = Office(now)
    office.lock(transaction, {(tenant, agent_id), (tenant, ANYBODY)})
    agent = office.agents.pop((tenant, agent_id), None)
    if agent is None:
        raise NotFound("agent", agent_id)
    held = held_by(transaction, tenant, agent_id)
    for task in held:
        office.take_back(task, "agent_deleted")
    given = sum(office.give_out(task) for task in held)
    office.save(transaction)
    delete_agent(transaction, tenant, agent_id)
    return agent, len(held), given


async def give_out_all(engine: Engine) -> int:
    """One look at what waits for somebody with room: a limit makes room without anybody saying so. Answers how many
    human tasks were given out."""
    given = 0
    for tenant in await engine.read(anybody_for_waiting):
        given += await engine.write(partial(_give_out, engine.clock, tenant))
    if given:
        engine.feed.notify()
    return given


def _give_out(clock: Clock, tenant: str, transaction: Transaction) -> int:
    return give_out_waiting(transaction, clock.read(transaction).workflow, tenant)


def assign_contact(transaction: Transaction, now: datetime, task: LeasedTask) -> Agent | None:
    """Give the contact of a task to whose turn it is, and tell them; None when nobody may have it.

    A repeat answers whom the first time gave it to.
    """
    before = find_assignment(transaction, task.tenant_id, task.id)
    if before is not None:
        return agents_by_id(transaction, [(task.tenant_id, before.agent_id)]).get((task.tenant_id, before.agent_id))
    wanted = wanted_from_data(task.input["wanted"])
    office = Office(now)
    office.lock(transaction, [(task.tenant_id, wanted.agent or ANYBODY)])
    agent = office.whose_turn(task.tenant_id, wanted)
    if agent is not None:
        office.assign_contact(agent, task, wanted)
        office.save(transaction)
    return agent


def anybody_for_waiting(transaction: Transaction) -> list[str]:
    """The tenants of whose waiting human tasks some could be given out now. Reads only."""
    return [tenant for tenant in tenants_with_unassigned(transaction) if _any_match(transaction, tenant)]


def give_out_waiting(transaction: Transaction, now: datetime, tenant: str) -> int:
    """Give out the human tasks of a tenant that waited for somebody with room; answers how many."""
    tasks = _waiting(transaction, tenant)
    office = Office(now)
    office.lock(transaction, {key for task in tasks for key in people_for(task)})
    given = sum(office.give_out(task) for task in tasks)
    office.save(transaction)
    return given


def unserved(transaction: Transaction, tenant: str, queue: str) -> int:
    """How many human tasks of a queue that nobody holds are meant for nobody who is available."""
    tasks = [task for task in unassigned(transaction, tenant, after="", limit=_PAGE) if task.queue == queue]
    available = list_agents(transaction, tenant, AgentFilter(availability=Availability.AVAILABLE), limit=_PAGE)
    people = [agent.as_colleague(0) for agent in available]
    return sum(not any(task.wanted.includes(person) for person in people) for task in tasks)


def _give_what_waits(transaction: Transaction, office: Office, agent: Agent) -> int:
    """With only this agent in the office, whatever suits is theirs."""
    tasks = meant_for(_waiting(transaction, agent.tenant_id), agent)
    given = sum(office.give_out(task) for task in tasks)
    office.save(transaction)
    return given


def _waiting(transaction: Transaction, tenant: str) -> list[HumanTask]:
    """The open tasks that nobody holds and that are given out by a rule, as far as one round looks: the most urgent
    first, then the oldest."""
    found: list[HumanTask] = []
    after = ""
    for _ in range(_PAGES):
        page = unassigned(transaction, tenant, after=after, limit=_PAGE, automatic=True)
        found += page
        if len(page) < _PAGE:
            break
        after = page[-1].task_id
    return sorted(found, key=lambda task: (-task.priority, task.task_id))


def _any_match(transaction: Transaction, tenant: str) -> bool:
    tasks = _waiting(transaction, tenant)
    if not tasks:
        return False
    available = list_agents(transaction, tenant, AgentFilter(availability=Availability.AVAILABLE), limit=_PAGE)
    counts = open_counts(transaction, [(tenant, agent.id) for agent in available])
    people = [agent.as_colleague(counts.get((tenant, agent.id), 0)) for agent in available]
    return any(
        choose((person for person in people if person.id not in task.declined), task.wanted) is not None
        for task in tasks
        if not task.wanted.agent
    )


def _open(transaction: Transaction, key: Key) -> int:
    return open_counts(transaction, [key]).get(key, 0)
