"""The HTTP side door: is it alive, is it ready, what are its figures.

| path | answers |
|---|---|
| `/healthz` | 200 while the process runs |
| `/readyz` | 200 while it serves and its database answers, else 503 with the reason |
| `/metrics` | Prometheus, text format |
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Readiness = Callable[[], Awaitable[str | None]]
"""Answers why the server is not ready, or None when it is."""

Exposition = Callable[[], Awaitable[bytes]]


def build_http(readiness: Readiness, metrics: Exposition, content_type: str) -> Starlette:
    """The ASGI app; it knows its answers only by the two callables."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_request: Request) -> Response:
        reason = await readiness()
        if reason is None:
            return JSONResponse({"status": "serving"})
        return JSONResponse({"status": "not_serving", "reason": reason}, status_code=503)

    async def figures(_request: Request) -> Response:
        return Response(await metrics(), media_type=content_type)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", figures)])


class HttpServer:
    """The app on a socket. Signals are the business of the process, not of its HTTP server."""

    def __init__(self, app: Starlette, listener: socket.socket) -> None:
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        self._server = _Unsignalled(config)
        self._listener = listener
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns at once; the socket listens already, so no request is refused meanwhile."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]), name="http")

    async def stop(self) -> None:
        """Finishes the requests under way, at most a second long."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


class _Unsignalled(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def open_listener(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Raises OSError when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)
