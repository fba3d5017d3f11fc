"""What the pages say of workflow tests is so: their keys, and every test that is shown passes."""

import textwrap

import pytest

from statemachine.definition import load_workflow
from statemachine.testing.reading import CasePart, ExpectPart, load_tests
from statemachine.testing.trial import run_tests
from tests.docs.pages import LANGUAGE, ROOT, Block, blocks, published, quoted, rows, sections

CHAPTER = sections(LANGUAGE, 2)["Tests"]
GUIDE = ROOT / "docs" / "testing-workflows.md"


def _keys(head: str) -> set[str]:
    table = CHAPTER[CHAPTER.index(f"| {head} |") :].split("\n\n")[0]
    return {word for row in rows(table) for word in quoted(row[0])}


def test_every_key_of_a_test_is_described() -> None:
    assert _keys("key of a test") == set(CasePart.model_fields)
    assert _keys("key of `expect`") == set(ExpectPart.model_fields)


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if "\ntests:" in block.text], ids=str)
def test_the_tests_of_a_workflow_shown_pass_and_reach_everything(block: Block) -> None:
    loaded = load_workflow(block.text)
    assert loaded.workflow is not None
    ran = run_tests(loaded.workflow, loaded.tests, published())
    assert [one.text for trial in ran.trials for one in trial.differences] == []
    assert (ran.coverage.missing_steps, ran.coverage.missing_branches) == ((), ())


def test_the_guide_s_tests_pass_and_reach_everything_but_what_it_says() -> None:
    [flow] = [block for block in blocks("yaml") if block.page == GUIDE]
    shown = [textwrap.dedent(block.text) for block in blocks("yaml tests") if block.page == GUIDE]
    head, *more = shown
    text = head + textwrap.indent("".join(more), "  ")
    workflow = load_workflow(flow.text).workflow
    assert workflow is not None
    read = load_tests(text, workflow)
    assert read.problems == ()
    ran = run_tests(workflow, read.cases)
    assert [one.text for trial in ran.trials for one in trial.differences] == []
    assert (ran.coverage.step_percent, ran.coverage.branch_percent) == (100.0, 100.0)
