"""Two examples on a real server, on both stores, run by events to their ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from statewright.client import Client
from statewright.v1 import (
    Contact,
    EnrollmentServiceListRequest,
    EnrollmentView,
    OutboxServiceListRequest,
    PublishRequest,
    UpsertRequest,
)

from tests.e2e.caller import Caller, eventually
from tests.e2e.conftest import Serve
from tests.examples import FOLDER


def _sent(client: Client, contact: str) -> list[tuple[str, str]]:
    """(step, text) of the contact's messages in the outbox, oldest first."""
    request = OutboxServiceListRequest(contact_id=contact, page_size=50)
    messages = client.outbox.List(request, timeout=10).messages
    return [(message.step, message.body) for message in reversed(messages)]


def _publish(client: Client, file: Path) -> Any:
    return client.workflows.Publish(PublishRequest(source=file.read_text(encoding="utf-8")), timeout=30)


@pytest.fixture
def talking(serve: Serve, database_url: str) -> Iterator[Client]:
    """A server on which five seconds pass in one: a burst of messages is over in four."""
    with serve(database_url, dev=True, clock_rate=5).client() as client:
        yield client


def test_a_burst_is_answered_once_and_what_is_written_meanwhile_is_answered_too(talking: Client) -> None:
    caller = Caller(talking)
    _publish(talking, FOLDER / "message_burst.yaml")

    def write(content: str) -> Any:
        data = {"channel": "chat", "conversation_id": "k1", "content": content}
        return caller.trigger("message_received", "ann", data=data).verdicts

    run = write("Hi")[0].enrollment_id
    write("my lamp is broken")
    task = caller.take("answers")
    assert task.input["messages"] == "Hi\nmy lamp is broken"

    write("and where is the invoice?")
    caller.complete(task, {"text": "We send you a new one."})
    second = caller.take("answers")
    assert (second.enrollment_id, second.input["messages"]) == (run, "and where is the invoice?")
    caller.complete(second, {"text": "It comes by mail."})

    eventually(lambda: caller.status(run) == "COMPLETED")
    assert _sent(talking, "ann") == [("answer", "We send you a new one."), ("answer", "It comes by mail.")]


@pytest.fixture
def hasty(serve: Serve, database_url: str) -> Iterator[Client]:
    """A server on which a day passes in less than half a second."""
    with serve(database_url, dev=True, clock_rate=200_000).client() as client:
        yield client


def test_a_dormant_contact_is_asked_twice_and_then_left_alone(hasty: Client) -> None:
    caller = Caller(hasty)
    _publish(hasty, FOLDER / "re_engagement.yaml")
    contact = Contact(id="ann", first_name="Ann", email="ann@example.com", lists=["newsletter"], tags=["dormant"])
    hasty.contacts.Upsert(UpsertRequest(contact=contact), timeout=10)
    request = EnrollmentServiceListRequest(contact_id="ann", view=EnrollmentView.ENROLLMENT_VIEW_FULL)
    eventually(lambda: hasty.enrollments.List(request, timeout=10).enrollments)
    [started] = hasty.enrollments.List(request, timeout=10).enrollments

    eventually(lambda: caller.status(started.id) == "COMPLETED")
    ended = caller.run(started.id)
    assert list(ended.path) == ["miss_you", "await_click", "second_try", "await_return", "sunset", "remember"]
    assert ended.end_time.ToDatetime() - ended.start_time.ToDatetime() >= timedelta(days=12)
    assert [step for step, _ in _sent(hasty, "ann")] == ["miss_you", "second_try"]
