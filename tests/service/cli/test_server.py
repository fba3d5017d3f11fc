"""`serve` and `migrate`: which settings they start with."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import Settings
from tests.service.cli.conftest import Run, parsed


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of every server that was started; none really is."""
    settings: list[Settings] = []

    def run(given: Settings) -> int:
        settings.append(given)
        return 0

    monkeypatch.setattr("service.launch.run", run)
    return settings


def test_serve_listens_on_loopback_with_sqlite_by_default(run_alone: Run, started: list[Settings]) -> None:
    assert run_alone("serve").exit_code == 0
    assert (str(started[0].listen), started[0].database_url) == ("127.0.0.1:50051", "sqlite:///statewright.db")


def test_a_flag_wins_over_the_environment_and_that_over_the_file(
    run_alone: Run, started: list[Settings], tmp_path: Path
) -> None:
    config = tmp_path / "statewright.toml"
    config.write_text("lanes = 3\nmax_pending = 3\n[serve]\nlog_level = 'error'\ndrain-timeout-s = 3\n")
    environment = {"STATEWRIGHT_LANES": "4", "STATEWRIGHT_MAX_PENDING": "4"}
    run_alone("serve", "--config", str(config), "--lanes", "5", env=environment)
    settings = started[0]
    assert (settings.lanes, settings.max_pending, settings.log_level, settings.drain_timeout_s) == (5, 4, "error", 3)


def test_the_environment_wins_over_the_table_of_serve(run_alone: Run, started: list[Settings], tmp_path: Path) -> None:
    config = tmp_path / "statewright.toml"
    config.write_text("[serve]\nlanes = 3\n")
    run_alone("serve", env={"STATEWRIGHT_CONFIG": str(config), "STATEWRIGHT_LANES": "4"})
    assert started[0].lanes == 4


def test_json_means_json_logs(run_alone: Run, started: list[Settings]) -> None:
    run_alone("serve", "--json")
    run_alone("serve", "--json", "--log-format", "text")
    assert [settings.log_format for settings in started] == ["json", "text"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--clock-rate", "60"), "--dev"),
        (("--listen", "here"), "HOST:PORT"),
        (("--listen", "0.0.0.0:1"), "--insecure-listen"),
        (("--workers", "2"), "SQLite has one writer"),
        (("--lanes", "many"), "many"),
    ],
)
def test_settings_that_cannot_be_are_a_usage_error(
    run_alone: Run, started: list[Settings], arguments: tuple[str, ...], told: str
) -> None:
    result = run_alone("serve", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert started == []


def test_migrate_brings_a_database_to_the_schema_once(run_alone: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    first = parsed(run_alone("migrate", "--database-url", url, "--json"))
    again = parsed(run_alone("migrate", "--database-url", url, "--json"))
    assert (first["before"], first["changed"]) == (None, True)
    assert (again["before"], again["after"], again["changed"]) == (first["after"], first["after"], False)


def test_a_database_that_is_not_there_is_exit_code_3(run_alone: Run) -> None:
    result = run_alone("migrate", "--database-url", "postgresql://nobody@127.0.0.1:1/none")
    assert result.exit_code == 3
    assert "Next:" in result.stderr
