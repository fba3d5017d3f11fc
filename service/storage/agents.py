"""Agents at rest: the people who do human tasks, and what each of them was told.

Whoever gives work to an agent, or tells them something, holds the agent's row: so a limit on open tasks holds across
replicas, turns are fair, and the numbers of an agent's notifications have no gaps. Rows are locked in key order, after
contacts and before human tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.storage.database import Row, Transaction
from service.storage.dialect import instant, instant_text, load
from statemachine.errors import NotFound
from statemachine.people import Colleague
from statemachine.record import record

Key = tuple[str, str]
ANYBODY: Final = ""
"""In a set of keys: everybody of the tenant who is available."""


@dataclass(slots=True)
class Agent:
    """One row. `turn` numbers the latest assignment by turns, `notices` the latest notification."""

    tenant_id: str
    id: str
    name: str = ""
    email: str = ""
    groups: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    availability: str = "available"
    max_open: int | None = None
    turn: int = 0
    notices: int = 0
    revision: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def as_colleague(self, open_tasks: int) -> Colleague:
        groups, skills = frozenset(self.groups), frozenset(self.skills)
        return Colleague(self.id, groups, skills, self.availability, self.max_open, open_tasks, self.turn)


@record
class Notification:
    """Something that an agent was told. `sequence` counts an agent's from 1 without gaps.

    `kind`: assigned, unassigned, reminder, escalated, closed.
    """

    tenant_id: str
    agent_id: str
    sequence: int
    kind: str
    task_id: str | None
    enrollment_id: str | None
    contact_id: str | None
    workflow: str | None
    step: str | None
    title: str
    message: str
    at: datetime


@record
class AgentFilter:
    """Which agents a list shows; a field left out lets everything through."""

    group: str = ""
    skill: str = ""
    availability: str = ""


_FIELDS: Final = tuple(Agent.__dataclass_fields__)
_COLUMNS: Final = ", ".join(f"a.{name}" for name in _FIELDS)
_LISTS: Final = frozenset({"groups", "skills", "channels"})
_NOTE_FIELDS: Final = tuple(Notification.__dataclass_fields__)


def find_agent(transaction: Transaction, tenant: str, agent_id: str) -> Agent:
    """Raises NotFound."""
    sql = f"select {_COLUMNS} from agents as a where a.tenant_id = :tenant and a.id = :id"
    row = transaction.row(sql, tenant=tenant, id=agent_id)
    if row is None:
        raise NotFound("agent", agent_id)
    return _agent_of(row)


def agents_by_id(transaction: Transaction, keys: Collection[Key]) -> dict[Key, Agent]:
    """Those that exist, unlocked."""
    found = transaction.rows(
        f"select {_COLUMNS} from {{rows:wanted; tenant_id text, id text}} "
        "join agents as a on a.tenant_id = r.tenant_id and a.id = r.id",
        wanted=[{"tenant_id": tenant, "id": name} for tenant, name in sorted(keys)],
    )
    return {(agent.tenant_id, agent.id): agent for agent in map(_agent_of, found)}


def list_agents(
    transaction: Transaction, tenant: str, wanted: AgentFilter, *, after: str = "", limit: int
) -> list[Agent]:
    """Agents by id, after one."""
    member = _MEMBER[transaction.kind]
    conditions = ["a.tenant_id = :tenant", "a.id > :after"]
    parameters: dict[str, Any] = {"tenant": tenant, "after": after, "limit": limit}
    for name, condition in (
        ("group", member.format("groups", "group")),
        ("skill", member.format("skills", "skill")),
        ("availability", "a.availability = :availability"),
    ):
        if getattr(wanted, name):
            conditions.append(condition)
            parameters[name] = getattr(wanted, name)
    sql = f"select {_COLUMNS} from agents as a where {' and '.join(conditions)} order by a.id limit :limit"
    return [_agent_of(row) for row in transaction.rows(sql, **parameters)]


_MEMBER: Final = {
    "sqlite": "exists (select 1 from json_each(a.{}) as m where m.value = :{})",
    "postgresql": "exists (select 1 from json_array_elements_text(a.{}) as m where m = :{})",
}


def lock_agents(transaction: Transaction, keys: Collection[Key]) -> dict[Key, Agent]:
    """Lock agents by (tenant, id), in key order; the id ANYBODY stands for all who are available. Waits for others."""
    rows = [{"tenant_id": tenant, "id": name, "pool": name == ANYBODY} for tenant, name in sorted(keys)]
    found = transaction.rows(_LOCK, wanted=rows) if rows else ()
    return {(agent.tenant_id, agent.id): agent for agent in map(_agent_of, found)}


_LOCK: Final = f"""
select {_COLUMNS} from {{rows:wanted; tenant_id text, id text, pool bool}}
join agents as a on a.tenant_id = r.tenant_id and (a.id = r.id or (r.pool and a.availability = 'available'))
order by a.tenant_id, a.id {{for update of a}}"""


def put_agent(transaction: Transaction, agent: Agent) -> None:
    """Write an agent whole, whose row is locked or new. Its turn and its notices stay as they are."""
    row = {name: getattr(agent, name) for name in _FIELDS}
    transaction.write(_PUT, rows=[row])


def delete_agent(transaction: Transaction, tenant: str, agent_id: str) -> None:
    """The agent, and what it was told; whom it was assigned to stays on record."""
    for table, column in (("agents", "id"), ("notifications", "agent_id")):
        sql = f"delete from {table} where tenant_id = :tenant and {column} = :id"
        transaction.write(sql, tenant=tenant, id=agent_id)


_ROW: Final = (
    "tenant_id text, id text, name text, email text, groups json, skills json, channels json, availability text, "
    "max_open int, turn bigint, notices bigint, revision bigint, created_at timestamptz, updated_at timestamptz"
)
_PUT: Final = f"""
insert into agents ({", ".join(_FIELDS)}) select {", ".join(_FIELDS)} from {{rows:rows; {_ROW}}} where true
on conflict (tenant_id, id) do update set name = excluded.name, email = excluded.email, groups = excluded.groups,
    skills = excluded.skills, channels = excluded.channels, availability = excluded.availability,
    max_open = excluded.max_open, revision = excluded.revision, updated_at = excluded.updated_at"""

COUNT: Final = """
update agents as a set turn = r.turn, notices = r.notices
from {rows:rows; tenant_id text, id text, turn bigint, notices bigint}
where a.tenant_id = r.tenant_id and a.id = r.id"""
"""After an assignment or a notification; the row is locked."""

NOTIFY: Final = f"""
insert into notifications ({", ".join(_NOTE_FIELDS)}) select {", ".join(_NOTE_FIELDS)}
from {{rows:rows; tenant_id text, agent_id text, sequence bigint, kind text, task_id text, enrollment_id text,
    contact_id text, workflow text, step text, title text, message text, at timestamptz}} where true"""


def list_notifications(
    transaction: Transaction, tenant: str, agent_id: str, *, after: int, limit: int
) -> list[Notification]:
    """What an agent was told after a number, oldest first."""
    rows = transaction.rows(
        f"select {', '.join(_NOTE_FIELDS)} from notifications "
        "where tenant_id = :tenant and agent_id = :agent and sequence > :after order by sequence limit :limit",
        tenant=tenant,
        agent=agent_id,
        after=after,
        limit=limit,
    )
    return [_notification_of(row) for row in rows]


def forget_notifications(transaction: Transaction, before: datetime, limit: int) -> int:
    """Delete up to `limit` notifications from before an instant (workflow time); answers how many."""
    return transaction.write(_FORGET, before=instant_text(before), limit=limit)


_FORGET: Final = """
delete from notifications where (tenant_id, agent_id, sequence) in (
    select tenant_id, agent_id, sequence from notifications where at < :before limit :limit)"""


def _agent_of(row: Row) -> Agent:
    return Agent(**{name: _value(name, value) for name, value in zip(_FIELDS, row, strict=True)})


def _value(name: str, value: Any) -> Any:
    if name in _LISTS:
        return tuple(load(value))
    return instant(value) if name in ("created_at", "updated_at") else value


def _notification_of(row: Row) -> Notification:
    fields: Mapping[str, Any] = dict(zip(_NOTE_FIELDS, row, strict=True))
    return Notification(**{**fields, "at": instant(fields["at"])})
