"""The corpus: every good file loads without a problem; every bad file has the problem that its name begins with."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from statemachine.definition import Loaded, load_workflow
from statemachine.names import snake_case
from statemachine.problem import CODES
from statemachine.source import read_source
from statemachine.step import StepType
from statemachine.steps import STEP_TYPES
from statemachine.steps.parts import later
from statemachine.testing.trial import run_tests
from tests.docs.pages import blocks, whole
from tests.examples import WORKFLOWS

CORPUS = Path(__file__).parents[1] / "workflows"
GOOD = sorted((CORPUS / "good").iterdir())
CLASSES = sorted(set(STEP_TYPES.values()), key=lambda each: each.name)
TOLD_BY_A_SERVER = ("no_worker.", "undo_out_of_reach.", "unknown_workflow.")
BAD = sorted(file for file in (CORPUS / "bad").iterdir() if not file.name.startswith(TOLD_BY_A_SERVER))
"""Only a server can say that nobody works on a queue: tests/e2e/api/test_problems.py."""


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.name)
def test_a_good_file_loads_without_a_problem(file: Path) -> None:
    loaded = load_workflow(file.read_bytes())
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.workflow is not None


@pytest.mark.parametrize("file", [file for file in GOOD if "\ntests:" in file.read_text()], ids=lambda file: file.name)
def test_the_tests_of_a_good_file_pass_and_reach_every_step(file: Path) -> None:
    loaded = load_workflow(file.read_text())
    assert loaded.workflow is not None
    others = {name: load_workflow((GOOD[0].parent / name).read_text()).workflow for name in _asked_for(loaded)}
    ran = run_tests(loaded.workflow, loaded.tests, {name: other for name, other in others.items() if other})
    assert [one.text for trial in ran.trials for one in trial.differences] == []
    assert ran.coverage.missing_steps == ()


def _asked_for(loaded: Loaded) -> set[str]:
    return {name for case in loaded.tests for name in case.workflows}


@pytest.mark.parametrize("step_type", CLASSES, ids=lambda each: each.name)
def test_every_key_of_a_step_type_is_used_in_a_workflow_with_tests(step_type: type[StepType]) -> None:
    mark = later().json_schema_extra
    fields = step_type.Config.model_fields.items()
    keys = {spec.alias or name for name, spec in fields if spec.json_schema_extra != mark}
    assert keys - _used()[step_type.name] == set()


@cache
def _used() -> Mapping[str, set[str]]:
    """Step type → the keys that steps of the corpus, of the examples and of the documentation have, where tests are."""
    found: dict[str, set[str]] = defaultdict(set)
    shown = [
        whole(block.text) if block.info == "yaml fragment" else block.text for block in blocks("yaml", "yaml fragment")
    ]
    texts = [file.read_text() for file in (*GOOD, *WORKFLOWS)]
    for text in (*texts, *(text for text in shown if "\ntests:" in text)):
        for part in _objects(read_source(text).data):
            known = STEP_TYPES.get(str(part.get("type")))
            if known is not None:
                config = part.get("config")
                found[known.name] |= {snake_case(str(key)) for key in (config if isinstance(config, dict) else part)}
    return found


def _objects(data: Any) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict):
        yield data
    for part in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from _objects(part)


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
