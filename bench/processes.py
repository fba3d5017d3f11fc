"""The processes of a run: the database, the server, the load and an empty echo server; and what they cost.

The load is a process of its own that is told what to do by lines of JSON, so that its work is not counted as the
server's and it is ready to start when the clock does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import psutil

from service.storage.database import Database, Row
from tests.databases import (
    PostgresCluster,
    PostgresServer,
    driver_dsn,
    free_port,
    postgres_installation,
    running_postgres,
)
from tests.e2e.servers import Server

ROOT: Final = Path(__file__).parents[1]
MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where both sides of a comparison keep their rows: two databases of one PostgreSQL, or two SQLite files."""

    kind: str
    folder: Path
    url: str
    floor: str
    database_pid: int | None

    def store(self) -> Store:
        return Store(self)


@contextmanager
def place(kind: str) -> Iterator[Place]:
    """Empty databases of this kind that survive power loss, gone afterwards. PostgreSQL must be installed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="statewright-bench-")))
        if kind == "sqlite":
            yield Place(kind, folder, f"sqlite:///{folder / 'ours.sqlite'}", str(folder / "floor.sqlite"), None)
            return
        cluster = stack.enter_context(running_postgres(durable=True))
        server = PostgresServer(driver_dsn(cluster.url()))
        ours, floor = driver_dsn(server.create_database()), driver_dsn(server.create_database())
        yield Place(kind, folder, ours, floor, _postmaster(cluster))


def has_postgresql() -> bool:
    return postgres_installation() is not None


def _postmaster(cluster: PostgresCluster) -> int:
    return int((cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])


class Store:
    """The database of the server, looked at from outside."""

    def __init__(self, place: Place) -> None:
        self.kind = place.kind
        self._database = Database(place.url)

    def rows(self, sql: str, **parameters: Any) -> Sequence[Row]:
        with self._database.reading() as transaction:
            return transaction.rows(sql, **parameters)

    def number(self, sql: str, **parameters: Any) -> int:
        """The one number that a query answers."""
        return int(self.rows(sql, **parameters)[0][0])

    def execute(self, sql: str) -> None:
        with self._database.plain_connection() as connection:
            connection.exec_driver_sql(sql)
            connection.commit()

    def tidy(self) -> None:
        """Count anew and, on PostgreSQL, do what autovacuum would begin to do in a minute."""
        with self._database.plain_connection() as connection:
            if self.kind == "postgresql":
                connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("vacuum analyze")
            else:
                connection.exec_driver_sql("analyze")
                connection.commit()

    def completed(self, workflow: str) -> int:
        return self.number(
            "select count(*) from enrollments where workflow = :workflow and status = 'completed'", workflow=workflow
        )

    def written(self) -> int | None:
        """How far the write-ahead log has come, in bytes; SQLite's starts over, so it cannot tell."""
        if self.kind == "sqlite":
            return None
        return self.number("select pg_current_wal_lsn() - '0/0'::pg_lsn")

    def close(self) -> None:
        self._database.close()


class Meter:
    """CPU seconds of whole process trees, with what ended children used."""

    def __init__(self, *pids: int | None) -> None:
        self._roots = [psutil.Process(pid) for pid in pids if pid is not None]

    def cpu_s(self) -> float:
        return sum(_cpu_s(process) for root in self._roots for process in (root, *root.children(recursive=True)))


def _cpu_s(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:4]))
    except psutil.NoSuchProcess:
        return 0.0


def rss_mib(pid: int) -> float:
    """Resident memory of a process and its children."""
    root = psutil.Process(pid)
    return float(sum(process.memory_info().rss for process in (root, *root.children(recursive=True))) / MIB)


class Talker:
    """A Python module in a process of its own; it is asked by a line of JSON and answers by one."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            bufsize=1,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, what: str, **details: Any) -> Any:
        """Raises RuntimeError with what the other side says is wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, **details}) + "\n")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the load ended with {self._process.wait()} during {what!r}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{what} failed: {answer['error']}")
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def served(place: Place, through: str) -> Iterator[tuple[Talker, int]]:
    """The load, connected to a server on this place's database; and the process id of the server.

    `through` engine has no server: the load runs the engine itself, which tells what the network costs.
    """
    if through == "engine":
        with Talker("bench.load", "--database", place.url) as load:
            yield load, load.pid
        return
    with Server(place.url, place.folder, unsafe=False) as server:
        with Talker("bench.load", "--address", server.address, "--metrics", str(server.http_port)) as load:
            yield load, server.pid
        server.stop()


@contextmanager
def echo() -> Iterator[tuple[str, int]]:
    """A server whose unary Trigger does nothing: its address and process id."""
    port = free_port()
    with Talker("bench.echo", str(port)) as server:
        server.ask("ready")
        yield f"127.0.0.1:{port}", server.pid
