"""Identifiers: UUIDv7 (RFC 9562), time-ordered, so that keys of new rows lie side by side in their index."""

from __future__ import annotations

import os
import threading
import time
from typing import Final

_LOCK: Final = threading.Lock()
_ANEW: Final = 512
"""Tails fetched at once: each call of `os.urandom` lets go of the interpreter's lock, and a lane that decides would
wait for its turn again at every id."""

_last_ms = 0
_counter = 0
_tails: list[int] = []


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
        if not _tails:
            _tails.extend(_fresh_tails())
        tail = _tails.pop()
    text = f"{milliseconds:012x}7{counter:03x}{tail:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _fresh_tails() -> list[int]:
    """The variant's two bits and 62 random ones, many times."""
    noise = os.urandom(8 * _ANEW)
    words = (int.from_bytes(noise[at : at + 8]) for at in range(0, len(noise), 8))
    return [word & 0x3FFFFFFFFFFFFFFF | 0x8000000000000000 for word in words]


os.register_at_fork(after_in_child=_tails.clear)
