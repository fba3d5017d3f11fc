"""Names: the one canonical spelling of events and keys, and what an author probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

_MAX_OPTION: Final = 200
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class EventName:
    """A canonical event type, and what an alias of it says about the event's data."""

    type: str
    data_filter: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


EVENT_ALIASES: Final[Mapping[str, str]] = {
    "contact_added": "contact_created",
    "tag_applied": "tag_added",
    "field_updated": "field_changed",
    "custom_field_changed": "field_changed",
    "contact_replied": "message_received",
    "incoming_message": "message_received",
    "incoming_call": "call_received",
    "new_order": "order_created",
    "email_open": "email_opened",
    "email_click": "email_clicked",
}
"""Alias → canonical type."""

KNOWN_EVENTS: Final = (
    "contact_created", "tag_added", "tag_removed", "field_changed", "message_received", "call_received",
    "intent_detected", "sentiment_negative", "sla_breached", "order_created", "manual", "api", "event", "webhook",
    "schedule", "email_opened", "email_clicked", "email_replied", "sms_replied", "score_updated",
    "contact_unsubscribed", "consent_changed", "conversation_opened", "conversation_reopened", "conversation_closed",
    "date",
)  # fmt: skip
"""Canonical types the language knows by name; any other name is a custom event."""

CONTACT_CHANGES: Final = (
    "field_changed", "tag_added", "tag_removed", "list_added", "list_removed", "score_updated",
)  # fmt: skip
"""What a contact write raises; each may make an entry filter match, or stop matching."""

_CHANNEL_ALIASES: Final = {"sms_received": "sms"}
_GROUPS: Final = {"reply": ("message_received", "email_replied", "sms_replied")}
_CAMEL: Final = re.compile(r"[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)+\Z")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS: Final = re.compile(r"[\s/_-]+")
_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=4096)
def canonical_event(name: str) -> EventName:
    """The canonical type an event name means; custom names stay as they are.

    `sms_received` is `message_received` with `{"channel": "sms"}`.
    """
    plain = _SEPARATORS.sub("_", _HUMP.sub("_", name.strip())).lower()
    if plain in _CHANNEL_ALIASES:
        return EventName("message_received", MappingProxyType({"channel": _CHANNEL_ALIASES[plain]}))
    known = EVENT_ALIASES.get(plain, plain)
    return EventName(known if known in KNOWN_EVENTS else name.strip())


def event_group(name: str) -> tuple[EventName, ...]:
    """The canonical types a name in a wait, exit or trigger stands for: three for `reply`, else one."""
    members = _GROUPS.get(name.strip().lower())
    return tuple(map(EventName, members)) if members else (canonical_event(name),)


@lru_cache(maxsize=4096)
def snake_case(key: str) -> str:
    """`outputVariable` → `output_variable`; what is not camelCase stays as it is."""
    return _HUMP.sub("_", key).lower() if _CAMEL.match(key) else key


def slug(name: str) -> str:
    """A key made of a name: `New Lead Welcome!` → `new-lead-welcome`; empty when nothing is left."""
    return _NOT_SLUG.sub("-", name.lower()).strip("-")[:100].strip("-")


def one_slip(word: str, other: str) -> bool:
    """Whether one letter too few, too many, wrong, or two in the wrong order make the difference. A plural is none."""
    if word in (f"{other}s", other) or f"{word}s" == other or abs(len(word) - len(other)) > 1:
        return False
    same = next((at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    left, right = word[same:], other[same:]
    swapped = len(left) == len(right) > 1 and left[:2] == right[1::-1] and left[2:] == right[2:]
    return swapped or left[1:] == right[1:] or left[1:] == right or left == right[1:]


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """`did you mean 'delay'?`, or nothing when no option is near."""
    by_lower = {option.lower(): option for option in options if len(option) <= _MAX_OPTION}
    near = get_close_matches(word.lower()[:100], by_lower, n=1, cutoff=0.6)
    return f"did you mean {by_lower[near[0]]!r}?" if near else ""
