"""A conversation: an exchange of messages with one contact, which all runs that it leads to share.

It begins with the first event of a contact that names it, and is part of what is read and changed under the contact's
lock. Immutable; every change makes a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Final

from statemachine.record import record

OPEN: Final = "open"
RESOLVED: Final = "resolved"
STATUSES: Final = (OPEN, RESOLVED)


@record
class Conversation:
    """`status` is open or resolved. `channel` is that of its first message; "" while none was named.

    `last_message_at` is when a message was last received, or ordered by a step.
    """

    id: str
    contact_id: str
    channel: str = ""
    status: str = OPEN
    tags: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    agent_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    last_message_at: datetime | None = None
    revision: int = 0

    @property
    def resolved(self) -> bool:
        return self.status == RESOLVED


def conversation_names(conversation: Conversation) -> dict[str, Any]:
    """What `conversation.…` leads to: its parts, and beside them its variables."""
    return {**conversation.variables, **_parts(conversation)}


def conversation_to_data(conversation: Conversation) -> dict[str, Any]:
    """What history keeps of it, JSON-ready: nothing that is empty."""
    data: dict[str, Any] = {"id": conversation.id, "contact_id": conversation.contact_id, "status": conversation.status}
    for name in ("channel", "variables", "agent_id", "revision"):
        value = getattr(conversation, name)
        if value:
            data[name] = value
    if conversation.tags:
        data["tags"] = list(conversation.tags)
    for name in _INSTANTS:
        instant = getattr(conversation, name)
        if instant is not None:
            data[name] = instant.isoformat()
    return data


def conversation_from_data(data: Mapping[str, Any]) -> Conversation:
    fields = {**data, "tags": tuple(data.get("tags", ()))}
    for name in _INSTANTS:
        if name in fields:
            fields[name] = datetime.fromisoformat(fields[name])
    return Conversation(**fields)


_INSTANTS: Final = ("created_at", "updated_at", "last_message_at")


def _parts(conversation: Conversation) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "id": conversation.id,
        "contact_id": conversation.contact_id,
        "channel": conversation.channel,
        "status": conversation.status,
        "tags": list(conversation.tags),
        "variables": conversation.variables,
        "agent_id": conversation.agent_id,
    }
    for name in _INSTANTS:
        instant = getattr(conversation, name)
        parts[name] = None if instant is None else instant.isoformat()
    return parts


PARTS: Final = tuple(_parts(Conversation("", "")))
"""The names under `conversation.` that are no variables."""
