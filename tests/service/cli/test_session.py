"""Where settings come from, and which source wins."""

from __future__ import annotations

from pathlib import Path

import pytest
from statewright.v1 import CountResponse

from service.cli.main import COMMANDS, cli
from tests.service.cli.conftest import Run, parsed
from tests.service.cli.fake_server import FakeServer

COUNT = CountResponse(counts={"total": 3})


@pytest.fixture(autouse=True)
def _count(server: FakeServer) -> None:
    server.answers["Enrollment.Count"] = COUNT


def test_options_may_stand_after_the_command(run_alone: Run, server: FakeServer) -> None:
    assert parsed(run_alone("count", "--json", "--address", server.address))["total"] == 3


def test_the_environment_names_the_server(run_alone: Run, server: FakeServer) -> None:
    environment = {"STATEWRIGHT_ADDRESS": server.address, "STATEWRIGHT_JSON": "1"}
    assert parsed(run_alone("count", env=environment))["total"] == 3


def test_a_flag_wins_over_the_environment(run_alone: Run, server: FakeServer) -> None:
    environment = {"STATEWRIGHT_ADDRESS": "127.0.0.1:1"}
    assert run_alone("count", "--address", server.address, env=environment).exit_code == 0


def test_the_file_names_the_server_and_options_of_a_command(run_alone: Run, server: FakeServer, tmp_path: Path) -> None:
    config = tmp_path / "statewright.toml"
    config.write_text(
        f'address = "{server.address}"\njson = true\nlisten = "127.0.0.1:1"\n[count]\nworkflow = "welcome"\n'
    )
    assert parsed(run_alone("count", "--config", str(config)))["total"] == 3
    assert server.asked[-1].workflow == "welcome"


def test_a_file_before_the_command_holds_too(run_alone: Run, server: FakeServer, tmp_path: Path) -> None:
    config = tmp_path / "statewright.toml"
    config.write_text(f'address = "{server.address}"\njson = true\n[count]\nstep = "wait"\n')
    assert parsed(run_alone("--config", str(config), "count"))["total"] == 3
    assert server.asked[-1].step == "wait"


def test_the_environment_wins_over_the_file(run_alone: Run, server: FakeServer, tmp_path: Path) -> None:
    config = tmp_path / "statewright.toml"
    config.write_text('address = "127.0.0.1:1"\n')
    environment = {"STATEWRIGHT_ADDRESS": server.address, "STATEWRIGHT_CONFIG": str(config)}
    assert run_alone("count", env=environment).exit_code == 0


def test_every_option_of_a_command_is_an_environment_variable(run: Run, server: FakeServer) -> None:
    assert run("count", env={"STATEWRIGHT_COUNT_WORKFLOW": "welcome"}).exit_code == 0
    assert server.asked[-1].workflow == "welcome"


def test_a_file_that_is_no_toml_is_a_usage_error(run_alone: Run, tmp_path: Path) -> None:
    config = tmp_path / "statewright.toml"
    config.write_text("address: nowhere")
    result = run_alone("count", "--config", str(config))
    assert result.exit_code == 2
    assert "is not TOML" in result.stderr


def test_an_unknown_command_suggests_the_one_that_was_meant(run_alone: Run) -> None:
    result = run_alone("publsh")
    assert result.exit_code == 2
    assert "did you mean 'publish'?" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name an enrollment's ID, or ask about an entry with --event TYPE --contact ID"),
        (("--contact", "ann"), "with --workflow KEY --contact ID"),
        (("e1", "--workflow", "welcome"), "give ID to ask about a run, or --workflow to ask about an entry, not both"),
        (("--workflow", "welcome", "--data", "a=1", "--key", "k"), "--data, --key: only with --event"),
    ],
)
def test_a_question_to_explain_that_is_none_says_what_would_be_one(
    run_alone: Run, arguments: tuple[str, ...], told: str
) -> None:
    refused = run_alone("explain", *arguments)
    assert refused.exit_code == 2
    assert told in refused.stderr


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_explains_itself(run_alone: Run, name: str) -> None:
    result = run_alone(name, "--help")
    assert result.exit_code == 0
    assert "--json" in result.stdout


def test_help_lists_every_command(run_alone: Run) -> None:
    shown = run_alone("--help").stdout
    assert all(f"  {name} " in shown for name in cli.commands or COMMANDS)
