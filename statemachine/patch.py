"""Changing a contact from outside: patches of Trigger and Upsert, tag changes, and what an incoming message leaves.

Every function answers the new contact and the events that the real changes raise; an equal value raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from statemachine.contact import Contact
from statemachine.conversation import OPEN, RESOLVED, Conversation
from statemachine.decision import EmittedEvent
from statemachine.errors import InvalidInput, LimitExceeded
from statemachine.event import Event
from statemachine.limits import MAX_CONVERSATION_BYTES, larger_than

Changed = tuple[Contact, tuple[EmittedEvent, ...]]


def apply_patch(contact: Contact, patch: Mapping[str, Any]) -> Changed:
    """Merge a patch: fields by name (`custom_fields: {…}` or bare), `tags` and `lists` as whole lists, `score`.

    A null removes the field. Raises InvalidInput with every part that has the wrong shape.
    """
    check_patch(patch)
    events: list[EmittedEvent] = []
    for name, value in _flattened(patch):
        if name == "tags":
            contact, raised = change_tags(contact, *_difference(contact.tags, tuple(dict.fromkeys(value))))
        elif name == "lists":
            contact, raised = change_lists(contact, *_difference(contact.lists, tuple(dict.fromkeys(value))))
        elif name == "score":
            contact, raised = _set_score(contact, value)
        else:
            contact, raised = set_field(contact, name, value)
        events.extend(raised)
    return contact, tuple(events)


def check_patch(patch: Mapping[str, Any], place: str = "") -> None:
    """Raises InvalidInput with every part that has the wrong shape; `place` is that of the patch, with its dot."""
    faults = [(f"{place}{path}", wanted) for path, wanted in _faults(patch)]
    if faults:
        where, wanted = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InvalidInput(f"{where} must be {wanted}{more}", faults)


def raised_of_new(events: Iterable[EmittedEvent]) -> tuple[EmittedEvent, ...]:
    """What a patch raises besides contact_created when it makes the contact: memberships begin, no field changed."""
    return tuple(event for event in events if event.type in ("tag_added", "list_added", "consent_changed"))


def set_field(contact: Contact, name: str, value: Any) -> Changed:
    """Set one field, or remove it with None; raises field_changed on real change."""
    old = contact.get(name) if contact.has(name) else None
    if old == value and type(old) is type(value):
        return contact, ()
    changed = contact.without_field(name) if value is None else contact.with_field(name, value)
    return changed, (EmittedEvent("field_changed", {"field": name, "old_value": old, "new_value": value}),)


def change_tags(contact: Contact, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Changed:
    """Add and remove tags; raises tag_added and tag_removed for those that really came or went."""
    tags, added, removed = _changed_members(contact.tags, add, remove)
    events = [EmittedEvent("tag_added", {"tag": tag}) for tag in added]
    events += [EmittedEvent("tag_removed", {"tag": tag}) for tag in removed]
    return contact.with_tags(tags) if events else contact, tuple(events)


def change_lists(contact: Contact, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Changed:
    """Join and leave lists; raises list_added and list_removed for those that really came or went."""
    lists, added, removed = _changed_members(contact.lists, add, remove)
    events = [EmittedEvent("list_added", {"list": name}) for name in added]
    events += [EmittedEvent("list_removed", {"list": name}) for name in removed]
    return contact.with_lists(lists) if events else contact, tuple(events)


def remember_reply(contact: Contact, event: Event) -> Contact:
    """An incoming message sets `last_<channel>_reply` and `last_<channel>_reply_at` (S2 reads `last_sms_reply`)."""
    channel = str(event.data.get("channel") or "").lower()
    if event.type != "message_received" or not channel:
        return contact
    contact = contact.with_field(f"last_{channel}_reply", event.content)
    at = event.occurred_at or event.accepted_at
    return contact.with_field(f"last_{channel}_reply_at", at.isoformat()) if at else contact


def hear(known: Conversation | None, event: Event, now: datetime) -> tuple[Conversation, tuple[EmittedEvent, ...]]:
    """The conversation after an event that names it: the first one opens it, a message from the contact re-opens it.

    Raises InvalidInput for a conversation of somebody else.
    """
    contact_id, conversation_id = event.contact_id, event.conversation_id
    assert contact_id is not None
    assert conversation_id is not None
    said = event.type in _MESSAGES
    if known is None:
        channel = str(event.data.get("channel") or "").lower()
        fresh = Conversation(conversation_id, contact_id, channel, created_at=now, updated_at=now)
        opened = EmittedEvent("conversation_opened", {"channel": channel}, conversation_id)
        return replace(fresh, last_message_at=now) if said else fresh, (opened,)
    if known.contact_id != contact_id:
        message = f"conversation {conversation_id!r} is another contact's; a conversation belongs to one contact"
        raise InvalidInput(message, [("event.conversation_id", "a conversation of this contact, or a new id")])
    if not said:
        return known, ()
    channel = known.channel or str(event.data.get("channel") or "").lower()
    heard = replace(known, channel=channel, last_message_at=now, updated_at=now)
    if event.type not in _INCOMING or not known.resolved:
        return heard, ()
    return replace(heard, status=OPEN), (EmittedEvent("conversation_reopened", {"channel": channel}, known.id),)


def with_variables(
    conversation: Conversation, values: Mapping[str, Any], remove: Iterable[str], now: datetime
) -> Conversation:
    """Set and remove its variables; the same conversation when they are so already. Raises LimitExceeded."""
    gone = set(remove)
    changed = {name: value for name, value in {**conversation.variables, **values}.items() if name not in gone}
    if changed == conversation.variables:
        return conversation
    if larger_than(changed, MAX_CONVERSATION_BYTES):
        most = f"at most {MAX_CONVERSATION_BYTES // 1024} KiB in all"
        raise LimitExceeded(
            f"the variables of a conversation take {most}",
            [("value", most)],
            limit="conversation_variables",
            maximum=str(MAX_CONVERSATION_BYTES),
        )
    return replace(conversation, variables=changed, updated_at=now)


def close_conversation(conversation: Conversation, now: datetime) -> tuple[Conversation, tuple[EmittedEvent, ...]]:
    """Mark it resolved; raises conversation_closed unless it is already."""
    if conversation.resolved:
        return conversation, ()
    closed = EmittedEvent("conversation_closed", {"channel": conversation.channel}, conversation.id)
    return replace(conversation, status=RESOLVED, updated_at=now), (closed,)


_NESTED: Final = ("custom_fields", "metadata")
_INCOMING: Final = frozenset({"message_received", "email_replied", "sms_replied"})
_MESSAGES: Final = _INCOMING | {"email_sent", "sms_sent"}


def _set_score(contact: Contact, value: float) -> Changed:
    if contact.score == value:
        return contact, ()
    event = EmittedEvent("score_updated", {"old_value": contact.score, "new_value": value})
    return contact.with_score(value), (event,)


def _flattened(patch: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in patch.items():
        if name in _NESTED:
            yield from value.items()
        else:
            yield name, value


def _faults(patch: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Path and what would be right, of every part with the wrong shape."""
    for name, value in patch.items():
        if name in _NESTED and isinstance(value, Mapping):
            inner = ((field, _fault(field, part)) for field, part in value.items())
            yield from ((f"{name}.{field}", wanted) for field, wanted in inner if wanted)
        elif name in _NESTED:
            yield name, "an object of field: value"
        elif name in ("id", "revision"):
            yield name, "left out: it cannot be patched"
        elif wanted := _fault(name, value):
            yield name, wanted


def _fault(name: str, value: Any) -> str:
    if name == "score" and (isinstance(value, bool) or not isinstance(value, int | float)):
        return "a number"
    if name in ("tags", "lists"):
        texts = isinstance(value, list | tuple) and all(isinstance(item, str) and item for item in value)
        return "" if texts else "a list of non-empty texts"
    return ""


def _difference(present: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[list[str], list[str]]:
    return [item for item in wanted if item not in present], [item for item in present if item not in wanted]


def _changed_members(
    present: tuple[str, ...], add: Iterable[str], remove: Iterable[str]
) -> tuple[tuple[str, ...], list[str], list[str]]:
    removed = [item for item in dict.fromkeys(remove) if item in present]
    added = [item for item in dict.fromkeys(add) if item not in present]
    kept = [item for item in present if item not in removed]
    return (*kept, *added), added, removed
