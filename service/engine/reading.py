"""A query in a reader's thread that can be given up: when its caller goes away, or when it has taken too long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Generic, TypeVar

from service.storage.connections import TooMuch
from service.storage.database import Transaction

T = TypeVar("T")
_AGAIN_S: Final = 0.05
"""How soon a query is told again: it may have been between two statements."""


class Reading(Generic[T]):
    """Runs once. `give_up` may be called from any other thread, at any time."""

    def __init__(
        self, begin: Callable[[], AbstractContextManager[Transaction]], work: Callable[[Transaction], T]
    ) -> None:
        self._begin = begin
        self._work = work
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._open: Transaction | None = None
        self._begun = False
        self._unwanted = False

    def run(self) -> T:
        """Raises TooMuch when it was given up."""
        with self._lock:
            self._begun = True
        try:
            return self._read()
        finally:
            self._over.set()

    def _read(self) -> T:
        with self._begin() as transaction:
            with self._lock:
                if self._unwanted:
                    raise TooMuch("nobody waits for the answer any more")
                self._open = transaction
            try:
                return self._work(transaction)
            finally:
                with self._lock:
                    self._open = None

    def give_up(self) -> None:
        """Returns when it is over, which is soon; at once when it has not begun, and then it never does."""
        with self._lock:
            self._unwanted = True
            if not self._begun:
                return
        while not self._over.is_set():
            with self._lock:
                if self._open is not None:
                    self._open.interrupt()
            self._over.wait(_AGAIN_S)
