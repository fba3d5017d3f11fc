"""`statewright validate --format sarif` answers what SARIF 2.1.0 asks for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from statemachine.problem_codes import CODES
from tests.service.cli.conftest import Run

_URI = re.compile(r"[A-Za-z0-9/._~%-]+\Z")


@pytest.fixture
def log(run_alone: Run) -> dict[str, Any]:
    """All bad workflows in one log."""
    result = run_alone("validate", "tests/workflows/bad", "--format", "sarif")
    assert result.exit_code == 1
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_log_says_which_version_of_the_format_it_is(log: dict[str, Any]) -> None:
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    assert len(log["runs"]) == 1


def test_every_result_points_at_its_rule_and_its_file(log: dict[str, Any]) -> None:
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert (
            run["artifacts"][place["artifactLocation"]["index"]]["location"]["uri"] == place["artifactLocation"]["uri"]
        )
        assert result["level"] in ("error", "warning")
        assert result["message"]["text"]
        assert place["region"]["startLine"] >= 1
        assert place["region"]["startColumn"] >= 1


def test_each_rule_is_there_once_with_its_severity_and_help(log: dict[str, Any]) -> None:
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules) > 40
    for rule in rules:
        code = CODES[rule["id"]]
        assert rule["defaultConfiguration"] == {"level": code.severity}
        assert rule["shortDescription"] == {"text": code.meaning}
        assert code.mend in rule["help"]["text"]


def test_columns_are_counted_in_characters(run_alone: Run, tmp_path: Path) -> None:
    file = tmp_path / "a b.yaml"
    file.write_text("name: X\nsteps: [{id: a, name: 😀, type: pas}]\n", encoding="utf-8")
    log = json.loads(run_alone("validate", str(file), "--format", "sarif").stdout)
    (run,) = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 2, "startColumn": 32}
    assert _URI.match(place["artifactLocation"]["uri"])
    assert result["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "steps[0].type"}]


def test_without_problems_there_are_no_results(run_alone: Run) -> None:
    result = run_alone("validate", "examples", "--format", "sarif")
    assert result.exit_code == 0
    (run,) = json.loads(result.stdout)["runs"]
    assert run["results"] == []
    assert run["tool"]["driver"]["rules"] == []
