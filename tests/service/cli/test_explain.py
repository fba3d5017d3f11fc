"""What `explain` shows of an answer."""

from __future__ import annotations

from statewright.v1 import ExplainResponse, MessageExplanation, MessageVerdict

from tests.service.cli.conftest import Run, parsed
from tests.service.cli.fake_server import FakeServer

ASK = ("explain", "--event", "cast", "--contact", "ann")


def test_messages_are_shown_with_the_verdict_the_rule_and_when_they_ask_again(server: FakeServer, run: Run) -> None:
    held = MessageExplanation(
        workflow="news", step="fly", channel="sms", rule="provider_rate", reason="the provider takes 1 sms message"
    )
    held.verdict = MessageVerdict.MESSAGE_VERDICT_HELD
    held.until_time.FromJsonString("2026-03-02T09:00:00Z")
    sent = MessageExplanation(workflow="news", step="mail", channel="email", enrollment_id="e1")
    sent.verdict = MessageVerdict.MESSAGE_VERDICT_SENT
    server.answers["Enrollment.Explain"] = ExplainResponse(messages=[held, sent])
    shown = " ".join(run(*ASK).output.split())
    assert "HELD news: the message of step fly, by sms, until 2026-03-02 09:00:00: the provider takes 1 sms" in shown
    assert "SENT news: the message of step mail, by email, of e1" in shown
    told = parsed(run(*ASK, "--json"))["messages"]
    assert [(one["verdict"], one["rule"]) for one in told] == [("held", "provider_rate"), ("sent", "")]
