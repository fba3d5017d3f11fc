"""The local outbox: messages kept by the server itself, one per idempotency key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message as a step sent it; `message` is the task's input, `{channel, to, body | template, …}`."""

    tenant_id: str
    id: str
    enrollment_id: str
    contact_id: str | None
    workflow: str
    step: str
    idempotency_key: str
    message: Mapping[str, Any]


def store_messages(
    transaction: Transaction, messages: Sequence[NewMessage], created_at: datetime
) -> dict[tuple[str, str], str]:
    """Keep messages (`created_at` is workflow time); answers the id kept under each (tenant, idempotency key).

    A message that is there already, from an earlier attempt, stays as it is and answers its own id.
    """
    rows: list[Mapping[str, Any]] = [
        {**{name: getattr(message, name) for name in _FIELDS}, "created_at": created_at}
        for message in sorted(messages, key=lambda message: (message.tenant_id, message.idempotency_key))
    ]
    transaction.write(_STORE, rows=rows)
    return {(row[0], row[1]): row[2] for row in transaction.rows(_IDS, rows=rows)}


_FIELDS: Final = tuple(NewMessage.__dataclass_fields__)

_STORE: Final = """
insert into messages (tenant_id, id, enrollment_id, contact_id, workflow, step, idempotency_key, message, created_at)
select tenant_id, id, enrollment_id, contact_id, workflow, step, idempotency_key, message, created_at
from {rows:rows; tenant_id text, id text, enrollment_id text, contact_id text, workflow text, step text,
    idempotency_key text, message json, created_at timestamptz} where true
on conflict (tenant_id, idempotency_key) do nothing
"""

_IDS: Final = """
select m.tenant_id, m.idempotency_key, m.id from messages m
join {rows:rows; tenant_id text, idempotency_key text}
on m.tenant_id = r.tenant_id and m.idempotency_key = r.idempotency_key
"""
