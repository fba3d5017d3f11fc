"""The HTTP side door: alive, ready, and the figures."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.http.server import HttpServer, build_http, open_listener


async def figures() -> bytes:
    return b"statewright_live_enrollments 3.0\n"


@asynccontextmanager
async def serving(reason: str | None = None) -> AsyncIterator[socket.socket]:
    async def readiness() -> str | None:
        return reason

    listener = open_listener("127.0.0.1", 0)
    server = HttpServer(build_http(readiness, figures, "text/plain"), listener)
    await server.start()
    try:
        yield listener
    finally:
        await server.stop()


def fetch(address: tuple[str, int], path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address[0]}:{address[1]}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


async def test_a_running_process_is_alive_though_it_does_not_serve() -> None:
    async with serving("draining") as listener:
        status, _ = await to_thread(fetch, listener.getsockname(), "/healthz")
    assert status == 200


async def test_a_serving_server_is_ready() -> None:
    async with serving() as listener:
        status, _ = await to_thread(fetch, listener.getsockname(), "/readyz")
    assert status == 200


async def test_a_server_that_does_not_serve_says_why() -> None:
    async with serving("draining") as listener:
        status, body = await to_thread(fetch, listener.getsockname(), "/readyz")
    assert (status, json.loads(body)) == (503, {"status": "not_serving", "reason": "draining"})


async def test_the_figures_are_served_as_they_are() -> None:
    async with serving() as listener:
        answer = await to_thread(fetch, listener.getsockname(), "/metrics")
    assert answer == (200, "statewright_live_enrollments 3.0\n")
