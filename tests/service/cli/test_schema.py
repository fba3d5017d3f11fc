"""The schema for editors, as the command line gives it."""

from __future__ import annotations

import json
from pathlib import Path

from statemachine.schema import definition_schema
from tests.service.cli.conftest import Run


def test_the_schema_is_printed_without_a_server(run_alone: Run) -> None:
    result = run_alone("schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == definition_schema()


def test_the_schema_is_written_to_a_file(run_alone: Run, tmp_path: Path) -> None:
    file = tmp_path / "workflow.schema.json"
    result = run_alone("schema", "--output", str(file), "--json")
    assert json.loads(result.stdout) == {"file": str(file)}
    assert json.loads(file.read_text()) == definition_schema()


def test_a_place_that_cannot_be_written_is_a_usage_error(run_alone: Run, tmp_path: Path) -> None:
    result = run_alone("schema", "--output", str(tmp_path))
    assert result.exit_code == 2
    assert "is a directory" in result.stderr
