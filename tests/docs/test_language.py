"""The language reference is complete and says nothing that is not so: each table is compared with the code."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from statemachine.definition import load_workflow
from statemachine.document import (
    DocumentPart,
    EntryPart,
    ExitPart,
    LimitsPart,
    PausePart,
    RetryPart,
    StepPart,
    TriggerPart,
)
from statemachine.duration import UNITS
from statemachine.names import EVENT_ALIASES, KNOWN_EVENTS
from statemachine.part import Part
from statemachine.problem import CODES
from statemachine.schema import definition_schema
from statemachine.schema.conditions import condition_forms
from statemachine.scope import ROOTS
from statemachine.sending.reading import SendingPart
from statemachine.source import read_source
from statemachine.step import StepType
from statemachine.steps import NOT_YET, STEP_TYPES
from statemachine.steps.parts import later
from statemachine.template import compile_value
from statemachine.testing.trial import run_tests
from statemachine.values import OPERATOR_ALIASES, OPERATORS
from tests.docs.pages import LANGUAGE, PAGES, blocks, prose, quoted, rows, sections, whole

CHAPTERS = sections(LANGUAGE, 2)
STEPS = {name: text for title, text in sections(LANGUAGE, 3).items() for name in quoted(title)}
CLASSES = sorted(set(STEP_TYPES.values()), key=lambda each: each.name)
NOT_YET_CHAPTER = CHAPTERS["Known, but not supported yet"]
PARTS: Mapping[str, type[Part]] = {
    "The document": DocumentPart,
    "Triggers": TriggerPart,
    "Entry: who gets in": EntryPart,
    "Exit: who leaves early": ExitPart,
    "Limits": LimitsPart,
    "Pause": PausePart,
    "Steps": StepPart,
    "Retry": RetryPart,
    "Sending": SendingPart,
}


def _keys(model: type[BaseModel], *, not_yet: bool) -> set[str]:
    """The config keys that can be used, or those that cannot yet."""
    mark = later().json_schema_extra
    fields = model.model_fields.items()
    return {field.alias or name for name, field in fields if (field.json_schema_extra == mark) is not_yet}


def _first_cells(text: str) -> set[str]:
    return {word for row in rows(text) for word in quoted(row[0])}


def _table_after(text: str, head: str) -> str:
    """The one table whose head row begins so."""
    return re.split(r"\n(?!\|)", text[text.index(f"| {head} |") :])[0]


def test_every_step_type_has_a_section_and_no_other_has() -> None:
    assert set(STEPS) == {step_type.name for step_type in CLASSES}


@pytest.mark.parametrize("step_type", CLASSES, ids=lambda each: each.name)
def test_a_step_type_is_described_with_its_keys_and_other_names(step_type: type[StepType]) -> None:
    text = STEPS[step_type.name]
    assert [alias for alias in step_type.aliases if f"`{alias}`" not in text] == []
    same = re.search(r"Config as \[`(\w+)`\]", text)
    table = STEPS[same[1]] if same else text
    assert _first_cells(table) == _keys(step_type.Config, not_yet=False)


@pytest.mark.parametrize("step_type", CLASSES, ids=lambda each: each.name)
def test_a_step_type_is_shown_at_work_in_an_example_with_tests_that_pass_through_it(step_type: type[StepType]) -> None:
    assert step_type.name in _covered()


@cache
def _covered() -> frozenset[str]:
    """The types of the steps that tests of the examples on this page enter."""
    entered: set[str] = set()
    for block in blocks("yaml", "yaml fragment"):
        loaded = load_workflow(whole(block.text) if block.info == "yaml fragment" else block.text)
        if block.page == LANGUAGE and loaded.workflow is not None and loaded.tests:
            trials = run_tests(loaded.workflow, loaded.tests)
            missing = trials.coverage.missing_steps
            entered |= {step.type for step in loaded.workflow.steps.values() if step.id not in missing}
    return frozenset(entered)


@pytest.mark.parametrize("form", condition_forms())
def test_a_form_of_conditions_is_shown_at_work(form: str) -> None:
    schema = definition_schema()
    validator = Draft202012Validator({"$ref": f"#/$defs/{form}", "$defs": schema["$defs"]})
    assert any(validator.is_valid(condition) for condition in _conditions())


@cache
def _conditions() -> tuple[Any, ...]:
    """Every object in the examples of this page that may be a condition."""
    texts = [block.text for block in blocks("yaml", "yaml fragment") if block.page == LANGUAGE]
    return tuple(part for text in texts for part in _objects(read_source(text).data))


def _objects(data: Any) -> Iterator[Any]:
    if isinstance(data, dict):
        yield data
    for part in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from _objects(part)


@pytest.mark.parametrize("step_type", CLASSES, ids=lambda each: each.name)
def test_keys_that_are_not_built_are_listed_as_such(step_type: type[StepType]) -> None:
    listed = {word for row in rows(NOT_YET_CHAPTER) if f"`{step_type.name}`" in row[0] for word in quoted(row[1])}
    assert _keys(step_type.Config, not_yet=True) <= listed


@pytest.mark.parametrize("chapter", PARTS)
def test_a_part_of_the_document_is_described_with_all_its_keys(chapter: str) -> None:
    part = PARTS[chapter]
    keys = _first_cells(_table_after(CHAPTERS[chapter], "key"))
    assert keys - {"id", "outputVariable"} == {spec.alias or key for key, spec in part.model_fields.items()} - {"id"}


def test_step_types_that_are_not_built_are_listed_as_such() -> None:
    assert [name for name in NOT_YET if f"`{name}`" not in NOT_YET_CHAPTER] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_problem_code_mentioned_exists(page: Path) -> None:
    mentioned = re.findall(r"(?:error|warning|problem)s? \(?((?:`[a-z_]+`(?:,\s+)?)+)", prose(page))
    assert [code for group in mentioned for code in quoted(group) if code not in CODES] == []


def test_every_operator_is_described_under_all_its_names() -> None:
    table = rows(_table_after(CHAPTERS["Conditions"], "operator"))
    assert {word for row in table for word in quoted(row[0])} == set(OPERATORS)
    listed = {(word, quoted(row[0])[0]) for row in table for word in quoted(row[1])}
    assert listed == set(OPERATOR_ALIASES.items())


def test_every_known_event_is_listed_under_all_its_names() -> None:
    table = rows(_table_after(CHAPTERS["Triggers"], "type"))
    assert {word for row in table for word in quoted(row[0])} == set(KNOWN_EVENTS)
    listed = {(word, quoted(row[0])[0]) for row in table for word in quoted(row[1])}
    assert set(EVENT_ALIASES.items()) <= listed


def test_every_root_name_is_listed() -> None:
    assert _first_cells(_table_after(CHAPTERS["Names"], "name")) == ROOTS


def test_every_filter_listed_exists() -> None:
    listed = re.search(r"- Filters: (.*?)\n  `date` shows", CHAPTERS["Templates"], re.DOTALL)
    assert listed is not None
    for name in quoted(listed[1]):
        argument = ": 'a', 'b'" if name.startswith("replace") else ""
        compile_value(f"{{{{ contact.x | {name}{argument} }}}}")


def test_every_unit_listed_exists() -> None:
    listed = re.search(r"Units: (.*?) and their plurals", CHAPTERS["Durations and times"], re.DOTALL)
    assert listed is not None
    assert set(quoted(listed[1])) == {name for name in UNITS if len(name) < 3 or not name.endswith("s")}
