"""ContactService: conversations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from statewright.v1 import (
    CloseConversationRequest,
    CloseConversationResponse,
    ConversationStatus,
    GetConversationRequest,
    GetConversationResponse,
    ListConversationsRequest,
    ListConversationsResponse,
)
from statewright.v1 import Conversation as ConversationMessage

from service.engine.commands import DEFAULT_TENANT, ChangeConversation, ConversationAnswer
from service.rpc.fields import Violations, check_names, chosen, required_id
from service.rpc.moment import write_instant
from service.rpc.pages import fill_page, make_token, read_page
from service.rpc.payload import write_struct
from service.rpc.repeats import body_hash, request_key
from service.rpc.rooms import Rooms
from service.storage.conversations import find_conversation, list_conversations
from statemachine.conversation import OPEN, RESOLVED, Conversation

_STATUSES: Final[Mapping[int, str]] = {
    ConversationStatus.CONVERSATION_STATUS_UNSPECIFIED: "",
    ConversationStatus.CONVERSATION_STATUS_OPEN: OPEN,
    ConversationStatus.CONVERSATION_STATUS_RESOLVED: RESOLVED,
}
_NUMBERS: Final = {
    OPEN: ConversationStatus.CONVERSATION_STATUS_OPEN,
    RESOLVED: ConversationStatus.CONVERSATION_STATUS_RESOLVED,
}


class ConversationRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine

    async def get_conversation(self, request: GetConversationRequest) -> GetConversationResponse:
        name = required_id("conversation_id", request.conversation_id)
        found = await self._engine.read(lambda transaction: find_conversation(transaction, DEFAULT_TENANT, name))
        response = GetConversationResponse()
        write_conversation(found, response.conversation)
        return response

    async def list_conversations(self, request: ListConversationsRequest) -> ListConversationsResponse:
        violations = Violations()
        for name in ("contact_id", "tag", "channel"):
            violations.name(name, getattr(request, name))
        status = violations.read(chosen, "status", request.status, _STATUSES)
        size, after = read_page(violations, request, str)
        violations.check()
        found = await self._engine.read(
            lambda transaction: list_conversations(
                transaction,
                DEFAULT_TENANT,
                contact_id=request.contact_id,
                status=status,
                channel=request.channel,
                tag=request.tag,
                after=after[0] if after else "",
                limit=size + 1,
            )
        )
        response = ListConversationsResponse()
        last = fill_page(found, size, response.conversations, write_conversation, lambda one: (one.id,))
        response.next_page_token = make_token(request, last)
        return response

    async def close_conversation(self, request: CloseConversationRequest) -> CloseConversationResponse:
        names = {name: getattr(request, name) for name in ("conversation_id", "request_id")}
        check_names(names, required=("conversation_id",))
        command = ChangeConversation(
            DEFAULT_TENANT,
            request.conversation_id,
            close=True,
            expected_revision=request.expected_revision if request.HasField("expected_revision") else None,
            request_id=request_key(request.request_id),
            body_hash=body_hash(request),
        )
        answer = cast(ConversationAnswer, await self._engine.ask(command))
        response = CloseConversationResponse(changed=answer.changed)
        write_conversation(answer.conversation, response.conversation)
        return response


def write_conversation(conversation: Conversation, message: ConversationMessage) -> None:
    message.id = conversation.id
    message.contact_id = conversation.contact_id
    message.channel = conversation.channel
    message.status = _NUMBERS[conversation.status]
    message.tags.extend(sorted(conversation.tags))
    message.variables.SetInParent()
    write_struct(conversation.variables, message.variables)
    message.agent_id = conversation.agent_id or ""
    message.revision = conversation.revision
    write_instant(conversation.created_at, message.create_time)
    write_instant(conversation.updated_at, message.update_time)
    write_instant(conversation.last_message_at, message.last_message_time)
