"""Names become addresses here, each checked by the guard before a connection goes there."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from service.connectors.addresses import AddressGuard


class GuardedResolver(AbstractResolver):
    """Resolves names for the HTTP client and lets no refused address through."""

    def __init__(self, guard: AddressGuard, resolver: AbstractResolver | None = None) -> None:
        self._guard = guard
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError for an unknown name, TaskError `address_refused`."""
        found = await self._resolver.resolve(host, port, family)
        self._guard.check(host, [result["host"] for result in found])
        return found

    async def close(self) -> None:
        await self._resolver.close()
