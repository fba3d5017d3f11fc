"""Conversations at rest. They are read and written under the lock of their contact's row."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from service.storage.database import Row, Transaction
from service.storage.dialect import instant, load
from statemachine.conversation import Conversation
from statemachine.errors import NotFound

Key = tuple[str, str]
"""(tenant, conversation)"""

_COLUMNS: Final = (
    "c.tenant_id, c.id, c.contact_id, c.channel, c.status, c.agent_id, c.tags, c.variables, c.revision, c.created_at, "
    "c.updated_at, c.last_message_at"
)

_BY_KEY: Final = f"""
select {_COLUMNS} from {{rows:wanted; tenant_id text, id text}}
{{look up: conversations as c where c.tenant_id = r.tenant_id and c.id = r.id}}"""

_CONTACTS: Final = """
select c.tenant_id, c.id, c.contact_id from {rows:wanted; tenant_id text, id text}
{look up: conversations as c where c.tenant_id = r.tenant_id and c.id = r.id}"""


def load_conversations(transaction: Transaction, keys: Collection[Key]) -> dict[Key, Conversation]:
    """Those of these keys that exist; one query."""
    rows = transaction.rows(_BY_KEY, wanted=_rows(keys))
    return {(row[0], row[1]): _conversation_of(row) for row in rows}


def contacts_of_conversations(transaction: Transaction, keys: Collection[Key]) -> dict[Key, str]:
    """Whose they are, which never changes."""
    return {(row[0], row[1]): row[2] for row in transaction.rows(_CONTACTS, wanted=_rows(keys))}


def find_conversation(transaction: Transaction, tenant: str, conversation_id: str) -> Conversation:
    """Raises NotFound."""
    found = load_conversations(transaction, [(tenant, conversation_id)]).get((tenant, conversation_id))
    if found is None:
        raise NotFound("conversation", conversation_id)
    return found


def list_conversations(
    transaction: Transaction,
    tenant: str,
    *,
    contact_id: str = "",
    status: str = "",
    channel: str = "",
    tag: str = "",
    after: str = "",
    limit: int,
) -> list[Conversation]:
    """Conversations by id, after one; a filter that is empty lets everything through."""
    conditions = ["c.tenant_id = :tenant", "c.id > :after"]
    parameters: dict[str, Any] = {"tenant": tenant, "after": after, "limit": limit}
    each = "json_each(c.tags)" if transaction.kind == "sqlite" else "json_array_elements_text(c.tags)"
    named = "m.value" if transaction.kind == "sqlite" else "m"
    for name, value, condition in (
        ("contact", contact_id, "c.contact_id = :contact"),
        ("status", status, "c.status = :status"),
        ("channel", channel, "c.channel = :channel"),
        ("tag", tag, f"exists (select 1 from {each} as m where {named} = :tag)"),
    ):
        if value:
            conditions.append(condition)
            parameters[name] = value
    sql = f"select {_COLUMNS} from conversations as c where {' and '.join(conditions)} order by c.id limit :limit"
    return [_conversation_of(row) for row in transaction.rows(sql, **parameters)]


def conversation_row(tenant: str, conversation: Conversation, revision_before: int, now: datetime) -> dict[str, Any]:
    """The row to insert, or to update over `revision_before`."""
    return {
        "tenant_id": tenant,
        "id": conversation.id,
        "contact_id": conversation.contact_id,
        "channel": conversation.channel,
        "status": conversation.status,
        "agent_id": conversation.agent_id,
        "tags": list(conversation.tags),
        "variables": conversation.variables,
        "revision": conversation.revision,
        "created_at": conversation.created_at or now,
        "updated_at": conversation.updated_at or now,
        "last_message_at": conversation.last_message_at,
        "expected": revision_before,
    }


_ROW: Final = (
    "tenant_id text, id text, contact_id text, channel text, status text, agent_id text, tags json, variables json, "
    "revision bigint, created_at timestamptz, updated_at timestamptz, last_message_at timestamptz"
)

INSERT: Final = f"""
insert into conversations (tenant_id, id, contact_id, channel, status, agent_id, tags, variables, revision, created_at,
    updated_at, last_message_at)
select tenant_id, id, contact_id, channel, status, agent_id, tags, variables, revision, created_at, updated_at,
    last_message_at
from {{rows:rows; {_ROW}}} where true
on conflict (tenant_id, id) do nothing"""
"""A conversation that another contact began meanwhile touches fewer rows than were sent."""

UPDATE: Final = f"""
update conversations as c set channel = r.channel, status = r.status, agent_id = r.agent_id, tags = r.tags,
    variables = r.variables, revision = r.revision, updated_at = r.updated_at, last_message_at = r.last_message_at
from {{rows:rows; {_ROW}, expected bigint}}
where c.tenant_id = r.tenant_id and c.id = r.id and c.revision = r.expected"""


def _rows(keys: Collection[Key]) -> list[dict[str, str]]:
    return [{"tenant_id": tenant, "id": name} for tenant, name in sorted(keys)]


def _conversation_of(row: Row) -> Conversation:
    return Conversation(
        row[1],
        row[2],
        row[3],
        row[4],
        tuple(load(row[6])),
        load(row[7]),
        row[5],
        instant(row[9]),
        instant(row[10]),
        instant(row[11]),
        row[8],
    )
