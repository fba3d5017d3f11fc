"""The demo's story: who there is, and what other services tell the server about them, when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

TRIAGE_QUEUE: Final = "triage"

WORKFLOWS: Final[Mapping[str, str]] = {
    "welcome": "welcome.yaml",
    "abandoned_cart": "abandoned_cart.yaml",
    "support_reply": "support_reply.yaml",
}
"""Workflow key → example file."""


@dataclass(frozen=True, slots=True)
class Scene:
    """An event that another service sends, `at` so long after the beginning in workflow time."""

    at: timedelta
    says: str
    type: str
    contact: str
    data: Mapping[str, Any] = field(default_factory=dict)
    patch: Mapping[str, Any] = field(default_factory=dict)
    source: str = "crm"


def _lead(name: str, phone: str) -> dict[str, str]:
    return {
        "first_name": name,
        "phone": phone,
        "email": f"{name.lower()}@example.com",
        "source": "facebook_ad",
        "timezone": "Europe/Berlin",
    }


def _shopper(name: str, phone: str) -> dict[str, str]:
    return _lead(name, phone) | {"source": "shop"}


def _hours(count: float) -> timedelta:
    return timedelta(hours=count)


STORY: Final[tuple[Scene, ...]] = (
    Scene(_hours(0), "Ann comes from an ad", "contact_created", "ann", patch=_lead("Ann", "+491511000001")),
    Scene(_hours(0), "Ben comes from an ad", "contact_created", "ben", patch=_lead("Ben", "+491511000002")),
    Scene(
        _hours(0),
        "Cleo comes from an ad; her provider refuses the first try",
        "contact_created",
        "cleo",
        patch=_lead("Cleo", "+000151100003"),
    ),
    Scene(
        _hours(2),
        "Dora leaves a cart behind",
        "cart_updated",
        "dora",
        {"cart_id": "cart-7", "items": ["lamp"], "total": 49.9},
        _shopper("Dora", "+491511000004"),
        "shop",
    ),
    Scene(
        _hours(2),
        "Emil leaves a cart behind",
        "cart_updated",
        "emil",
        {"cart_id": "cart-8", "items": ["desk", "chair"], "total": 240},
        _shopper("Emil", "+491511000005"),
        "shop",
    ),
    Scene(
        _hours(6),
        "Fay writes in the chat that something is broken",
        "message_received",
        "fay",
        {"channel": "chat", "type": "text", "content": "My lamp arrived broken"},
        _shopper("Fay", "+491511000006") | {"last_name": "Green"},
        "chat",
    ),
    Scene(
        _hours(14),
        "Ben replies by SMS",
        "message_received",
        "ben",
        {"channel": "sms", "type": "text", "content": "Yes, tell me more"},
        source="sms_gateway",
    ),
    Scene(
        _hours(16),
        "Emil opens the reminder and clicks",
        "email_clicked",
        "emil",
        {"link": "cart"},
        source="mail_gateway",
    ),
    Scene(
        _hours(40),
        "Dora orders after all",
        "order_placed",
        "dora",
        {"cart_id": "cart-7", "total": 49.9},
        source="shop",
    ),
)

REPLIED: Final = ("ben",)
FLAKY: Final = ("cleo",)


def contacts() -> list[str]:
    """Everybody in the story, in order of appearance."""
    return list(dict.fromkeys(scene.contact for scene in STORY))


def outcome_of_triage(content: object) -> str:
    """What the demo's own worker decides about a message."""
    return "escalate" if "broken" in str(content) else "done"
