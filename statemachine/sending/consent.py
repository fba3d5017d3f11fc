"""Consent: what a contact said about messages by each channel, and whether it may be written to at all.

A contact keeps, by channel, `{status: granted | denied, at, source?}`; a channel that is not there is unknown. The
channel `all` is do-not-contact: when it is denied, no message goes out by any channel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from statemachine.contact import Contact
from statemachine.decision import EmittedEvent
from statemachine.event import Event

CHANNELS: Final = ("sms", "email", "chat", "whatsapp", "voice", "social")
"""The channels that the language knows by name; messages may go by others."""
EVERY: Final = "all"
GRANTED: Final = "granted"
DENIED: Final = "denied"
UNKNOWN: Final = "unknown"
STATUSES: Final = (GRANTED, DENIED, UNKNOWN)
UNSUBSCRIBED: Final = "contact_unsubscribed"
CHANGED: Final = "consent_changed"
MAX_CHANNELS: Final = 50
_CHANNEL: Final = re.compile(r"[a-z][a-z0-9_]{0,49}\Z")


def is_channel(name: str) -> bool:
    """Whether a text may name a channel: up to 50 of a-z, 0-9 and _, a letter first; not `all`."""
    return name != EVERY and _CHANNEL.match(name) is not None


def status_of(contact: Contact, channel: str) -> str:
    """granted, denied or unknown; of this channel alone."""
    return str(contact.consent.get(channel, _NOTHING).get("status", UNKNOWN))


def statuses_of(contact: Contact) -> dict[str, str]:
    """granted, denied or unknown, by channel: the known ones, those of which the contact said anything, and `all`."""
    said = {channel: str(known["status"]) for channel, known in contact.consent.items()}
    return {**dict.fromkeys((*CHANNELS, EVERY), UNKNOWN), **said}


def set_consent(
    contact: Contact, statuses: Mapping[str, str], source: str, at: datetime
) -> tuple[Contact, tuple[EmittedEvent, ...]]:
    """Note what the contact said at an instant, by channel; raises consent_changed for each real change.

    A repeat changes nothing, nor does a statement older than the one that is known.
    """
    consent = dict(contact.consent)
    raised: list[EmittedEvent] = []
    for channel, status in statuses.items():
        known = consent.get(channel, _NOTHING)
        old = known.get("status", UNKNOWN)
        if status == old or ("at" in known and at < datetime.fromisoformat(known["at"])):
            continue
        if status == UNKNOWN:
            del consent[channel]
        else:
            consent[channel] = {"status": status, "at": at.isoformat(), **({"source": source} if source else {})}
        data = {"channel": channel, "old_status": old, "new_status": status, "source": source}
        raised.append(EmittedEvent(CHANGED, data))
    return replace(contact, consent=consent) if raised else contact, tuple(raised)


def unsubscribe(contact: Contact, event: Event) -> tuple[Contact, tuple[EmittedEvent, ...]]:
    """contact_unsubscribed denies the channel that its data name, else all; dated ahead, it counts as of now."""
    named = str(event.data.get("channel") or "").strip().lower()
    accepted_at = event.accepted_at
    assert accepted_at is not None
    at = min(event.occurred_at or accepted_at, accepted_at)
    return set_consent(contact, {named if is_channel(named) else EVERY: DENIED}, event.source or UNSUBSCRIBED, at)


_NOTHING: Final[Mapping[str, Any]] = {}
