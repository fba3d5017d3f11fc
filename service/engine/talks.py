"""Talks: the conversations that a batch works with, as each command leaves them. Nothing is written here.

They are asked for in one query, and only when an event names one or a run is at hand whose version reads its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from service.engine.desk import Desk
from service.storage.conversations import Key, load_conversations
from service.storage.database import Transaction
from statemachine.conversation import Conversation
from statemachine.snapshot import Snapshot

_NOTHING: Final[Mapping[str, Conversation]] = {}


class Talks:
    """See the module."""

    def __init__(self) -> None:
        self._known: dict[Key, Conversation] = {}
        self._revisions: dict[Key, int] = {}

    def load(self, transaction: Transaction, keys: Collection[Key]) -> None:
        """Find those that exist and are not at hand yet; no statement for none."""
        wanted = [key for key in keys if key not in self._known]
        if wanted:
            found = load_conversations(transaction, wanted)
            self._known |= found
            self._revisions |= {key: one.revision for key, one in found.items()}

    def get(self, tenant: str, conversation_id: str | None) -> Conversation | None:
        """As it is now."""
        return self._known.get((tenant, conversation_id)) if conversation_id else None

    def around(self, desk: Desk, conversation_id: str | None) -> Mapping[str, Conversation]:
        """By id: the one that an event names, those of the runs, and those of events that are looked at again."""
        if not self._known:
            return _NOTHING
        tenant = desk.tenant
        names = {conversation_id, *(snapshot.conversation_id for _, snapshot in desk.runs.values())}
        names.update(look.event.conversation_id for look in desk.looks)
        found = ((name, self.get(tenant, name)) for name in names)
        return {name: talk for name, talk in found if name and talk is not None}

    def keep(self, tenant: str, conversation: Conversation) -> int:
        """Remember what became of it; answers the revision under which it was read, 0 for a new one."""
        key = (tenant, conversation.id)
        self._known[key] = conversation
        return self._revisions.get(key, 0)


def own_conversation(tenant: str, snapshot: Snapshot) -> Key | None:
    """The conversation that a run belongs to."""
    if snapshot.conversation_id is None or snapshot.contact_id is None:
        return None
    return tenant, snapshot.conversation_id
