"""A database whose process dies at some transaction, before its commit or right after it, and then is silent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.storage.database import Database, Transaction
from service.storage.session import Session
from statemachine.errors import Unavailable


class Connections:
    """Connections of one store that outlive the processes of a play: opening one costs more than most plays do with it.
    Of a process that died the store sees what it would see anyway: its transaction is rolled back."""

    def __init__(self) -> None:
        self._spare: list[Session] = []
        self._lock = threading.Lock()

    def take(self) -> Session | None:
        with self._lock:
            return self._spare.pop() if self._spare else None

    def give(self, session: Session) -> None:
        if not session.broken:
            with self._lock:
                self._spare.append(session)

    def close(self) -> None:
        for session in self._spare:
            session.close()
        self._spare.clear()


class FaultyDatabase(Database):
    """`fuse`: at which write transaction it dies (None: never); `committed` says on which side of the commit.

    To the engine on it the process has died: nothing that follows the commit happens, and callers are left without an
    answer. To the store it is a connection that went away. `commits` counts its write transactions.
    """

    def __init__(
        self, url: str, connections: Connections | None = None, *, fuse: int | None = None, committed: bool = False
    ) -> None:
        super().__init__(url)
        self.dead = False
        self.committed = committed
        self.commits = 0
        self._connections = connections
        self._fuse = fuse
        self._guard = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self._check()
        with super().transaction() as transaction:
            yield transaction
            last = self._burn()
            if last and not self.committed:
                raise Unavailable("the process died before its commit")
        self.commits += 1
        if last:
            raise Unavailable("the process died after its commit")

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        self._check()
        with super().reading() as transaction:
            yield transaction

    def close(self) -> None:
        if self._connections is not None:
            with self._lock:
                for session in self._sessions:
                    self._connections.give(session)
                self._sessions.clear()
        super().close()

    def _session(self) -> Session:
        if self._connections is not None and getattr(self._local, "session", None) is None:
            session = self._connections.take()
            if session is not None:
                self._local.session, self._local.outages = session, self._outages
                with self._lock:
                    self._sessions.append(session)
        return super()._session()

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
