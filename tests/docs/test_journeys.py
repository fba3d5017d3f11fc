"""The example workflows: each is explained, shown in the docs, and tested to the last step and branch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli.main import cli
from service.cli.session import Session
from service.cli.suites import find_suites, run_suite
from statemachine.contact import Contact
from statemachine.definition import load_workflow
from statemachine.simulation.script import Script
from statemachine.simulation.simulate import simulate
from statemachine.testing.trial import script_of
from tests.docs.pages import links, quoted, rows
from tests.examples import FOLDER, ROOT, WORKFLOWS, name_of

PAGE = ROOT / "docs" / "examples.md"
every_example = pytest.mark.parametrize("file", WORKFLOWS, ids=name_of)


@every_example
def test_the_tests_of_an_example_pass_and_reach_every_step_and_branch(file: Path) -> None:
    [suite] = find_suites([file])
    ran = run_suite(suite)
    assert ran.trials
    assert [one.text for _, trial in ran.trials for one in trial.differences] == []
    assert ran.coverage is not None
    assert (ran.coverage.missing_steps, ran.coverage.missing_branches) == ((), ())


def test_the_command_that_the_page_shows_passes() -> None:
    result = CliRunner().invoke(cli, ["test", str(FOLDER), "--min-coverage", "100"], obj=Session())
    assert result.exit_code == 0, result.output


@every_example
def test_an_example_says_what_it_is_for(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    loaded = load_workflow(text)
    assert loaded.workflow is not None
    assert text.startswith("# ") or loaded.workflow.description


@every_example
def test_no_message_has_a_hole_where_nothing_is_known_of_a_contact(file: Path) -> None:
    [suite] = find_suites([file])
    assert suite.workflow is not None
    cases = [case for page in suite.pages for case in page.cases]
    texts = [text for case in cases for text in _sent(script_of(suite.workflow, case, []))]
    assert [text for text in texts if re.search(r"\{\{| [,!?.:]|^[ ,!?.:]|\bnull\b|: $", text)] == []


def _sent(script: Script) -> Iterator[str]:
    """Every text that would go out to contacts without names."""
    nameless = tuple(replace(contact, attributes=_without_names(contact)) for contact in script.contacts)
    for attempt in simulate(replace(script, contacts=nameless)).attempts:
        yield from (str(attempt.order.input[part]) for part in ("subject", "body") if attempt.order.input.get(part))


def _without_names(contact: Contact) -> dict[str, Any]:
    return {name: value for name, value in contact.attributes.items() if "name" not in name and name != "company"}


def test_the_page_lists_every_example_and_no_other() -> None:
    table = [quoted(row[0])[0] for row in rows(PAGE.read_text(encoding="utf-8")) if "](../examples/" in row[0]]
    assert sorted(table) == sorted(map(name_of, WORKFLOWS))
    shown = [link for link in links(PAGE) if link.endswith(".svg")]
    assert [link for link in shown if not (PAGE.parent / link).is_file()] == []
    assert len(shown) == len(WORKFLOWS)
