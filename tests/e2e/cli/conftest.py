"""The command line in this process, against a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from service.cli.main import cli as program
from service.cli.session import Session
from tests.e2e.servers import Server

Cli = Callable[..., Result]
"""Runs `statewright …`; `stdout`, `stderr` and `exit_code` are what came of it."""

REPOSITORY: Final = Path(__file__).parents[3]
EXAMPLES: Final = REPOSITORY / "examples"
WELCOME: Final = str(EXAMPLES / "welcome.yaml")
LEAD: Final = (
    "--contact-field", "source=facebook_ad", "--contact-field", "first_name=Ann", "--contact-field", "phone=+491",
)  # fmt: skip


@pytest.fixture
def cli(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """In a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in ("ADDRESS", "JSON", "CONFIG", "TIMEOUT"):
        monkeypatch.delenv(f"STATEWRIGHT_{name}", raising=False)

    def run(*args: str) -> Result:
        result = CliRunner().invoke(program, ["--address", server.address, *args], obj=Session())
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def answer(result: Result) -> Any:
    """The document that a command with `--json` printed."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def enrolled(cli: Cli) -> str:
    """The id of an enrollment of the welcome workflow, which waits for a day."""
    answer(cli("publish", WELCOME, "--key", "welcome", "--json"))
    verdicts = answer(cli("trigger", "contact_created", "--contact", "ann", *LEAD, "--id", "e1", "--json"))["verdicts"]
    enrollment: str = verdicts[0]["enrollment_id"]
    seen = cli("watch", enrollment, "--limit", "5", "--json").stdout.splitlines()
    assert json.loads(seen[-1])["step"] == "wait_1_day"
    return enrollment
