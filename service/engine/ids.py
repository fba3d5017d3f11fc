"""Identifiers: UUIDv7 (RFC 9562), time-ordered, so that keys of new rows lie side by side in their index."""

from __future__ import annotations

import os
import threading
import time
from typing import Final

_LOCK: Final = threading.Lock()
_last_ms = 0
_counter = 0


def new_id() -> str:
    """A fresh UUIDv7, greater than every one this process made before."""
    global _last_ms, _counter
    with _LOCK:
        now = time.time_ns() // 1_000_000
        if now > _last_ms:
            _last_ms, _counter = now, 0
        else:
            _counter += 1
            if _counter > 0xFFF:
                _last_ms, _counter = _last_ms + 1, 0
        milliseconds, counter = _last_ms, _counter
    tail = (int.from_bytes(os.urandom(8)) & 0x3FFFFFFFFFFFFFFF) | 0x8000000000000000
    text = f"{milliseconds:012x}7{counter:03x}{tail:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
