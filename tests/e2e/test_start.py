"""What a start loads: a library that is rarely needed is loaded when it is needed, and not before."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import FreshDatabase
from tests.databases import migrated
from tests.e2e.servers import PROGRAM, Server

RARE = {"aiohttp", "alembic", "babel", "holidays", "liquid", "mako", "pygments", "rich"}
SERVERS_OWN = {"alembic", "psycopg", "pydantic", "service.app", "service.engine", "service.storage", "sqlalchemy"}
LOADED = re.compile(r"^import time:.*\| +(\S+)$", re.MULTILINE)


def loaded(output: str) -> set[str]:
    """The modules that Python says it imported, under PYTHONPROFILEIMPORTTIME."""
    return set(LOADED.findall(output))


def command(*arguments: str) -> set[str]:
    """The modules that a command loads; it must succeed."""
    environment = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, LOADED.sub("", done.stderr)
    return loaded(done.stderr)


@pytest.fixture
def server(fresh_database: FreshDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    with Server(fresh_database("sqlite", migrated), tmp_path, dev=True) as started:
        yield started


def test_help_loads_no_server_and_no_client() -> None:
    modules = command("--help")
    assert "service.cli.main" in modules
    assert not modules & (RARE | SERVERS_OWN | {"grpc", "statemachine"})


def test_a_supervisor_loads_nothing_of_the_servers_that_it_looks_after() -> None:
    settings = ["serve", "--workers", "2", "--database-url", "postgresql://nobody@127.0.0.1/none"]
    looks_after = "import service.supervisor as it; it.supervise = lambda settings, work: 0"
    code = f"{looks_after}; from service.cli.main import cli; cli({settings})"
    environment = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, LOADED.sub("", done.stderr)
    modules = loaded(done.stderr)
    assert "service.launch" in modules
    assert not modules & ((RARE | SERVERS_OWN | {"grpc", "uvloop", "starlette"}) - {"pydantic"})


def test_a_start_loads_nothing_that_is_rarely_needed_and_a_command_nothing_of_the_server(server: Server) -> None:
    modules = loaded(server.output)
    assert "service.app" in modules
    assert not modules & RARE
    for arguments in (["trigger", "joined", "--contact", "ann"], ["--json", "list"], ["count"], ["doctor"]):
        modules = command("--address", server.address, *arguments)
        assert "grpc" in modules
        assert not modules & ((RARE | SERVERS_OWN) - {"rich"})
