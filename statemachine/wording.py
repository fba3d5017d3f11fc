"""Instants, spans and values as sentences say them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_LONGEST: Final = 60


def instant(at: datetime) -> str:
    """A time in a sentence: `2026-01-31 09:00:00 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def span(length: timedelta) -> str:
    """A span as a definition would write it: `3d 2h`, `90s` is `1m 30s`."""
    rest = length // timedelta(milliseconds=1)
    parts = []
    for name, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{name}")
    return " ".join(parts) or "0s"


def shown(value: Any) -> str:
    """A single value in a sentence, as JSON, cut where it is long."""
    text = json.dumps(value[: _LONGEST + 1] if isinstance(value, str) else value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
