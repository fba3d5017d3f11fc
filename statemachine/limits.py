"""The published limits of promise P13, and how a payload is measured against them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MAX_EVENT_BYTES: Final = 256 * 1024
MAX_MESSAGE_BYTES: Final = 1024 * 1024
MAX_OUTPUT_BYTES: Final = 64 * 1024
MAX_UNDOS: Final = 1_000
MAX_UNDOS_BYTES: Final = 256 * 1024
MAX_VARIABLES_BYTES: Final = 256 * 1024
MAX_CONVERSATION_BYTES: Final = 64 * 1024
MAX_GLOBAL_BYTES: Final = 64 * 1024
MAX_GLOBALS_BYTES: Final = 1024 * 1024
"""All global variables of a tenant together."""
MAX_HISTORY: Final = 10_000
MAX_STEPS: Final = 500
MAX_DEPTH: Final = 32
MAX_TRANSITIONS_PER_CAUSE: Final = 1_000
MAX_HELD: Final = 100
MAX_HELD_BYTES: Final = 512 * 1024
MAX_CAUSATION_DEPTH: Final = 10
MAX_RAISED_PER_MINUTE: Final = 100
"""How many events that steps raise may enrol one contact within a minute."""
MAX_EVENTS_READ: Final = 1_000
"""How many earlier events of one type a decision looks at, the latest."""


def larger_than(value: Any, limit_bytes: int) -> bool:
    """Whether a JSON value takes more than `limit_bytes` as compact JSON, escapes aside."""
    return size_up_to(value, limit_bytes) > limit_bytes


def size_up_to(value: Any, budget: int) -> int:
    """About how many bytes a JSON value takes; stops counting above `budget`."""
    if isinstance(value, str):
        return _text_size(value)
    if value is None or isinstance(value, int | float):
        return 8
    if isinstance(value, dict) or isinstance(value, Mapping):  # noqa: SIM101 - asking the ABC costs ten times as much
        total = 2
        for key, item in value.items():
            total += _text_size(key) + 2 + size_up_to(item, budget - total)
            if total > budget:
                return total
        return total
    if isinstance(value, list | tuple):
        total = 2
        for item in value:
            total += 1 + size_up_to(item, budget - total)
            if total > budget:
                return total
        return total
    return 8


def _text_size(text: str) -> int:
    return len(text) + 2 if text.isascii() else len(text.encode(errors="surrogatepass")) + 2
