"""Commands about conversations."""

from __future__ import annotations

from typing import Any

import click

from service.cli.options import guarded, paged
from service.cli.session import Family, Session, pass_session


@click.group(cls=Family)
def conversations() -> None:
    """Read and close conversations."""


@conversations.command()
@click.argument("conversation_id", metavar="ID")
@pass_session
def get(session: Session, conversation_id: str) -> None:
    """Read one conversation."""
    from statewright.v1 import GetConversationRequest

    request = GetConversationRequest(conversation_id=conversation_id)
    _answer(session, session.call(session.client.contacts.GetConversation, request).conversation)


@conversations.command("list")
@click.option("--contact", default="", metavar="ID")
@click.option("--status", type=click.Choice(("open", "resolved")))
@click.option("--tag", default="")
@click.option("--channel", default="")
@paged(default=50)
@pass_session
def list_(session: Session, contact: str, status: str | None, tag: str, channel: str, **given: Any) -> None:
    """List conversations by id."""
    from statewright.v1 import ConversationStatus, ListConversationsRequest

    from service.cli.output import instant
    from service.cli.paging import answer_page
    from service.cli.shapes import number_of, word

    request = ListConversationsRequest(contact_id=contact, tag=tag, channel=channel)
    if status:
        request.status = number_of(ConversationStatus.DESCRIPTOR, status)
    answer_page(
        session,
        session.client.contacts.ListConversations,
        request,
        "conversations",
        given,
        ("id", "contact", "status", "channel", "tags", "agent", "last message"),
        lambda it: (
            it.id,
            it.contact_id,
            word(ConversationStatus.DESCRIPTOR, it.status),
            it.channel,
            ", ".join(it.tags),
            it.agent_id,
            instant(it.last_message_time) if it.HasField("last_message_time") else "",
        ),
        empty="no such conversations",
    )


@conversations.command()
@click.argument("conversation_id", metavar="ID")
@guarded
@pass_session
def close(session: Session, conversation_id: str, **given: Any) -> None:
    """Mark a conversation as resolved; nothing is sent."""
    from statewright.v1 import CloseConversationRequest

    from service.cli.output import note

    request = CloseConversationRequest(conversation_id=conversation_id, **given)
    response = session.call(session.client.contacts.CloseConversation, request)
    if not session.json:
        note(f"closed {conversation_id}" if response.changed else f"{conversation_id} was closed already")
    _answer(session, response.conversation, changed=response.changed)


def _answer(session: Session, conversation: Any, **more: bool) -> None:
    from service.cli.output import instant, print_facts, print_json
    from service.cli.shapes import plain

    shape = plain(conversation)
    if session.json:
        print_json(shape | more)
        return
    last = conversation.last_message_time if conversation.HasField("last_message_time") else None
    print_facts(
        [
            ("id", conversation.id),
            ("contact", conversation.contact_id),
            ("status", shape["status"]),
            ("channel", conversation.channel),
            ("tags", ", ".join(conversation.tags)),
            ("variables", shape["variables"]),
            ("agent", conversation.agent_id),
            ("opened", instant(conversation.create_time)),
            ("changed", instant(conversation.update_time)),
            ("last message", instant(last) if last else ""),
            ("revision", conversation.revision),
        ]
    )
