"""Contacts and what changes them: equal values raise nothing, every real change raises its event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from statemachine.contact import Contact, contact_from_data, contact_to_data
from statemachine.errors import InvalidInput
from statemachine.event import Event
from statemachine.patch import apply_patch, change_lists, change_tags, remember_reply, set_field

ANN = Contact("c1", {"first_name": "Ann"}, {"stage": "new"}, ("a", "b"), ("news",), 3, 7)


def raised(changed: tuple[Contact, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(event.type, dict(event.data)) for event in changed[1]]


class TestFields:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("first_name", "Ann"), ("stage", "new"), ("company_name", "ACME"), ("name", "Ann Lee"), ("nothing", None)],
    )
    def test_a_field_is_found_by_its_bare_name(self, name: str, value: Any) -> None:
        contact = ANN.with_field("company", "ACME").with_field("last_name", "Lee")
        assert contact.get(name) == value

    def test_a_set_name_wins_over_first_and_last(self) -> None:
        assert ANN.with_field("name", "Dr. Ann").get("name") == "Dr. Ann"

    def test_a_set_null_is_set(self) -> None:
        assert (ANN.with_field("stage", None).has("stage"), ANN.without_field("stage").has("stage")) == (True, False)

    def test_a_change_makes_a_new_contact_and_leaves_the_old(self) -> None:
        ANN.with_field("stage", "x").without_field("first_name")
        assert (ANN.get("stage"), ANN.get("first_name")) == ("new", "Ann")

    def test_a_contact_reads_back_equal_from_its_data(self) -> None:
        assert contact_from_data("c1", contact_to_data(ANN), 7) == ANN


class TestPatches:
    @pytest.mark.parametrize(
        ("patch", "events"),
        [
            ({}, []),
            ({"first_name": "Ann", "stage": "new", "score": 3, "tags": ["a", "b"]}, []),
            ({"stage": "won"}, [("field_changed", {"field": "stage", "old_value": "new", "new_value": "won"})]),
            ({"stage": None}, [("field_changed", {"field": "stage", "old_value": "new", "new_value": None})]),
            ({"absent": None}, []),
            ({"custom_fields": {"x": 1}}, [("field_changed", {"field": "x", "old_value": None, "new_value": 1})]),
            ({"tags": ["b", "c"]}, [("tag_added", {"tag": "c"}), ("tag_removed", {"tag": "a"})]),
            ({"lists": []}, [("list_removed", {"list": "news"})]),
            ({"score": 9}, [("score_updated", {"old_value": 3, "new_value": 9})]),
        ],
    )
    def test_a_patch_raises_what_really_changed(self, patch: dict[str, Any], events: list[Any]) -> None:
        assert raised(apply_patch(ANN, patch)) == events

    @pytest.mark.parametrize(
        "patch",
        [{"tags": "a"}, {"tags": [""]}, {"tags": [1]}, {"lists": {}}, {"score": "9"}, {"score": True},
         {"custom_fields": []}, {"id": "c2"}, {"revision": 1}],
    )  # fmt: skip
    def test_a_part_of_the_wrong_shape_is_refused(self, patch: dict[str, Any]) -> None:
        with pytest.raises(InvalidInput):
            apply_patch(ANN, patch)

    @pytest.mark.parametrize(("old", "new"), [(1, True), (0, False), (1, 1.0), ("1", 1)])
    def test_another_type_is_a_real_change(self, old: Any, new: Any) -> None:
        assert raised(set_field(ANN.with_field("x", old), "x", new)) != []


class TestMembers:
    def test_tags_that_come_and_go_are_told_once_each(self) -> None:
        contact, events = change_tags(ANN, ["c", "c", "a"], ["b", "z"])
        assert (contact.tags, [event.type for event in events]) == (("a", "c"), ["tag_added", "tag_removed"])

    def test_nothing_changed_is_the_same_contact(self) -> None:
        assert change_tags(ANN, ["a"], ["z"])[0] is ANN
        assert change_lists(ANN, ["news"])[0] is ANN


class TestReplies:
    AT = datetime(2026, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize("key", ["content", "message", "body"])
    def test_an_incoming_message_is_remembered_by_channel(self, key: str) -> None:
        event = Event("1", "message_received", data={"channel": "SMS", key: "hi"}, occurred_at=self.AT)
        contact = remember_reply(ANN, event)
        assert (contact.get("last_sms_reply"), contact.get("last_sms_reply_at")) == ("hi", self.AT.isoformat())

    @pytest.mark.parametrize(
        "event", [Event("1", "click", data={"channel": "sms"}), Event("1", "message_received", data={})]
    )
    def test_nothing_else_is(self, event: Event) -> None:
        assert remember_reply(ANN, event) is ANN
