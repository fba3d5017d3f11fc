"""Consent: what a contact says of messages, and what the gate makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from statemachine.contact import Contact, contact_from_data, contact_to_data
from statemachine.replay import replay
from statemachine.sending.consent import is_channel, set_consent, status_of
from tests.statemachine.checked_world import Simulation, compiled

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)
SMS = {"id": "text", "type": "send_sms", "config": {"body": "Hi"}}
AFTER = {"id": "after", "type": "add_tag", "config": {"tag": "later"}}


def said(contact: Contact, /, at: datetime = NOW, **statuses: str) -> tuple[Contact, list[dict[str, Any]]]:
    changed, raised = set_consent(contact, statuses, "form", at)
    return changed, [dict(event.data) for event in raised]


def test_what_is_said_is_kept_with_its_time_and_source_and_raises_what_changed() -> None:
    contact, raised = said(Contact("ann"), sms="denied", email="granted", chat="unknown")
    assert contact.consent == {
        "sms": {"status": "denied", "at": NOW.isoformat(), "source": "form"},
        "email": {"status": "granted", "at": NOW.isoformat(), "source": "form"},
    }
    assert [(data["channel"], data["old_status"], data["new_status"]) for data in raised] == [
        ("sms", "unknown", "denied"),
        ("email", "unknown", "granted"),
    ]
    assert contact_from_data("ann", contact_to_data(contact)) == contact


@pytest.mark.parametrize(
    ("later_s", "status", "becomes"),
    [(0, "denied", "denied"), (5, "granted", "granted"), (-5, "granted", "denied"), (5, "unknown", "unknown")],
)
def test_the_latest_statement_holds_and_a_repeat_changes_nothing(later_s: int, status: str, becomes: str) -> None:
    before, _ = said(Contact("ann"), sms="denied")
    after, raised = said(before, NOW + timedelta(seconds=later_s), sms=status)
    assert status_of(after, "sms") == becomes
    assert (after is before, bool(raised)) == (becomes == "denied", becomes != "denied")


def test_a_contact_that_said_nothing_is_stored_as_ever() -> None:
    assert "consent" not in contact_to_data(Contact("ann"))


@pytest.mark.parametrize(
    ("name", "good"),
    [("sms", True), ("my_app2", True), ("all", False), ("SMS", False), ("", False), ("a b", False), ("a" * 51, False)],
)
def test_a_channel_is_a_short_word(name: str, good: bool) -> None:
    assert is_channel(name) is good


def play(step: dict[str, Any], *, data: dict[str, Any] | None = None, **statuses: str) -> Simulation:
    simulation = Simulation(compiled(step, AFTER))
    simulation.world.set_consent("c1", statuses)
    simulation.trigger("go", data=data or {})
    return simulation


MAIL = {"id": "text", "type": "send_email", "config": {"to": "a@b.c", "body": "Hi"}}
REPLY = {"id": "text", "type": "send_reply", "config": {"message": "Hi"}}
TELL = {"id": "text", "type": "slack", "config": {"message": "Hi"}}


@pytest.mark.parametrize(
    ("step", "statuses", "rule"),
    [
        (SMS, {}, None),
        (SMS, {"sms": "granted"}, None),
        (SMS, {"email": "denied"}, None),
        (SMS, {"sms": "denied"}, "consent"),
        (SMS, {"sms": "granted", "all": "denied"}, "do_not_contact"),
        (MAIL, {"email": "denied"}, "consent"),
        (REPLY, {"whatsapp": "denied"}, "consent"),
        (REPLY, {"sms": "denied"}, None),
        (TELL, {"slack": "denied", "all": "denied"}, None),
    ],
)
def test_a_message_asks_for_consent_of_its_channel(
    step: dict[str, Any], statuses: dict[str, str], rule: str | None
) -> None:
    simulation = play(step, data={"channel": "WhatsApp"}, **statuses)
    orders = simulation.records[simulation.last].orders
    skipped = [entry.metadata for entry in simulation.history if entry.kind == "step_skipped"]
    assert (len(orders), [found["rule"] for found in skipped]) == ((0, [rule]) if rule else (1, []))
    if rule:
        assert simulation.run.status == "completed"
        assert (skipped[0]["verdict"], simulation.records[simulation.last].path) == ("skipped", ("after",))
        assert "asked for" in skipped[0]["reason"]


def test_a_skipped_message_goes_where_its_outcome_leads() -> None:
    step = {**SMS, "branches": {"Skipped": "after"}, "next": "end"}
    assert play(step, sms="denied").records["enrollment-0001"].path == ("after",)
    assert play(step).run.status == "waiting"


def test_a_skipped_message_is_decided_again_from_history_alone() -> None:
    simulation = play(SMS, sms="denied")
    record = simulation.records[simulation.last]
    causes = [entry.cause for entry in record.history if entry.cause is not None]
    assert replay(record.workflow, causes).snapshot == record.snapshot
    assert causes[0]["reads"]["contact"]["consent"]["sms"]["status"] == "denied"


def test_a_contact_without_consent_adds_nothing_to_history() -> None:
    simulation = Simulation(compiled({**SMS, "config": {"to": "+491", "body": "Hi"}}))
    simulation.trigger("go")
    assert simulation.history[0].cause is not None
    assert "reads" not in simulation.history[0].cause


@pytest.mark.parametrize(
    ("data", "denied"), [({"channel": "Email"}, "email"), ({}, "all"), ({"channel": "no channel!"}, "all")]
)
def test_contact_unsubscribed_sets_consent_before_anybody_sees_the_event(data: dict[str, str], denied: str) -> None:
    simulation = Simulation(compiled(MAIL, AFTER, triggers=[{"type": "contact_unsubscribed"}]))
    reception = simulation.trigger("contact_unsubscribed", data=data)
    assert reception.contact is not None
    assert list(reception.contact.consent) == [denied]
    assert [(event.type, event.data.get("channel")) for event in reception.raised][-1] == ("consent_changed", denied)
    assert simulation.records[simulation.last].path == ("after",)


def test_who_unsubscribed_by_a_clock_that_is_ahead_can_consent_again() -> None:
    simulation = Simulation(compiled(MAIL, AFTER))
    simulation.trigger("contact_unsubscribed", occurred_at=NOW + timedelta(days=36_500))
    again, raised = said(simulation.contact, simulation.now + timedelta(seconds=1), all="granted")
    assert (status_of(again, "all"), len(raised)) == ("granted", 1)


# --- read by authors ---


def reads(simulation: Simulation) -> list[Any]:
    return [(entry.cause or {}).get("reads", {}).get("contact", {}).get("consent") for entry in simulation.history]


def test_templates_and_conditions_read_what_the_contact_said_and_the_read_is_recorded() -> None:
    simulation = Simulation(
        compiled(
            {"id": "keep", "type": "set_variable", "config": {"path": "told", "value": "{{contact.consent.sms}}"}},
            {"id": "a", "type": "add_tag", "config": {"tag": "a"},
             "when": "contact.consent.sms == 'denied' && contact.consent.email == 'unknown'"},
            {"id": "b", "type": "add_tag", "config": {"tag": "b"},
             "when": {"field": "contact.consent.all", "operator": "equals", "value": "denied"}},
        )
    )  # fmt: skip
    simulation.consent(sms="denied")
    simulation.trigger("go")
    assert simulation.run.variables == {"told": "denied"}
    assert simulation.contact.tags == ("a",)
    assert reads(simulation)[0] == {"sms": {"status": "denied", "at": simulation.now.isoformat()}}
    simulation.audit()


def test_a_wait_for_consent_ends_when_it_is_given() -> None:
    wait = {"id": "wait", "type": "wait", "config": {"until_true": "contact.consent.sms == 'granted'", "timeout": "9d"}}
    simulation = Simulation(compiled({**wait, "branches": {"timeout": "end"}}, SMS))
    simulation.trigger("go")
    simulation.consent(email="granted")
    assert simulation.run.step == "wait"
    simulation.consent(sms="granted")
    assert simulation.run.step == "text"
    simulation.audit()


def test_a_field_of_its_own_that_is_called_consent_is_read_as_ever() -> None:
    simulation = Simulation(
        compiled({"id": "keep", "type": "set_variable", "config": {"path": "told", "value": "{{contact.consent}}"}})
    )
    simulation.change(consent="by phone")
    simulation.consent(sms="denied")
    simulation.trigger("go")
    assert simulation.run.variables == {"told": "by phone"}
    simulation.audit()
