"""A database whose process dies at some transaction, before its commit or right after it, and then is silent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.storage.database import Database, Transaction
from statemachine.errors import Unavailable


class FaultyDatabase(Database):
    """`fuse`: at which write transaction it dies (None: never); `committed` says on which side of the commit.

    To the engine on it the process has died: nothing that follows the commit happens, and callers are left without an
    answer. To the store it is a connection that went away.
    """

    def __init__(self, url: str, *, fuse: int | None = None, committed: bool = False) -> None:
        super().__init__(url)
        self.dead = False
        self._fuse = fuse
        self._committed = committed
        self._guard = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self._check()
        with super().transaction() as transaction:
            yield transaction
            last = self._burn()
            if last and not self._committed:
                raise Unavailable("the process died before its commit")
        if last:
            raise Unavailable("the process died after its commit")

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        self._check()
        with super().reading() as transaction:
            yield transaction

    def _burn(self) -> bool:
        """Whether this transaction is the last one."""
        with self._guard:
            if self._fuse is None or self.dead:
                return self.dead
            self._fuse -= 1
            self.dead = self._fuse <= 0
            return self.dead

    def _check(self) -> None:
        if self.dead:
            raise Unavailable("the process is dead")
