"""The demo's server: a real one, in a process of its own, on a SQLite file in a temporary folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from statewright import Client

_START_S: Final = 30.0
_STOP_S: Final = 20.0


class DemoServer:
    """A context: the server runs inside it, and nothing of it is left afterwards.

    Raises Complaint, with the end of the server's log, when it does not start.
    """

    def __init__(self, clock_rate: float) -> None:
        self._clock_rate = clock_rate
        self._folder = tempfile.TemporaryDirectory(prefix="statewright-demo-")
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"127.0.0.1:{_free_port()}"
        self.client: Client

    def __enter__(self) -> Self:
        from statewright import connect

        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder.name,
                env={key: value for key, value in os.environ.items() if not key.startswith("STATEWRIGHT_")},
                # Ctrl-C is for the demo, which then stops the server in good order
                start_new_session=True,
            )
        self.client = connect(self.address)
        try:
            self._wait_until_serving()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def _log(self) -> Path:
        return Path(self._folder.name, "server.log")

    def _command(self) -> list[str]:
        settings = ["--listen", self.address, "--http-listen", "off", "--database-url", "sqlite:///demo.db"]
        scaled = ["--dev", "--clock-rate", f"{self._clock_rate:g}", "--log-format", "text"]
        return [sys.executable, "-m", "service.cli.main", "serve", *settings, *scaled]

    def _wait_until_serving(self) -> None:
        import grpc
        from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
        from grpc_health.v1.health_pb2_grpc import HealthStub

        health: Any = HealthStub(self.client.channel)
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                answer = health.Check(HealthCheckRequest(), timeout=1.0, wait_for_ready=True)
            except grpc.RpcError:
                continue
            if answer.status == HealthCheckResponse.SERVING:
                return
            time.sleep(0.02)
        raise self._complaint()

    def _complaint(self) -> Exception:
        from service.cli.errors import Unreachable

        log = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        return Unreachable("the demo's server did not start; its log ends:\n  " + "\n  ".join(log))

    def _stop(self) -> None:
        if hasattr(self, "client"):
            self.client.close()
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._folder.cleanup()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
