"""The other side of http_request steps: counts the calls by idempotency key, and fails some of them for a while."""

from __future__ import annotations

import threading
from typing import Any
from zlib import crc32

from tests.site import Site
from tests.storm.book import Book


class Endpoint(Site):
    """`/call` answers every fifth key with 503 at first; `/once` always succeeds, a little slowly."""

    def __init__(self, book: Book) -> None:
        super().__init__(self._note)
        self._book = book
        self._lock = threading.Lock()
        self._slowly = threading.Event()

    def _note(self, path: str, key: str, body: Any) -> int:
        with self._lock:
            self._book.calls[path, key] += 1
            self._book.called_by[key] = body["run"]
            times = self._book.calls[path, key]
        if path == "/once":
            self._slowly.wait(0.1)
        return 503 if path == "/call" and crc32(key.encode()) % 5 == 0 and times <= 2 else 200
