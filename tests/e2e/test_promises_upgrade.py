"""P12 with real servers: a version runs beside the next one, on the schema of the next one, and starts there again.

The version before this one is the code before the newest migration, taken from the history of this repository. The
version after this one does not exist yet; its migration does here what migrations may do, while this version serves.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from service.storage.database import Database
from service.storage.schema import head_revision
from tests.conftest import FreshDatabase
from tests.e2e.caller import Caller, audit, eventually, rows, started
from tests.e2e.conftest import Serve
from tests.e2e.servers import Server
from tests.faults import tell

REPOSITORY = Path(__file__).parents[2]
MIGRATIONS = "service/storage/migrations/versions"

JOURNEY = """
key: journey
name: Journey
triggers: [{type: joined}]
steps:
  - {id: listen, type: wait, config: {on: [{event: heard}], timeout: 30d}}
  - {id: work, type: task, config: {queue: work}}
  - {id: rest, type: wait, config: {for: 300ms}}
  - {id: tag, type: add_tag, config: {tag: served}}
"""

EXPANSION = """
create table next_things (tenant_id text not null, id text not null, primary key (tenant_id, id));
alter table enrollments add column next_note text;
alter table enrollments add column next_count int not null default 0;
alter table contacts add column next_note text;
alter table tasks add column next_count int not null default 0;
alter table history add column next_note text;
alter table events add column next_count int not null default 0;
alter table workflows add column next_note text;
create index ix_next_tasks on tasks (tenant_id, created_at);
update alembic_version set version_num = '9999'
"""
"""What a migration may do: it only adds, and what it adds is null or has a default."""

Tell = Callable[[str, object], None]


class Newcomers:
    """Contacts that join one after the other in a thread of their own; `runs` has what each was told."""

    def __init__(self, server: Server) -> None:
        self.runs: dict[str, str] = {}
        self.refused: list[grpc.StatusCode] = []
        self._server = server
        self._enough = threading.Event()

    @contextmanager
    def joining(self) -> Iterator[None]:
        """For the length of the block, five before it and five more after it."""
        thread = threading.Thread(target=self._join, daemon=True)
        thread.start()
        try:
            self._five_more()
            yield
            self._five_more()
        finally:
            self._enough.set()
            thread.join()

    def _five_more(self) -> None:
        wanted = len(self.runs) + 5
        eventually(lambda: len(self.runs) >= wanted)

    def _join(self) -> None:
        with self._server.client() as client:
            while not self._enough.wait(0.1):
                name = f"newcomer-{len(self.runs)}"
                try:
                    self.runs[name] = started(Caller(client).trigger("joined", name, id=name))
                except grpc.RpcError as error:
                    self.refused.append(error.code())


@pytest.fixture(scope="module")
def version_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program `statewright` as it was before the newest migration."""
    newest = next((REPOSITORY / MIGRATIONS).glob(f"{head_revision()}_*.py")).name
    added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", f"{MIGRATIONS}/{newest}").decode().strip()
    if not added:
        pytest.skip("the history of this repository is not here, nor the version before this one")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(_git("archive", f"{added}^", "service", "statemachine", "clients"))) as tree:
        tree.extractall(folder, filter="data")
    program = folder / "statewright"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path[:0] = [{str(folder)!r}, {str(folder / 'clients/python/src')!r}]\n"
        "from service.cli.main import main\nmain()\n"
    )
    program.chmod(0o755)
    return program


def _git(*arguments: str) -> bytes:
    """What git answers; nothing where there is no history."""
    try:
        return subprocess.run(["git", *arguments], cwd=REPOSITORY, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""


def schema_of(url: str) -> str:
    return str(rows(url, "select version_num from alembic_version")[0][0])


def expand(url: str) -> None:
    """What the next version's migration does, statement by statement."""
    database = Database(url)
    try:
        for statement in EXPANSION.split(";"):
            database.run(lambda transaction, sql=statement: transaction.write(sql))  # type: ignore[misc]
    finally:
        database.close()


def travel(one: Server, other: Server, runs: dict[str, str]) -> None:
    """Lead all runs, there are no others, to their end: events through both, results through the one that did not
    lease the task."""
    with one.client() as first, other.client() as second:
        near, far = Caller(first), Caller(second)
        for number, contact in enumerate(runs):
            (near, far)[number % 2].trigger("heard", contact, id=f"heard-{contact}")
        done: set[str] = set()
        while len(done) < len(runs):
            for task in near.poll():
                assert far.complete(task).applied
                done.add(task.id)
            near, far = far, near
    eventually(lambda: not rows(one.database_url, "select 1 from enrollments where status <> 'completed'"))


def begin(server: Server, prefix: str, count: int = 12) -> dict[str, str]:
    with server.client() as client:
        return {f"{prefix}{n}": Caller(client).start("joined", f"{prefix}{n}", id=f"{prefix}{n}") for n in range(count)}


def test_p12_the_version_before_and_this_one_share_a_database(
    serve: Serve, fresh_database: FreshDatabase, version_before: Path, record_property: Tell
) -> None:
    """The new one migrates while the old one serves; both serve on; the old one is killed and comes back."""
    url = fresh_database("postgresql")
    old = serve(url, program=version_before)
    schema = schema_of(url)
    assert schema < head_revision()
    with old.client() as client:
        Caller(client).publish(JOURNEY)
    runs, newcomers = begin(old, "old"), Newcomers(old)
    with newcomers.joining():
        new = serve(url)
        assert schema_of(url) == head_revision()
        runs |= begin(new, "new")
    assert newcomers.refused == []
    travel(old, new, runs | newcomers.runs)
    old.kill()
    old.settings["auto_migrate"] = False
    old.start()
    travel(new, old, begin(old, "back") | begin(new, "last"))
    audit(url)
    tell(record_property, f"P12: schema {schema} to {head_revision()}, {len(newcomers.runs)} events meanwhile")


def test_p12_this_version_serves_on_while_the_next_one_migrates_and_starts_again_on_its_schema(
    serve: Serve, database_url: str, record_property: Tell
) -> None:
    server = serve(database_url)
    with server.client() as client:
        Caller(client).publish(JOURNEY)
    runs, newcomers = begin(server, "before"), Newcomers(server)
    with newcomers.joining():
        expand(database_url)
    assert newcomers.refused == []
    server.restart()
    assert schema_of(database_url) == "9999"
    travel(server, server, runs | newcomers.runs | begin(server, "after"))
    server.settings["auto_migrate"] = False
    server.restart()
    travel(server, server, begin(server, "again"))
    audit(database_url)
    kind = database_url.partition(":")[0]
    tell(record_property, f"P12 {kind}: {len(newcomers.runs)} events while the schema grew, none refused")
