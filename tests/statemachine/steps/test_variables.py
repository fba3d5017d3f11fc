"""set_variable and transform."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.contact import Contact
from statemachine.step_result import Outcome
from tests.statemachine.steps.fakes import NOW, Stay, build, failure, problems, run


@pytest.mark.parametrize(
    "path", ["order.total", "workflow.order.total", "variables.order.total", "vars.workflow.order.total"]
)
def test_a_path_leads_into_the_workflow_variables(path: str) -> None:
    stay = Stay(variables={"order": {"id": 7}})
    assert run(build("set_variable", path=path, value=5), stay) == Outcome("done")
    assert stay.variables == {"order": {"id": 7, "total": 5}}


def test_several_values_see_the_variables_as_they_were() -> None:
    stay = Stay(variables={"a": 1, "b": 2})
    run(build("set_variable", values={"a": "{{b}}", "b": "{{a}}", "c": None}), stay)
    assert stay.variables == {"a": 2, "b": 1, "c": None}


def test_a_value_keeps_its_type_and_instants_become_text() -> None:
    stay = Stay(Contact("c1", custom_fields={"items": [1, {"x": True}]}))
    run(build("set_variable", values={"items": "{{contact.items}}", "at": "{{now}}"}), stay)
    assert stay.variables == {"items": [1, {"x": True}], "at": NOW.isoformat().replace("+00:00", "Z")}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, [("missing_key", ())]),
        ({"path": "a"}, [("missing_key", ())]),
        ({"value": 1}, [("missing_key", ())]),
        ({"path": "conversation.status", "value": 1}, [("read_only_path", ("path",))]),
        ({"path": "vars.conversation.tags", "value": 1}, [("read_only_path", ("path",))]),
        ({"path": "conversation", "value": 1}, [("bad_name", ("path",))]),
        ({"path": "global", "value": 1}, [("bad_name", ("path",))]),
        ({"path": "variables.global", "value": 1}, [("bad_name", ("path",))]),
        ({"path": "global.a.0", "value": 1}, [("bad_name", ("path",))]),
        ({"path": "contact.email", "value": 1}, [("read_only_path", ("path",))]),
        ({"values": {"trigger.data": 1}}, [("read_only_path", ("values", "trigger.data"))]),
        ({"path": "a..b", "value": 1}, [("bad_name", ("path",))]),
        ({"path": "{{x}}", "value": 1}, [("bad_name", ("path",))]),
        ({"path": "workflow", "value": 1}, [("bad_name", ("path",))]),
        ({"path": "items[0]", "value": 1}, [("bad_name", ("path",))]),
    ],
)
def test_what_is_wrong_with_an_assignment_is_said(config: dict[str, Any], expected: list[Any]) -> None:
    assert problems("set_variable", **config) == expected


def test_an_expression_is_the_output() -> None:
    stay = Stay(variables={"total": 10.5, "quantity": 4})
    assert run(build("transform", expression="variables.total * variables.quantity"), stay) == Outcome("done", 42)
    assert run(build("transform", expression="10 / 4"), stay) == Outcome("done", 2.5)


@pytest.mark.parametrize("key", ["mapping", "output"])
def test_a_mapping_builds_one_object(key: str) -> None:
    mapping: dict[str, Any] = {
        "double": "variables.n * 2",
        "deep": {"name": "contact.first_name"},
        "list": ["1 + 1", 7],
        "fixed": True,
    }
    result = run(build("transform", **{key: mapping}), Stay(Contact("c1", {"first_name": "Ann"}), variables={"n": 3}))
    assert result == Outcome("done", {"double": 6, "deep": {"name": "Ann"}, "list": [2, 7], "fixed": True})


def test_an_expression_that_errs_fails_the_step() -> None:
    assert failure(build("transform", expression="variables.missing.deeper + 1")) == "expression_error"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, [("missing_key", ())]),
        ({"code": "return 1"}, [("not_supported_yet", ("code",))]),
        ({"expression": "1", "mapping": {"a": "1"}}, [("conflicting_keys", ("mapping",))]),
        ({"expression": "1 +"}, [("bad_expression", ("expression",))]),
        ({"mapping": {"a": {"b": "1 +"}}}, [("bad_expression", ("mapping", "a", "b"))]),
    ],
)
def test_what_is_wrong_with_a_transform_is_said(config: dict[str, Any], expected: list[Any]) -> None:
    assert problems("transform", **config) == expected


def test_both_declare_what_they_read() -> None:
    assert build("set_variable", path="a", value="{{contact.email}}").reads.contact == {"email"}
    assert build("transform", mapping={"a": "contact.plan == 'gold'"}).reads.contact == {"plan"}
