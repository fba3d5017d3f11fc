"""Contact changes: what they do, and that only real changes are told."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.contact import Contact
from statemachine.step_result import Outcome
from tests.statemachine.steps.fakes import Stay, build, failure, problems, run

MISSING = object()


def after(step_type: str, person: Contact, variables: dict[str, Any] | None = None, **config: Any) -> Stay:
    stay = Stay(person, variables=variables or {})
    assert run(build(step_type, **config), stay) == Outcome("done")
    return stay


def test_add_tag_tells_only_of_new_tags() -> None:
    stay = after("add_tag", Contact("c1", tags=("a",)), {"b": "bee"}, tags=["a", "{{b}}", "bee", "c"])
    assert stay.contact.tags == ("a", "bee", "c")
    assert stay.raised == [("tag_added", {"tag": "bee"}), ("tag_added", {"tag": "c"})]


def test_remove_tag_tells_only_of_tags_that_were_there() -> None:
    stay = after("remove_tag", Contact("c1", tags=("a", "b")), tags=["b", "c"])
    assert (stay.contact.tags, stay.raised) == (("a",), [("tag_removed", {"tag": "b"})])


def test_lists_are_joined_and_left() -> None:
    joined = after("add_to_list", Contact("c1"), list="news")
    assert (joined.contact.lists, joined.raised) == (("news",), [("list_added", {"list": "news"})])
    left = after("remove_from_list", joined.contact, segment="news")
    assert (left.contact.lists, left.raised) == ((), [("list_removed", {"list": "news"})])


def test_segment_does_both() -> None:
    joined = after("segment", Contact("c1"), segment="news")
    assert joined.contact.lists == ("news",)
    assert after("segment", joined.contact, segment="news", operation="remove").contact.lists == ()


@pytest.mark.parametrize(
    ("step_type", "config"),
    [
        ("add_tag", {"tag": "a"}),
        ("remove_tag", {"tag": "z"}),
        ("add_to_list", {"list": "l"}),
        ("remove_from_list", {"list": "z"}),
        ("update_score", {"value": 0}),
        ("update_score", {"value": 7, "operation": "set"}),
        ("update_field", {"field": "plan", "value": "gold"}),
        ("update_field", {"field": "unknown", "value": None}),
        ("update_field", {"field": "unknown", "operation": "remove"}),
        ("update_field", {"field": "plan", "operation": "remove", "value": "tin"}),
        ("update_field", {"field": "visits", "operation": "increment", "value": 0}),
    ],
)
def test_no_change_writes_nothing_and_tells_nothing(step_type: str, config: dict[str, Any]) -> None:
    person = Contact("c1", {}, {"plan": "gold", "visits": 3}, ("a",), ("l",), 7)
    stay = after(step_type, person, **config)
    assert (stay.written, stay.raised, stay.contact) == (0, [], person)


def value_after(old: Any, **config: Any) -> Any:
    person = Contact("c1", custom_fields={} if old is MISSING else {"x": old})
    changed = after("update_field", person, field="x", **config).contact
    return changed.get("x") if changed.has("x") else MISSING


@pytest.mark.parametrize(
    ("operation", "old", "value", "new"),
    [
        ("set", MISSING, 5, 5),
        ("set", 1, True, True),
        ("set", "a", None, None),
        ("set", "a", {"deep": [1]}, {"deep": [1]}),
        ("append", MISSING, "a", ["a"]),
        ("append", None, "a", ["a"]),
        ("append", ["a"], "b", ["a", "b"]),
        ("append", ["a"], ["b", "c"], ["a", "b", "c"]),
        ("append", "ab", "cd", "abcd"),
        ("append", "n", 4, "n4"),
        ("increment", MISSING, 2, 2),
        ("increment", None, 2, 2),
        ("increment", 3, 2, 5),
        ("increment", 3, -2, 1),
        ("increment", "3", "4", 7),
        ("increment", 1.5, 1.5, 3),
        ("remove", ["a", "b", "a"], "a", ["b"]),
        ("remove", ["a", "b"], ["b"], ["a"]),
        ("remove", "a", "a", MISSING),
        ("remove", MISSING, "a", MISSING),
    ],
)
def test_operations_on_a_field(operation: str, old: Any, value: Any, new: Any) -> None:
    found = value_after(old, operation=operation, value=value)
    assert found == new
    assert type(found) is type(new)


def test_remove_without_value_unsets_the_field() -> None:
    assert value_after("anything", operation="remove") is MISSING


@pytest.mark.parametrize(
    ("operation", "old", "value", "code"),
    [
        ("increment", "many", 1, "not_a_number"),
        ("increment", 1, "many", "not_a_number"),
        ("increment", True, 1, "not_a_number"),
        ("increment", 1, float("nan"), "not_a_number"),
        ("increment", 2**53, 1, "not_a_number"),
        ("append", 5, 1, "not_appendable"),
        ("append", {"a": 1}, 1, "not_appendable"),
    ],
)
def test_an_operation_that_makes_no_sense_fails_for_good(operation: str, old: Any, value: Any, code: str) -> None:
    step = build("update_field", field="x", operation=operation, value=value)
    assert failure(step, Stay(Contact("c1", custom_fields={"x": old}))) == code


@pytest.mark.parametrize("spelling", ["company", "company_name", "contact.company", "customer.company_name"])
def test_a_standard_field_is_found_under_its_names(spelling: str) -> None:
    stay = after("update_field", Contact("c1", {"company": "Old"}), {"new": "New"}, field=spelling, value="{{new}}")
    assert stay.contact.attributes == {"company": "New"}
    assert stay.raised == [("field_changed", {"field": "company", "old_value": "Old", "new_value": "New"})]


def test_a_custom_field_may_be_spelled_in_full() -> None:
    stay = after("update_field", Contact("c1"), field="contact.custom_fields.plan", value="gold")
    assert stay.contact.custom_fields == {"plan": "gold"}


def test_the_name_made_of_two_fields_is_not_taken_for_a_stored_one() -> None:
    stay = after("update_field", Contact("c1", {"first_name": "Ann"}), field="name", value="Ann")
    assert stay.contact.attributes == {"first_name": "Ann", "name": "Ann"}
    assert stay.raised == [("field_changed", {"field": "name", "old_value": None, "new_value": "Ann"})]


@pytest.mark.parametrize(
    ("config", "score"),
    [
        ({"value": 5}, 15),
        ({"value": -3}, 7),
        ({"value": "+5"}, 15),
        ({"value": "{{variables.points}}"}, 12.5),
        ({"value": 90, "operation": "set"}, 90),
    ],
)
def test_the_score_is_added_to_or_set(config: dict[str, Any], score: float) -> None:
    stay = after("update_score", Contact("c1", score=10), {"points": "2.5"}, **config)
    assert stay.contact.score == score
    assert stay.raised == [("score_updated", {"old_value": 10, "new_value": score})]


@pytest.mark.parametrize(
    ("step_type", "config", "code"),
    [
        ("add_tag", {"tag": "{{variables.none}}"}, "empty_tag"),
        ("add_to_list", {"list": "{{variables.none}}"}, "empty_list"),
        ("update_score", {"value": "{{variables.none}}"}, "not_a_number"),
    ],
)
def test_an_empty_value_at_run_time_fails_the_step(step_type: str, config: dict[str, Any], code: str) -> None:
    assert failure(build(step_type, **config), Stay(variables={"none": None})) == code


@pytest.mark.parametrize(
    ("step_type", "config"),
    [("add_tag", {"tag": "a"}), ("update_field", {"field": "x", "value": 1}), ("update_score", {"value": 1})],
)
def test_a_run_without_contact_cannot_change_one(step_type: str, config: dict[str, Any]) -> None:
    assert failure(build(step_type, **config), Stay(None)) == "no_contact"


@pytest.mark.parametrize(
    ("step_type", "config", "reads"),
    [
        ("add_tag", {"tag": "{{plan}}"}, {"tags", "plan"}),
        ("update_field", {"field": "company_name", "value": "{{contact.email}}"}, {"company", "email"}),
        ("update_score", {"value": 1}, {"score"}),
        ("add_to_list", {"list": "{{contact}}"}, {"*", "lists"}),
        ("remove_tag", {"tag": "{{trigger.tag}}"}, {"tags"}),
    ],
)
def test_a_step_declares_what_it_reads(step_type: str, config: dict[str, Any], reads: set[str]) -> None:
    assert build(step_type, **config).reads.contact == reads


@pytest.mark.parametrize(
    ("step_type", "config", "expected"),
    [
        ("add_tag", {}, [("missing_key", ())]),
        ("add_tag", {"tag": ""}, [("bad_value", ("tag",))]),
        ("add_tag", {"tags": []}, [("bad_value", ("tags",))]),
        ("add_tag", {"tag": "a", "tags": ["b"]}, [("conflicting_keys", ("tags",))]),
        ("add_to_list", {"list": "a", "segment": "b"}, [("conflicting_keys", ("segment",))]),
        ("update_field", {"field": "x"}, [("missing_key", ())]),
        ("update_field", {"field": "tags", "value": 1}, [("reserved_field", ("field",))]),
        ("update_field", {"field": "contact.score", "value": 1}, [("reserved_field", ("field",))]),
        ("update_field", {"field": "a.b", "value": 1}, [("bad_name", ("field",))]),
        ("update_field", {"field": "{{x}}", "value": 1}, [("bad_name", ("field",))]),
        ("update_score", {"value": "lots"}, [("bad_value", ("value",))]),
    ],
)
def test_what_is_wrong_with_a_contact_step_is_said(step_type: str, config: dict[str, Any], expected: list[Any]) -> None:
    assert problems(step_type, **config) == expected
