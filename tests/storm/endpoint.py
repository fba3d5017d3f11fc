"""The other side of http_request steps: counts the calls by idempotency key, and fails some of them for a while."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from zlib import crc32

from tests.storm.book import Book


class Endpoint:
    """`/call` answers every fifth key with 503 at first; `/once` always succeeds, a little slowly."""

    def __init__(self, book: Book) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(book, threading.Lock()))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(book: Book, lock: threading.Lock) -> type[BaseHTTPRequestHandler]:
    slowly = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key = self.headers["Idempotency-Key"]
            with lock:
                book.calls[self.path, key] += 1
                book.called_by[key] = body["run"]
                times = book.calls[self.path, key]
            if self.path == "/once":
                slowly.wait(0.1)
            self._answer(503 if self.path == "/call" and crc32(key.encode()) % 5 == 0 and times <= 2 else 200)

        def _answer(self, status: int) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
            return

    return Handler
