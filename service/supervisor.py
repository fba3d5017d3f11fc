"""Several server processes behind one port (`--workers N`).

Each worker is a whole replica with its own lanes; the kernel spreads connections over them by SO_REUSEPORT, PostgreSQL
coordinates them. The supervisor holds the port, starts a worker again when it dies, and passes the order to stop on. A
worker whose supervisor dies drains and ends.

Workers are spawned, not forked: gRPC and database connections do not survive a fork.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from typing import Any, Final

from service.settings import Address, Settings, SettingsError

REFUSED: Final = 78
"""The exit code of a worker that could not start (EX_CONFIG): before any worker ever served, that ends the server."""

_FIRST_DELAY_S: Final = 0.1
_LONGEST_DELAY_S: Final = 5.0
_SETTLED_S: Final = 10.0
_GRACE_S: Final = 5.0

_SPAWN: Final = multiprocessing.get_context("spawn")

_log = logging.getLogger(__name__)

Work = Callable[[Settings, Event], None]
"""The life of a worker: it sets the event once it serves, and ends its process by SystemExit."""


def supervise(settings: Settings, work: Work) -> int:
    """Run `work`, a module's function, in `settings.workers` processes until told to stop; answers the exit code.

    Raises SettingsError when the port is taken.
    """
    with _reserved(settings.listen), _Signals() as signals:
        return _Crew(settings, work, signals).run()


@dataclass(slots=True)
class _Worker:
    """A place in the crew. `deaths` counts the quick ones in a row, `start_at` is monotonic."""

    index: int
    process: SpawnProcess | None = None
    start_at: float = 0.0
    started_at: float = 0.0
    deaths: int = 0


@dataclass(slots=True)
class _Crew:
    settings: Settings
    work: Work
    signals: _Signals
    workers: list[_Worker] = field(default_factory=list)
    served: Event = field(default_factory=lambda: _SPAWN.Event())
    stopping: bool = False
    deadline: float = float("inf")
    code: int = 0

    def run(self) -> int:
        self.workers = [_Worker(index) for index in range(self.settings.workers)]
        while not self.stopping or self._alive():
            self._start_due()
            self._pause()
            self._obey()
            for worker in self._alive():
                self._look_after(worker)
        return self.code

    def _alive(self) -> list[_Worker]:
        return [worker for worker in self.workers if worker.process is not None]

    def _start_due(self) -> None:
        for worker in self.workers:
            if not self.stopping and worker.process is None and worker.start_at <= time.monotonic():
                self._start(worker)

    def _start(self, worker: _Worker) -> None:
        arguments = (self.settings.for_worker(worker.index), self.served)
        worker.process = _SPAWN.Process(target=self.work, args=arguments, name=f"worker-{worker.index}")
        worker.process.start()
        worker.started_at = time.monotonic()
        _log.info("worker started", extra={"worker": worker.index, "pid": worker.process.pid})

    def _pause(self) -> None:
        """Sleep until a worker ends, a signal comes, or a worker or the deadline is due."""
        starts = [worker.start_at for worker in self.workers if worker.process is None and not self.stopping]
        until = min([self.deadline, *starts])
        sentinels = [worker.process.sentinel for worker in self._alive() if worker.process]
        wait([self.signals.wake, *sentinels], None if until == float("inf") else max(0.0, until - time.monotonic()))

    def _obey(self) -> None:
        received = self.signals.take()
        if received and not self.stopping:
            self._stop(0)
        if received > 1 or time.monotonic() > self.deadline:
            self.code = 1
            for worker in self._alive():
                if worker.process:
                    worker.process.kill()

    def _stop(self, code: int) -> None:
        self.stopping, self.code = True, code
        self.deadline = time.monotonic() + self.settings.drain_timeout_s + _GRACE_S
        for worker in self._alive():
            if worker.process:
                worker.process.terminate()

    def _look_after(self, worker: _Worker) -> None:
        process = worker.process
        if process is None or process.exitcode is None:
            return
        process.join()
        worker.process = None
        if self.stopping:
            return
        if process.exitcode == REFUSED and not self.served.is_set():
            self._stop(1)
            return
        self._schedule(worker, process.exitcode)

    def _schedule(self, worker: _Worker, exitcode: int) -> None:
        """The first restart is prompt; a worker that keeps dying young is given more time between its lives."""
        now = time.monotonic()
        worker.deaths = 0 if now - worker.started_at > _SETTLED_S else worker.deaths + 1
        delay_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** max(0, worker.deaths - 1))
        worker.start_at = now + delay_s
        _log.error("worker died", extra={"worker": worker.index, "exit_code": exitcode, "restart_in_s": delay_s})


class _Signals:
    """Counts SIGTERM and SIGINT; `wake` becomes readable when one came."""

    def __init__(self) -> None:
        self._received = 0
        self.wake, self._writer = socket.socketpair()

    def take(self) -> int:
        """How many signals came so far."""
        with suppress(BlockingIOError):
            self.wake.recv(4096)
        return self._received

    def __enter__(self) -> _Signals:
        self.wake.setblocking(False)
        self._writer.setblocking(False)
        self._before: dict[int, Any] = {
            number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)
        }
        signal.set_wakeup_fd(self._writer.fileno())
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.wake.close()
        self._writer.close()

    def _note(self, _number: int, _frame: object) -> None:
        self._received += 1


@contextmanager
def _reserved(address: Address) -> Iterator[None]:
    """Holds the port without listening, so that no other server takes it between two lives of a worker.

    A plain bind comes first: with SO_REUSEPORT alone two servers would share the port unnoticed.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address.host, address.port))
        holder = socket.socket(family)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((address.host, address.port))
    except OSError as error:
        raise SettingsError(f"cannot listen on {address}: {os.strerror(error.errno or 0)}") from error
    with holder:
        yield
