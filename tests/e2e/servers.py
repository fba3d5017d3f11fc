"""Real servers for tests: `statewright serve` in a process of its own, on a free port, to be killed and started again.

    with Server(database_url, folder) as server, server.client() as client:
        client.enrollments.Trigger(...)
        server.kill()
        server.start()

What a server wrote to its output is kept over its restarts and shown when it does not start.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final, Self

import grpc
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc
from statewright.client import Client, connect

from tests.databases import driver_dsn, free_port

START_S: Final = 60.0
STOP_S: Final = 30.0
PROGRAM: Final = Path(sys.executable).with_name("statewright")

_QUICK_RECONNECT: Final = (("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200))


class Server:
    """One `statewright serve` on `database_url`. `settings` by name: `dev=True, clock_rate=60, workers=2`.

    `program` is the `statewright` of another version. It migrates its database, takes a PostgreSQL without fsync, and
    keeps its ports over restarts. Its processes share a process group, so that `kill` leaves none behind.
    """

    def __init__(
        self,
        database_url: str,
        folder: Path,
        *,
        port: int | None = None,
        program: Path = PROGRAM,
        **settings: Any,
    ) -> None:
        self.database_url = database_url
        self.port = port or free_port()
        self.http_port = free_port()
        self.folder = folder
        self.program = program
        self.log = folder / f"server-{self.port}.log"
        self.settings = {"auto_migrate": True, "unsafe": True, **settings}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """HOST:PORT of the gRPC API."""
        return f"127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """What all its lives wrote to standard output and standard error."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def pid(self) -> int:
        """The process that was started: the server, or the supervisor of its workers."""
        assert self.process is not None, "the server is not running"
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, *, wait: bool = True) -> Self:
        """Start it; returns when its health is SERVING, or at once with `wait=False`."""
        assert not self.running, "the server is running already"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=self._environment(),
                start_new_session=True,
            )
        if wait:
            self.await_serving()
        return self

    def await_serving(self, timeout_s: float = START_S) -> None:
        """Returns when its health is SERVING. Raises AssertionError with its output when it ends or takes too long."""
        deadline = time.monotonic() + timeout_s
        while not self._serves_within(0.5):
            assert self.running, f"the server ended with {self.process and self.process.returncode}:\n{self.output}"
            assert time.monotonic() < deadline, f"the server does not serve after {timeout_s} s:\n{self.output}"

    def health(self) -> str:
        """SERVING, NOT_SERVING or UNREACHABLE."""
        with grpc.insecure_channel(self.address, options=_QUICK_RECONNECT) as channel:
            try:
                answer = _health(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
            except grpc.RpcError:
                return "UNREACHABLE"
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    def client(self) -> Client:
        """A new connection; close it, or use it as a context."""
        return connect(self.address)

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of its HTTP side door: `/metrics`, `/healthz`, `/readyz`."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def workers(self) -> list[psutil.Process]:
        """The worker processes of `workers=N`, by start time."""
        children = psutil.Process(self.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]

    def kill(self) -> None:
        """`kill -9` of all its processes; returns when they are gone."""
        if self.process is not None:
            _signal_group(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=STOP_S)

    def terminate(self) -> None:
        """SIGTERM to the process that was started."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self, timeout_s: float = STOP_S) -> int:
        """Its exit code, once it ends by itself."""
        assert self.process is not None, "the server is not running"
        return self.process.wait(timeout=timeout_s)

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.terminate()
        return self.wait()

    def restart(self) -> None:
        """`kill -9` and a new life on the same ports and database."""
        self.kill()
        self.start()

    def __enter__(self) -> Self:
        return self if self.running else self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STATEWRIGHT_")}
        own = {
            "listen": self.address,
            "http_listen": f"127.0.0.1:{self.http_port}",
            "database_url": driver_dsn(self.database_url),
            "log_format": "json",
        }
        given = {
            name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in self.settings.items()
        }
        return kept | {f"STATEWRIGHT_{name.upper()}": value for name, value in (own | given).items()}

    def _serves_within(self, timeout_s: float) -> bool:
        with grpc.insecure_channel(self.address, options=_QUICK_RECONNECT) as channel:
            watch = _health(channel).Watch(health_pb2.HealthCheckRequest(), timeout=timeout_s, wait_for_ready=True)
            try:
                return any(answer.status == health_pb2.HealthCheckResponse.SERVING for answer in watch)
            except grpc.RpcError:
                return False


def _health(channel: grpc.Channel) -> Any:
    return health_pb2_grpc.HealthStub(channel)


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
