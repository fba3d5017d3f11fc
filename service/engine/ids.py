"""Identifiers: UUIDv7 (RFC 9562), time-ordered, so that keys of new rows lie side by side in their index."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final

_LOCK: Final = threading.Lock()
_ANEW: Final = 512
"""Tails fetched at once: each call of `os.urandom` lets go of the interpreter's lock, and a lane that decides would
wait for its turn again at every id."""

_VARIANTS: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The variant's two bits, and two of the random digit."""

_noise: Callable[[int], bytes] = os.urandom
_last_ms = 0
_counter = 0
_head = ""
_tails: list[str] = []


def new_id() -> str:
    """A fresh UUIDv7, greater than every one this process made before."""
    global _last_ms, _counter, _head
    with _LOCK:
        now = time.time_ns() // 1_000_000
        if now > _last_ms:
            _last_ms, _counter, _head = now, 0, _head_of(now)
        elif _counter < 0xFFF:
            _counter += 1
        else:
            _last_ms, _counter, _head = _last_ms + 1, 0, _head_of(_last_ms + 1)
        if not _tails:
            _tails.extend(_fresh_tails())
        return f"{_head}{_counter:03x}-{_tails.pop()}"


def _head_of(milliseconds: int) -> str:
    """The time, and the version."""
    text = f"{milliseconds:012x}"
    return f"{text[:8]}-{text[8:]}-7"


def _fresh_tails() -> list[str]:
    """62 random bits, many times."""
    noise = _noise(8 * _ANEW).hex()
    words = (noise[at : at + 16] for at in range(0, len(noise), 16))
    return [f"{_VARIANTS[word[0]]}{word[1:4]}-{word[4:]}" for word in words]


os.register_at_fork(after_in_child=_tails.clear)
