"""Reading the local outbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.storage.database import Transaction
from service.storage.dialect import instant, load


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """`message` is what the step rendered: channel, to, subject, body, template, variables, …"""

    id: str
    enrollment_id: str
    contact_id: str | None
    workflow: str
    step: str
    idempotency_key: str
    message: Mapping[str, Any]
    created_at: datetime


def list_messages(
    transaction: Transaction,
    tenant: str,
    *,
    contact_id: str = "",
    workflow: str = "",
    enrollment_id: str = "",
    before: str | None = None,
    limit: int,
) -> list[StoredMessage]:
    """Messages by id, which is by time, the newest first, before one."""
    conditions = ["tenant_id = :tenant"]
    parameters: dict[str, Any] = {"tenant": tenant, "limit": limit}
    for name, value in (("contact_id", contact_id), ("workflow", workflow), ("enrollment_id", enrollment_id)):
        if value:
            conditions.append(f"{name} = :{name}")
            parameters[name] = value
    if before is not None:
        conditions.append("id < :before")
        parameters["before"] = before
    rows = transaction.rows(
        "select id, enrollment_id, contact_id, workflow, step, idempotency_key, message, created_at from messages "
        f"where {' and '.join(conditions)} order by id desc limit :limit",
        **parameters,
    )
    return [_message_of(row) for row in rows]


def _message_of(row: Any) -> StoredMessage:
    created_at = instant(row[7])
    assert created_at is not None
    return StoredMessage(row[0], row[1], row[2], row[3], row[4], row[5], load(row[6]), created_at)
