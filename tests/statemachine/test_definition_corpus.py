"""The corpus: every good file loads without a problem; every bad file has the problem that its name begins with."""

import json
from pathlib import Path

import pytest

from statemachine.definition import load_workflow
from statemachine.problem import CODES

CORPUS = Path(__file__).parents[1] / "workflows"
GOOD = sorted((CORPUS / "good").iterdir())
TOLD_BY_A_SERVER = ("no_worker.", "undo_out_of_reach.", "unknown_workflow.")
BAD = sorted(file for file in (CORPUS / "bad").iterdir() if not file.name.startswith(TOLD_BY_A_SERVER))
"""Only a server can say that nobody works on a queue: tests/e2e/api/test_problems.py."""


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.name)
def test_a_good_file_loads_without_a_problem(file: Path) -> None:
    loaded = load_workflow(file.read_bytes())
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.workflow is not None


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.name)
def test_a_bad_file_has_the_problem_it_is_named_after(file: Path) -> None:
    loaded = load_workflow(file.read_bytes())
    code = file.name.partition(".")[0]
    severity = "warning" if ".warning." in file.name else "error"
    assert (code, severity) in {(problem.code, problem.severity) for problem in loaded.problems}
    assert (loaded.workflow is None) == (severity == "error")


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.name)
def test_every_problem_of_a_bad_file_has_a_known_code_and_a_place(file: Path) -> None:
    for problem in load_workflow(file.read_bytes()).problems:
        assert problem.code in CODES
        assert problem.line is not None
        assert problem.column is not None


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.name)
def test_the_canonical_form_of_a_good_file_means_the_same(file: Path) -> None:
    loaded = load_workflow(file.read_bytes())
    again = load_workflow(json.dumps(loaded.canonical))
    assert again.canonical == loaded.canonical
    assert loaded.workflow is not None
    assert again.workflow is not None
    assert {step.id: step.targets for step in again.workflow.steps.values()} == {
        step.id: step.targets for step in loaded.workflow.steps.values()
    }
