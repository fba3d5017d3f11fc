"""Every name leads where the language says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from statemachine.contact import Contact
from statemachine.event import Event
from statemachine.path import format_path, parse_path
from statemachine.scope import MISSING, Scope, contact_fields

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)
ANN = Contact(
    "c1",
    {"first_name": "Ann", "last_name": "Lee", "source": "ads", "company": "Acme"},
    {"plan": "pro", "nothing": None, "address": {"city": "Bonn"}},
    tags=("vip",),
    score=7,
)


def scope(**changes: Any) -> Scope:
    return Scope(
        **{
            "contact": ANN,
            "trigger": {
                "id": "e1",
                "type": "order_created",
                "source": "shop",
                "data": {"orderId": "o1", "items": [{"name": "a"}, {"name": "b"}]},
            },
            "event": Event("e2", "message_received", source="sms", data={"content": "hi", "total": 3}),
            "variables": {"offer": "spring", "plan": "mine", "count": 0, "conversation": {"topic": "t"}},
            "outputs": {"get-order": {"data": {"total": 5}}},
            "globals": {"company_phone": "1", "offer": "global"},
            "enrollment": {"id": "r1", "workflow": "w", "started_at": "2026-01-01T08:00:00+00:00"},
            "loop": {"item": "x", "index": 2},
            "last_error": {"step": "s", "code": "c"},
            "now": NOW,
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("contact.first_name", "Ann"),
        ("customer.first_name", "Ann"),
        ("contact.name", "Ann Lee"),
        ("contact.company_name", "Acme"),
        ("contact.score", 7),
        ("contact.tags", ["vip"]),
        ("contact.tags[0]", "vip"),
        ("contact.plan", "pro"),
        ("contact.custom_fields.plan", "pro"),
        ("contact.metadata.plan", "pro"),
        ("contact.address.city", "Bonn"),
        ("contact.nothing", None),
        ("trigger.type", "order_created"),
        ("trigger.orderId", "o1"),
        ("trigger.source", "shop"),
        ("trigger.source.orderId", "o1"),
        ("trigger.data.items[1].name", "b"),
        ("trigger.items[-1].name", "b"),
        ("trigger.items.size", 2),
        ("input.orderId", "o1"),
        ("event.source", "sms"),
        ("event.data.total", 3),
        ("event.content", "hi"),
        ("variables.offer", "spring"),
        ("workflow.offer", "spring"),
        ("vars.offer", "spring"),
        ("variables.workflow.offer", "spring"),
        ("variables.conversation.topic", "t"),
        ("conversation.topic", "t"),
        ("variables.global.company_phone", "1"),
        ("global.offer", "global"),
        ("steps.get-order.output.data.total", 5),
        ('steps["get-order"].output.data.total', 5),
        ("loop.item", "x"),
        ("enrollment.id", "r1"),
        ("execution.id", "r1"),
        ("execution.workflow_id", "w"),
        ("execution.startedAt", "2026-01-01T08:00:00+00:00"),
        ("last_error.code", "c"),
        ("now", NOW),
        ("index", 2),
        ("offer", "spring"),
        ("plan", "mine"),
        ("count", 0),
        ("first_name", "Ann"),
        ("score", 7),
        ("metadata.plan", "pro"),
        ("company_phone", "1"),
    ],
)
def test_a_path_leads_to_its_value(text: str, value: Any) -> None:
    assert scope().value(parse_path(text) or ()) == value


@pytest.mark.parametrize(
    "text",
    ["contact.email", "contact.zip", "trigger.data.zip", "trigger.items[7]", "steps.other.output",
     "steps.get-order.data", "error.code", "zip", "contact.first_name.x", "contact.nothing.x", "connection.host", "id"],
)  # fmt: skip
def test_a_path_to_nothing_is_missing(text: str) -> None:
    assert scope().value(parse_path(text) or ()) is MISSING


@pytest.mark.parametrize("text", ["contact.email", "customer.email", "email", "last_sms_reply"])
def test_a_template_sees_an_unset_standard_field_as_empty_text(text: str) -> None:
    assert scope().lookup(parse_path(text) or ()) == ""


def test_a_set_null_is_no_missing_value() -> None:
    assert scope().lookup(("contact", "nothing")) is None


def test_a_bare_name_of_a_template_looks_in_loop_then_variables_then_contact_then_global() -> None:
    places = scope(loop={"plan": 1}, variables={"plan": 2}, globals={"plan": 4})
    found = [places.value(("plan",))]
    places.loop = None
    found.append(places.value(("plan",)))
    places.variables = {}
    found.append(places.value(("plan",)))
    places.contact = None
    found.append(places.value(("plan",)))
    assert found == [1, 2, "pro", 4]


def test_a_bare_field_of_a_condition_looks_in_contact_then_event_then_trigger() -> None:
    names = scope(variables={"total": 99, "orderId": "no"})
    assert [names.field((name,)) for name in ("source", "plan", "total", "orderId")] == ["ads", "pro", 3, "o1"]
    assert names.field(("zip",)) is MISSING


def test_a_run_without_a_contact_reads_the_one_its_trigger_brought() -> None:
    names = Scope(trigger={"data": {"customer": {"age": 25}}})
    assert names.value(("customer", "age")) == 25
    assert Scope().value(("contact", "age")) is MISSING


def test_a_whole_contact_is_plain_data() -> None:
    whole = scope().value(("contact",))
    assert (whole["id"], whole["name"], whole["plan"], whole["tags"]) == ("c1", "Ann Lee", "pro", ["vip"])


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("contact.source", {"source"}),
        ("customer.custom_fields.plan", {"plan"}),
        ("contact.company_name", {"company"}),
        ("contact.name", {"name", "first_name", "last_name"}),
        ("contact", {"*"}),
        ("contact.custom_fields", {"*"}),
        ("plan", {"plan"}),
        ("trigger.data.x", set()),
    ],
)
def test_the_contact_fields_a_path_reads_are_known(path: str, fields: set[str]) -> None:
    assert contact_fields([parse_path(path) or ()]) == fields


@pytest.mark.parametrize("text", ["a", "a.b", "items[0].name", "a-b.c", 'a["x y"].z', "a[-1]", "größe.x"])
def test_a_path_reads_back_as_it_is_written(text: str) -> None:
    path = parse_path(text)
    assert path is not None
    assert format_path(path) == text


@pytest.mark.parametrize("text", ["", "1a", "a b", "a..b", "a[", "a[x]", "a | b", "'a'", "a.b-", "-a", "a[9999999999]"])
def test_other_text_is_no_path(text: str) -> None:
    assert parse_path(text) is None
