"""The JSON Schema for editors: it says what the parser says, and every key in it is explained."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from statemachine.definition import load_workflow
from statemachine.document import DocumentPart, EntryPart, ExitPart, LimitsPart, RetryPart, StepPart, TriggerPart
from statemachine.names import snake_case
from statemachine.part import Part
from statemachine.problem import CODES
from statemachine.schema import definition_schema
from statemachine.schema.spelling import camel_pattern
from statemachine.schema.tests import TEST_PARTS
from statemachine.source import read_source
from statemachine.step import StepType
from statemachine.steps import STEP_TYPES
from tests.docs.pages import blocks, whole
from tests.examples import WORKFLOWS
from tests.fuzz.mutation import nearly_right

CORPUS = Path(__file__).parents[1] / "workflows"
GOOD = [*sorted((CORPUS / "good").iterdir()), *WORKFLOWS]
BAD = sorted(file for file in (CORPUS / "bad").iterdir() if ".warning." not in file.name)
SCHEMA = definition_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
CLASSES = sorted(set(STEP_TYPES.values()), key=lambda each: each.name)
PARTS: dict[str, type[Part]] = {
    "trigger": TriggerPart,
    "entry": EntryPart,
    "limits": LimitsPart,
    "exit_rule": ExitPart,
    "retry": RetryPart,
    "step": StepPart,
    **TEST_PARTS,
}

IN_THE_TEXT = {
    "too_large", "not_text", "bad_syntax", "empty", "too_deep", "too_many_nodes", "alias_refused", "tag_refused",
    "merge_key_refused", "duplicate_key", "bad_key", "bad_number",
}  # fmt: skip
"""What is wrong with the text before there are data that a schema could look at."""
BEYOND_A_SCHEMA = {
    "conflicting_keys", "duplicate_id", "unknown_step", "unknown_outcome", "pure_ring", "read_only_path",
    "reserved_field", "too_complex", "bad_expression", "bad_template", "bad_regex", "bad_timezone", "bad_edge",
    "unlabelled_edge", "into_loop", "into_body", "leaves_body", "outside_loop", "across_branches",
    "unknown_calendar",
    "recursive_workflow",
}  # fmt: skip
"""What takes another place of the document, another language, or a table of zones to see."""
BEYOND_IT_IN_THESE_FILES = {
    "bad_duration.six_years.yaml", "not_supported_yet.schedule.yaml",
    "bad_time.quiet_hours.yaml",
    "not_supported_yet.knowledge_base.json", "not_supported_yet.integration.json", "unknown_type.label.json",
    "not_applicable.over_limit.yaml",
    "bad_value.max_hold.yaml",
}  # fmt: skip


def _code(file: Path) -> str:
    return file.name.partition(".")[0]


def test_it_is_a_json_schema_of_2020_12() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.name)
def test_a_file_that_the_parser_accepts_is_valid(file: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(read_source(file.read_bytes()).data)] == []


@pytest.mark.parametrize("block", list(blocks("yaml", "yaml fragment")), ids=str)
def test_a_definition_shown_in_the_docs_is_valid(block: Any) -> None:
    text = whole(block.text) if block.info == "yaml fragment" else block.text
    assert [error.message for error in VALIDATOR.iter_errors(read_source(text).data)] == []


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.name)
def test_a_file_with_a_mistake_in_its_structure_is_refused_by_both(file: Path) -> None:
    source = read_source(file.read_bytes())
    assert load_workflow(file.read_bytes()).workflow is None
    if _code(file) in IN_THE_TEXT:
        assert source.problems
        return
    seen = _code(file) not in BEYOND_A_SCHEMA and file.name not in BEYOND_IT_IN_THESE_FILES
    assert VALIDATOR.is_valid(source.data) is not seen


def test_what_is_beyond_a_schema_is_listed_by_codes_that_exist() -> None:
    assert set(CODES) >= IN_THE_TEXT | BEYOND_A_SCHEMA
    assert {file.name for file in BAD} >= BEYOND_IT_IN_THESE_FILES


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(nearly_right())
def test_it_refuses_nothing_that_the_parser_accepts(data: Any) -> None:
    if load_workflow(json.dumps(data)).workflow is not None:
        assert [error.message for error in VALIDATOR.iter_errors(data)] == []


def _keys(model: type[Part]) -> set[str]:
    return {spec.alias or key for key, spec in model.model_fields.items()} | {
        key for key in model.also if "_" not in key
    }


@pytest.mark.parametrize("name", PARTS)
def test_a_part_has_the_keys_of_its_model(name: str) -> None:
    assert set(SCHEMA["$defs"][name]["properties"]) - {"output_variable"} == _keys(PARTS[name])


def test_the_document_has_the_keys_of_its_model() -> None:
    assert set(SCHEMA["properties"]) == _keys(DocumentPart)


@pytest.mark.parametrize("step_type", CLASSES, ids=lambda each: each.name)
def test_a_step_type_has_the_keys_of_its_config_that_can_be_used(step_type: type[StepType]) -> None:
    made = SCHEMA["$defs"][f"{step_type.name}_config"]
    offered = {key for form in made.get("anyOf", [made]) for key in form.get("properties", {})} | set(
        made.get("properties", {})
    )
    extra = {key: spec.json_schema_extra for key, spec in step_type.Config.model_fields.items()}
    usable = {step_type.Config.model_fields[key].alias or key for key, mark in extra.items() if not mark}
    assert usable <= offered
    assert not offered & {key for key, mark in extra.items() if mark}


def _described(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of every object in the schema, with its schema."""
    if isinstance(schema, list):
        for index, item in enumerate(schema):
            yield from _described(item, f"{path}[{index}]")
    elif isinstance(schema, dict):
        for key, spec in schema.get("properties", {}).items():
            if schema.get("type") == "object":
                yield f"{path}.{key}", spec
        for key, spec in schema.items():
            if key not in ("examples", "default", "if", "then"):
                yield from _described(spec, f"{path}.{key}")


def _models() -> Iterator[tuple[str, dict[str, Any]]]:
    """The keys that stand in models: those of the document, its parts and the configs."""
    objects = {"": SCHEMA, **{name: SCHEMA["$defs"][name] for name in PARTS}}
    objects |= {name: made for name, made in SCHEMA["$defs"].items() if name.endswith("_config") or name[0].isupper()}
    for name, made in objects.items():
        for key, spec in made.get("properties", {}).items():
            if "doNotSuggest" not in spec:
                yield f"{name}.{key}", spec


@pytest.mark.parametrize(("place", "spec"), list(_models()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_key_is_explained_and_shown_by_examples_that_are_right(place: str, spec: dict[str, Any]) -> None:
    assert spec["description"].endswith((".", "…"))
    assert spec["examples"]
    here = VALIDATOR.evolve(schema={**spec, "$defs": SCHEMA["$defs"]})
    assert [error.message for example in spec["examples"] for error in here.iter_errors(example)] == []


def test_every_definition_in_it_is_used() -> None:
    text = json.dumps(SCHEMA)
    assert [name for name in SCHEMA["$defs"] if f'"#/$defs/{name}"' not in text] == []


def test_every_step_type_is_offered_with_a_sentence() -> None:
    types = SCHEMA["$defs"]["step_type"]
    assert types["enum"] == list(STEP_TYPES)
    assert [text for text in types["enumDescriptions"] if not text.endswith(".")] == []


STEP = {"id": "a", "type": "pass"}


@pytest.mark.parametrize(
    "change",
    [
        {"maxEntries": 3},
        {"max_entries": 3},
        {"reentry": "never", "cooldown": "1d 12h"},
    ],
)
def test_camel_case_is_as_good_as_snake_case(change: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid({"key": "k", "entry": change, "steps": [STEP]})


@pytest.mark.parametrize("config", [60, 0, 2.5, 86400 * 1826])
def test_a_wait_may_be_nothing_but_seconds(config: float) -> None:
    data = {"key": "k", "steps": [{"id": "a", "type": "wait", "config": config}]}
    assert VALIDATOR.is_valid(data)
    assert load_workflow(json.dumps(data)).problems == ()


@pytest.mark.parametrize(
    "change",
    [
        {"isActiv": True},
        {"entry": {"maxEntrys": 3}},
        {"entry": {"reentry": "sometimes"}},
        {"limits": {"max_duration": "soon"}},
        {"exit": {"reason": "x"}},
        {"trigger": {"conditions": "x > 1"}},
        {"steps": [{"id": "a", "type": "sned_sms", "config": {"body": "x"}}]},
        {"steps": [{"id": "a", "type": "send_sms", "config": {"bdy": "x"}}]},
        {"steps": [{"id": "a", "type": "sms"}]},
        {"steps": [{"id": "a", "type": "wait", "config": {"for": "2 dyas"}}]},
        {"steps": [{"id": "a", "type": "wait", "config": {"for": ["{{x}}"]}}]},
        {"steps": [{"id": "a", "type": "wait", "config": -60}]},
        {"steps": [{"id": "a", "type": "wait", "config": 1e9}]},
        {"steps": [{"id": "a", "type": "wait", "config": True}]},
        {"steps": [{"id": "a", "type": "wait", "config": "60"}]},
        {"steps": [{"id": "a", "type": "send_sms", "config": 60}]},
        {"steps": [{"id": "a", "type": "pass", "timeout": "3s"}]},
        {"steps": [{"id": "a", "type": "pass", "crashPolicy": "at_most_once"}]},
        {"steps": [{"id": "a", "type": "split", "config": {"variants": {"a": 1, "b": -1}}}]},
        {"steps": [STEP | {"when": {"field": "a", "operator": "equalz", "value": 1}}]},
        {"steps": [STEP | {"when": {"field": "a", "operator": "equals"}}]},
        {"steps": [STEP | {"when": {"any": ["x", {"typ": "score"}]}}]},
        {"steps": [STEP | {"when": {"type": "time", "days": "funday"}}]},
        {"steps": [STEP | {"when": {"type": "score", "value": 5}}]},
        {"steps": [{"id": "a", "type": "if", "config": {"cases": [{"wen": "x"}]}, "branches": {"b": "end"}}]},
    ],
    ids=json.dumps,
)
def test_what_is_wrong_in_its_shape_is_refused_by_both(change: dict[str, Any]) -> None:
    data = {"key": "k", "steps": [STEP]} | change
    assert not VALIDATOR.is_valid(data)
    assert load_workflow(json.dumps(data)).workflow is None


@pytest.mark.parametrize("key", ["max_entries", "wait_for_event", "is_active"])
def test_the_pattern_of_a_key_is_what_the_parser_takes_for_it(key: str) -> None:
    pattern = camel_pattern(key)
    first, *others = key.split("_")
    spelled = first + "".join(map(str.capitalize, others))
    assert snake_case(spelled) == key
    assert pattern is not None
    assert Draft202012Validator({"patternProperties": {pattern: False}}).is_valid({spelled: 1}) is False
