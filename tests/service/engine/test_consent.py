"""Consent through the engine, on both stores."""

from __future__ import annotations

from datetime import timedelta

from tests.service.engine.house import START, House

TEXTS = """
    key: texts
    trigger: {type: go}
    steps:
      - {id: wait, type: wait, config: {for: 1h}}
      - {id: text, type: send_sms, config: {to: "+491", body: Hi}, branches: {skipped: sorry}, next: end}
      - {id: sorry, type: add_tag, config: {tag: sorry}}
"""


async def test_consent_is_stored_raises_its_event_and_skips_what_comes_after(house: House) -> None:
    await house.publish(TEXTS)
    await house.trigger("go")
    changed = await house.change(consent={"sms": "denied"}, consent_source="call", request_id="r1", body_hash="b")
    repeated = await house.change(consent={"sms": "denied"}, consent_source="call", request_id="r1", body_hash="b")
    assert (changed.changed, repeated.contact) == (True, changed.contact)
    assert (await house.change(consent={"sms": "granted"}, consent_at=START - timedelta(hours=1))).changed is False
    assert [kind for kind, _, _ in house.events()].count("consent_changed") == 1
    await house.fire(3600)
    assert house.contact().tags == ("sorry",)
    assert house.contact().consent["sms"]["source"] == "call"
    assert house.kinds(house.run()) == [
        "started", "waiting wait", "step_completed wait", "step_skipped text", "step_completed sorry", "completed",
    ]  # fmt: skip
    assert house.count("tasks") == 0


async def test_a_stop_word_denies_the_channel_in_the_transaction_of_the_message(house: House) -> None:
    await house.publish(f"{TEXTS}    exit: [{{on: contact_unsubscribed, when: \"event.data.channel == 'chat'\"}}]")
    await house.publish("key: rules\nstop_words: [sms]\nsteps: [{id: none, type: pass}]")
    await house.trigger("go")
    await house.trigger("message_received", id="m1", data={"channel": "sms", "content": " Stop. "})
    assert house.contact().consent["sms"]["status"] == "denied"
    raised = [kind for kind, _, _ in house.events() if kind in ("contact_unsubscribed", "consent_changed")]
    assert sorted(raised) == ["consent_changed", "contact_unsubscribed"]
    await house.trigger("message_received", id="m1", data={"channel": "sms", "content": " Stop. "})
    await house.trigger("message_received", id="m2", data={"channel": "chat", "content": "STOP"})
    assert "chat" not in house.contact().consent
    await house.fire(3600)
    assert (house.count("tasks"), house.contact().tags) == (0, ("sorry",))
    await house.trigger("message_received", id="m3", data={"channel": "sms", "body": "unstop"})
    assert house.contact().consent["sms"]["status"] == "granted"


async def test_who_unsubscribes_gets_no_message_of_any_workflow(house: House) -> None:
    await house.publish(TEXTS)
    await house.trigger("contact_unsubscribed")
    assert house.contact().consent["all"]["status"] == "denied"
    await house.trigger("go")
    await house.fire(3600)
    assert (house.count("tasks"), house.contact().tags) == (0, ("sorry",))
