"""The words of the plays: who is there, what happens to them, and who works for them."""

from __future__ import annotations

from typing import Final

CONTACTS: Final = ("ann", "bob", "cyd")
EVENTS: Final = ("go", "poke", "message_received", "order_placed", "tag_added")
TAGS: Final = ("red", "green", "blue")
KEYS: Final = ("k1", "k2")
ZONES: Final = ("Europe/Berlin", "America/New_York", "Asia/Tokyo")
DATES: Final = ("2026-03-02", "2026-03-02T11:00:00Z", "2026-03-03T08:00", "2026-03-05", "soon")
LEAF: Final = "leaf"
"""The workflow that others go through; itself it goes through none."""
QUEUES: Final = ("work", "messages")
"""Of workers."""
HTTP: Final = "http"
ASSIGNING: Final = "agents"
"""Queues that a replica serves itself."""
AGENTS: Final = {"eve": ("sales",), "fay": ("sales", "leads"), "gil": ("leads",)}
"""Agent → groups."""
