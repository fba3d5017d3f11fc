"""Stories that every journey engine gets wrong once: told to a real server by a real client, on both stores.

An hour of workflow time passes in a second. What must come first in a story is days ahead of what must come later, so
that a slow machine tells it the same way; nothing sleeps, and the store is audited when the last story is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from statewright.v1 import (
    ContactServiceGetRequest,
    EnrollmentServiceListRequest,
    EnrollmentServicePauseRequest,
    EnrollmentServiceResumeRequest,
    OutboxServiceListRequest,
    PauseTimers,
    VerdictKind,
)

from service.engine.clock import open_clock
from service.storage.database import Database
from tests.audit import assert_sound
from tests.databases import Databases, Kind, migrated
from tests.e2e.caller import Caller, eventually
from tests.e2e.servers import Server

RATE = 3600.0

CART = """
key: cart
name: Abandoned cart
triggers: [{type: cart_abandoned}]
exit: [{on: order_placed, goal: purchase, when: "event.data.total > 0"}]
steps:
  - {id: patience, type: wait, config: {for: "{{trigger.data.hours}}h"}}
  - id: remind
    type: send_email
    config: {to: "{{contact.id}}@example.com", subject: Your cart, body: Still interested?}
"""
QUESTION = """
key: question
name: Question
triggers: [{type: question_wanted}]
steps:
  - {id: ask, type: task, config: {queue: questions}}
  - id: answer
    type: wait
    config: {on: [{event: message_received, branch: replied}], timeout: 30d}
    branches: {replied: thanks, timeout: end}
  - {id: thanks, type: add_tag, config: {tag: "said_{{event.data.content}}"}}
"""
RACE = """
key: race
name: Race
triggers: [{type: race_wanted}]
steps:
  - id: first
    type: wait
    config:
      on:
        - {event: email_opened, branch: opened}
        - {event: email_clicked, branch: clicked}
        - {event: message_received, branch: replied}
      timeout: 30d
    branches: {opened: opened, clicked: clicked, replied: replied, timeout: end}
  - {id: opened, type: update_score, config: {value: 1}, next: end}
  - {id: clicked, type: update_score, config: {value: 1}, next: end}
  - {id: replied, type: update_score, config: {value: 1}, next: end}
"""
DELIVERY = """
key: delivery
name: Delivery
triggers: [{type: delivery_wanted}]
exit: [{on: order_cancelled, reason: cancelled by the customer}]
steps:
  - {id: drive, type: task, config: {queue: drivers}}
  - {id: done, type: add_tag, config: {tag: delivered}}
"""
APPOINTMENT = """
key: appointment
name: Appointment
triggers: [{type: appointment_made}]
entry: {reentry: restart}
steps:
  - {id: until_then, type: wait, config: {for: "{{trigger.data.hours}}h"}}
  - {id: remind, type: update_score, config: {value: 1}}
"""
NAP = """
key: nap
name: Nap
triggers: [{type: nap_wanted}]
steps:
  - {id: nap, type: wait, config: {for: "{{trigger.data.hours}}h"}}
  - {id: awake, type: update_score, config: {value: 1}}
"""
PING = """
key: ping
name: Ping
triggers: [{type: tag_added, config: {tag: ping}}]
entry: {reentry: always}
steps:
  - {id: take, type: remove_tag, config: {tag: ping}}
  - {id: give, type: add_tag, config: {tag: pong}}
"""
PONG = PING.replace("pong", "x").replace("ping", "pong").replace("x", "ping").replace("Ping", "Pong")


@dataclass(frozen=True, slots=True)
class Stage:
    """A server on which every story has its own workflow and contacts, and what can be asked of them."""

    caller: Caller

    def tell(self, kind: str, contact: str, **data: Any) -> list[tuple[str, str]]:
        """(verdict, workflow) of what the event did."""
        answer = self.caller.trigger(kind, contact, data=data)
        found = [(VerdictKind.Name(one.kind).removeprefix("VERDICT_KIND_"), one.workflow) for one in answer.verdicts]
        return [pair for pair in found if pair[0] != "NOT_MATCHED"]

    def contact(self, contact: str) -> Any:
        return self.caller.client.contacts.Get(ContactServiceGetRequest(contact_id=contact), timeout=10).contact

    def score(self, contact: str) -> float:
        return float(self.contact(contact).score)

    def subjects(self, contact: str) -> list[str]:
        """Of the messages that were sent to the contact."""
        request = OutboxServiceListRequest(contact_id=contact)
        return [message.subject for message in self.caller.client.outbox.List(request, timeout=10).messages]

    def runs(self, workflow: str, contact: str) -> list[str]:
        """Enrollments, oldest first."""
        request = EnrollmentServiceListRequest(workflow=workflow, contact_id=contact, page_size=100)
        return sorted(one.id for one in self.caller.client.enrollments.List(request, timeout=10).enrollments)

    def ended(self, run: str, status: str = "COMPLETED") -> None:
        eventually(lambda: self.caller.status(run) == status)

    def kinds(self, run: str) -> list[str]:
        return [entry.kind for entry in self.caller.history(run)]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stage(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    kind: Kind = request.param
    folder = tmp_path_factory.mktemp("stories")
    url = databases.create(kind, folder, migrated)
    with Server(url, folder, dev=True, clock_rate=RATE) as server, server.client() as client:
        caller = Caller(client)
        caller.publish(CART, QUESTION, RACE, DELIVERY, APPOINTMENT, NAP, PING, PONG)
        yield Stage(caller)
    with closing(Database(url)) as database:
        clock = open_clock(database, RATE)
        with database.reading() as transaction:
            now = clock.read(transaction)
            assert_sound(transaction, workflow_now=now.workflow, wall_now=now.wall)


def test_who_buys_before_the_reminder_is_not_reminded(stage: Stage) -> None:
    early, late = (stage.caller.start("cart_abandoned", who, data={"hours": hours}) for who, hours in BUYERS.items())
    assert stage.tell("order_placed", "early", total=0) == []
    assert stage.tell("order_placed", "early", total=20) == [("EXITED", "cart")]
    run = stage.caller.run(early)
    assert (run.exit_reason, run.goal, run.HasField("due_time")) == ("goal:purchase", "purchase", False)
    stage.ended(late)
    eventually(lambda: stage.subjects("late") == ["Your cart"])
    assert stage.subjects("early") == []
    assert stage.tell("order_placed", "late", total=20) == []


BUYERS: Mapping[str, int] = {"early": 24 * 30, "late": 1}


def test_a_reply_that_comes_before_its_wait_is_not_lost(stage: Stage) -> None:
    run = stage.caller.start("question_wanted", "quick")
    task = stage.caller.take("questions")
    assert stage.tell("message_received", "quick", content="yes", channel="sms") == [("BUFFERED", "question")]
    assert stage.caller.status(run) == "WAITING"
    stage.caller.complete(task)
    stage.ended(run)
    assert list(stage.contact("quick").tags) == ["said_yes"]
    assert stage.tell("message_received", "quick", content="again", channel="sms") == []


def test_of_three_events_at_once_one_moves_the_run_and_takes_the_others_away(stage: Stage) -> None:
    kinds = ("email_opened", "email_clicked", "message_received")
    runners = [f"runner{number}" for number in range(8)]
    runs = {who: stage.caller.start("race_wanted", who) for who in runners}
    with ThreadPoolExecutor(len(kinds)) as pool:
        for who, run in runs.items():
            said = [verdict for found in pool.map(stage.tell, kinds, [who] * len(kinds)) for verdict in found]
            assert said == [("ADVANCED", "race")]
            stage.ended(run)
            assert stage.score(who) == 1
            assert stage.kinds(run).count("waiting") == 1


def test_who_leaves_while_a_worker_is_at_it_stays_away(stage: Stage) -> None:
    run = stage.caller.start("delivery_wanted", "fickle")
    task = stage.caller.take("drivers")
    assert stage.tell("order_cancelled", "fickle") == [("EXITED", "delivery")]
    assert stage.caller.extend(task).cancelled
    assert not stage.caller.complete(task).applied
    assert (stage.caller.status(run), stage.caller.run(run).exit_reason) == ("EXITED", "cancelled by the customer")
    assert list(stage.contact("fickle").tags) == []
    assert stage.caller.poll("drivers", wait_s=0) == []


def test_who_comes_back_leaves_the_old_timer_behind(stage: Stage) -> None:
    old = stage.caller.start("appointment_made", "moved", data={"hours": 24 * 30})
    new = stage.caller.start("appointment_made", "moved", data={"hours": 2})
    assert (stage.caller.status(old), stage.caller.run(old).exit_reason) == ("EXITED", "restarted")
    assert not stage.caller.run(old).HasField("due_time")
    stage.ended(new)
    assert stage.score("moved") == 1
    assert stage.kinds(old)[-1] == "exited"


def test_a_timer_that_falls_due_in_a_pause_fires_once_afterwards(stage: Stage) -> None:
    sleeper, hours = paused_in_a_nap(stage)
    run = stage.runs("nap", sleeper)[0]
    stage.ended(stage.caller.start("nap_wanted", "neighbour", data={"hours": hours}))
    assert (stage.caller.status(run), stage.score(sleeper)) == ("PAUSED", 0)
    stage.caller.client.enrollments.Resume(EnrollmentServiceResumeRequest(enrollment_id=run), timeout=10)
    stage.ended(run)
    assert stage.score(sleeper) == 1
    assert [(entry.kind, entry.step) for entry in stage.caller.history(run)].count(("step_completed", "nap")) == 1


def paused_in_a_nap(stage: Stage) -> tuple[str, int]:
    """Who naps how many hours: as long as it takes this machine to pause a nap that has begun."""
    for hours in (1, 4, 16, 64):
        sleeper = f"sleeper-{hours}"
        run = stage.caller.start("nap_wanted", sleeper, data={"hours": hours})
        pausing = EnrollmentServicePauseRequest(enrollment_id=run, timers=PauseTimers.PAUSE_TIMERS_KEEP)
        try:
            stage.caller.client.enrollments.Pause(pausing, timeout=10)
        except grpc.RpcError:
            stage.ended(run)
        else:
            return sleeper, hours
    raise AssertionError("a pause takes longer than a minute")


def test_two_journeys_that_tag_each_other_come_to_an_end(stage: Stage) -> None:
    stage.tell("tag_added", "torn", tag="ping")

    def runs() -> list[str]:
        return [*stage.runs("ping", "torn"), *stage.runs("pong", "torn")]

    def resting() -> bool:
        return len(runs()) > 1 and all(stage.caller.status(run) == "COMPLETED" for run in runs())

    eventually(resting)
    stage.ended(stage.caller.start("nap_wanted", "torn", data={"hours": 1}))
    ping, pong = len(stage.runs("ping", "torn")), len(stage.runs("pong", "torn"))
    assert 2 <= ping + pong <= 10, "the chain of causes is ten long at most"
    assert 0 <= ping - pong <= 1
