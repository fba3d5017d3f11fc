"""Links from the load of a storm to its servers: each call goes to any of them, and is counted while it lasts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from statewright.client import Client, connect

from tests.storm.book import Book

_QUICK: Final = (("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200))


class Links:
    """One connection to each server. Safe to use from several threads."""

    def __init__(self, addresses: Sequence[str], book: Book) -> None:
        self._book = book
        self._clients = [(address, connect(address, options=_QUICK)) for address in addresses]

    @contextmanager
    def one(self, chance: random.Random) -> Iterator[Client]:
        """Any of them, for one call."""
        address, client = chance.choice(self._clients)
        with self._book.calling(address):
            yield client

    def close(self) -> None:
        for _, client in self._clients:
            client.close()
