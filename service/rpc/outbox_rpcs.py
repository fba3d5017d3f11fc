"""OutboxService."""

from __future__ import annotations

from typing import Any

from statewright.v1 import OutboxMessage, OutboxServiceListRequest, OutboxServiceListResponse

from service.engine.commands import DEFAULT_TENANT
from service.rpc.fields import Violations
from service.rpc.moment import write_instant
from service.rpc.pages import fill_page, make_token, read_page
from service.rpc.payload import write_struct
from service.rpc.rooms import Rooms
from service.storage.message_queries import StoredMessage, list_messages


class OutboxRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine

    async def list(self, request: OutboxServiceListRequest) -> OutboxServiceListResponse:
        violations = Violations()
        for name in ("contact_id", "workflow", "enrollment_id"):
            violations.name(name, getattr(request, name))
        size, before = read_page(violations, request, str)
        violations.check()
        found = await self._engine.read(
            lambda transaction: list_messages(
                transaction,
                DEFAULT_TENANT,
                contact_id=request.contact_id,
                workflow=request.workflow,
                enrollment_id=request.enrollment_id,
                before=before[0] if before else None,
                limit=size + 1,
            )
        )
        response = OutboxServiceListResponse()
        last = fill_page(found, size, response.messages, _write_message, lambda stored: (stored.id,))
        response.next_page_token = make_token(request, last)
        return response


def _write_message(stored: StoredMessage, message: OutboxMessage) -> None:
    content = stored.message
    message.id = stored.id
    message.enrollment_id = stored.enrollment_id
    message.workflow = stored.workflow
    message.step = stored.step
    message.contact_id = stored.contact_id or ""
    message.idempotency_key = stored.idempotency_key
    for name in ("channel", "to", "subject", "body", "template"):
        setattr(message, name, str(content.get(name) or ""))
    for name in ("cc", "bcc"):
        getattr(message, name).extend(_addresses(content.get(name)))
    variables = content.get("variables")
    if isinstance(variables, dict):
        write_struct(variables, message.variables)
    message.variants.update(content.get("variants") or {})
    write_instant(stored.created_at, message.create_time)


def _addresses(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
