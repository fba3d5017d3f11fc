"""An event message becomes a command; whatever is wrong with it is refused with its place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from statewright.v1 import Event, EventResult, TriggerResponse, VerdictKind

from service.engine.commands import EventAnswer, TriggerEvent
from service.rpc.event_message import read_trigger, read_triggers, write_event_result, write_trigger_answer
from statemachine.errors import InvalidInput, LimitExceeded, NotFound
from statemachine.verdict import Verdict

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def message(data: dict[str, Any] | None = None, **fields: Any) -> Event:
    event = Event(**{"id": "e1", "type": "contact_created", "contact_id": "ann", **fields})
    event.data.update(data or {})
    return event


def read(data: dict[str, Any] | None = None, **fields: Any) -> TriggerEvent:
    return read_trigger(message(data, **fields), "event")


def places(event: Event) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        read_trigger(event, "event")
    return [place for place, _ in refused.value.violations]


def test_an_alias_becomes_the_canonical_type() -> None:
    assert read(type="contact_added").event.type == "contact_created"


def test_an_sms_becomes_a_message_on_that_channel() -> None:
    event = read({"content": "hi"}, type="sms_received").event
    assert (event.type, event.data) == ("message_received", {"content": "hi", "channel": "sms"})


def test_a_type_of_ones_own_stays_as_it_is() -> None:
    assert read(type="Invoice.Überfällig").event.type == "Invoice.Überfällig"


def test_an_empty_id_is_minted_and_never_twice_the_same() -> None:
    assert read(id="").event.id != read(id="").event.id != ""


def test_absent_parts_are_none_and_not_empty() -> None:
    event = read(contact_id="").event
    assert (event.contact_id, event.conversation_id, event.key, event.occurred_at) == (None, None, None, None)


def test_a_restamped_repeat_has_the_same_hash() -> None:
    first = read({"a": 1}, occurred_time=Timestamp(seconds=1))
    again = read({"a": 1}, occurred_time=Timestamp(seconds=2))
    assert first.body_hash == again.body_hash
    assert first.event.occurred_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_the_order_of_names_does_not_change_the_hash() -> None:
    assert read({"a": 1, "b": 2}).body_hash == read({"b": 2, "a": 1}).body_hash


@pytest.mark.parametrize("other", [{"data": {"a": 2}}, {"priority": 1}, {"contact_id": "bob"}, {"key": "k"}])
def test_another_body_has_another_hash(other: dict[str, Any]) -> None:
    assert read({"a": 1}).body_hash != read(**{"data": {"a": 1}, **other}).body_hash


@pytest.mark.parametrize("kind", ["", "  ", "a\nb", "a\0b", "x" * 256])
def test_a_type_that_is_no_name_is_refused(kind: str) -> None:
    assert "event.type" in places(message(type=kind))


@pytest.mark.parametrize("name", ["id", "source", "contact_id", "conversation_id", "key"])
def test_an_id_has_at_most_255_bytes_and_no_nul(name: str) -> None:
    assert read_trigger(message(None, **{name: "x" * 255}), "event").event is not None
    assert places(message(None, **{name: "ä" * 128})) == [f"event.{name}"]
    assert places(message(None, **{name: "a\0"})) == [f"event.{name}"]


def test_all_wrong_names_are_told_at_once() -> None:
    assert places(message(id="x" * 300, key="\0")) == ["event.id", "event.key"]


@pytest.mark.parametrize("priority", [-101, 101])
def test_a_priority_out_of_range_is_refused(priority: int) -> None:
    assert places(message(priority=priority)) == ["event.priority"]


def test_an_event_over_256_kib_is_over_the_limit() -> None:
    with pytest.raises(LimitExceeded) as refused:
        read({"x": "a" * 256 * 1024})
    assert refused.value.metadata == {"limit": "event", "maximum": str(256 * 1024)}


def test_a_patch_needs_a_contact() -> None:
    event = message(contact_id="")
    event.contact_patch.update({"email": "a@b.c"})
    assert places(event) == ["event.contact_id"]


def test_one_bad_event_of_a_batch_stands_beside_its_good_neighbours() -> None:
    read = read_triggers([message(), message(priority=500), message(id="e3")], "events")
    assert [type(command) for command in read] == [TriggerEvent, InvalidInput, TriggerEvent]
    assert isinstance(read[1], InvalidInput)
    assert read[1].violations[0][0] == "events[1].priority"


def answer(*verdicts: Verdict) -> EventAnswer:
    return EventAnswer("e1", False, verdicts, NOW)


def test_not_matched_is_told_only_on_request() -> None:
    verdicts = (Verdict("a", 1, "ENROLLED", "id1"), Verdict("b", 2, "NOT_MATCHED", rule="plan equals 'pro'"))
    quiet, full = TriggerResponse(), TriggerResponse()
    write_trigger_answer(answer(*verdicts), quiet, include_not_matched=False)
    write_trigger_answer(answer(*verdicts), full, include_not_matched=True)
    assert [verdict.workflow for verdict in quiet.verdicts] == ["a"]
    assert [(verdict.workflow, verdict.reason) for verdict in full.verdicts][1] == ("b", "plan equals 'pro'")


@pytest.mark.parametrize("kind", ["ENROLLED", "ADVANCED", "EXITED", "BUFFERED", "BLOCKED", "NOT_MATCHED"])
def test_every_verdict_has_its_enum(kind: str) -> None:
    response = TriggerResponse()
    write_trigger_answer(answer(Verdict("a", 1, kind)), response, include_not_matched=True)
    assert VerdictKind.Name(response.verdicts[0].kind) == f"VERDICT_KIND_{kind}"


def test_an_exit_names_its_rule_with_the_reason() -> None:
    response = TriggerResponse()
    write_trigger_answer(answer(Verdict("a", 1, "EXITED", "id", "unsubscribed")), response, include_not_matched=False)
    assert response.verdicts[0].rule == "exit:unsubscribed"


def test_a_refused_event_of_a_batch_carries_its_status_and_id() -> None:
    result = EventResult()
    write_event_result("e7", NotFound("workflow", "w"), result, include_not_matched=False)
    assert (result.event_id, result.error.code, result.WhichOneof("result")) == ("e7", 5, "error")
