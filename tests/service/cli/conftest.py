"""A command line that speaks to a fake server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli.main import cli
from service.cli.session import Session
from tests.service.cli.fake_server import FakeServer


@pytest.fixture
def server() -> Iterator[FakeServer]:
    fake = FakeServer()
    yield fake
    fake.stop()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ADDRESS", "JSON", "CONFIG", "TIMEOUT"):
        monkeypatch.delenv(f"STATEWRIGHT_{name}", raising=False)


Run = Callable[..., Result]


@pytest.fixture
def run_alone() -> Run:
    """Runs a command line without a server."""

    def run(*args: str, **more: Any) -> Result:
        from service.cli.output import console

        console.cache_clear()
        result = CliRunner().invoke(cli, list(args), obj=Session(), **more)
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def run(server: FakeServer, run_alone: Run) -> Run:
    """Runs a command line that speaks to the fake server."""

    def speak(*args: str, **more: Any) -> Result:
        return run_alone("--address", server.address, *args, **more)

    return speak


def parsed(result: Result) -> Any:
    """The JSON document on standard output of a run that succeeded."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)
