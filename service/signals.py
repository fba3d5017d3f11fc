"""How a server process is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process


@contextmanager
def stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`; a second one ends the process at once. A worker whose supervisor dies stops too.

    A worker may hear the signal to its process group and then its supervisor's: there a second one means nothing.
    """
    loop = asyncio.get_running_loop()
    supervisor = parent_process()

    def obey(number: int) -> None:
        if stop.is_set() and supervisor is None:
            os._exit(128 + number)
        stop.set()

    def orphaned() -> None:
        loop.remove_reader(sentinel)
        stop.set()

    numbers = (signal.SIGTERM,) if supervisor else (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, obey, number)
    if supervisor is not None:
        sentinel = supervisor.sentinel
        loop.add_reader(sentinel, orphaned)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
        if supervisor is not None:
            loop.remove_reader(supervisor.sentinel)
