"""The http_request connector: one HTTP call per attempt, on the queue `http`, as `http_client.py` makes it.

The client is loaded and opened with the first call: it is a tenth of a server's start, and many a server calls nobody.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from service.connectors.addresses import AddressGuard
from service.connectors.connector import Finished
from service.storage.tasks import LeasedTask

if TYPE_CHECKING:
    from service.connectors.http_client import HttpClient

QUEUE: Final = "http"
TYPES: Final = ("http_request",)


class HttpRequest:
    """Makes the calls, over one client. Use it as a context: its end closes the connections."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._client: HttpClient | None = None

    async def __aenter__(self) -> HttpRequest:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    def destination(self, task: LeasedTask) -> str:
        try:
            return urlsplit(str(task.input.get("url", ""))).hostname or ""
        except ValueError:
            return ""

    async def execute(self, task: LeasedTask) -> Finished:
        """Raises TaskError as `http_client.py` says."""
        if self._client is None:
            await self._open()
        assert self._client is not None
        return await self._client.execute(task)

    async def _open(self) -> None:
        """Loads in a thread, so that the loop goes on meanwhile; of several first calls one makes the client."""
        client = await asyncio.to_thread(_client_class)
        if self._client is None:
            self._client = client(self._guard)


def _client_class() -> type[HttpClient]:
    from service.connectors.http_client import HttpClient

    return HttpClient
