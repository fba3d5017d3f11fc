"""P2 and P4 through a real server: an event is applied once, and events of one enrollment apply in order."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from statewright.v1 import Event, TriggerBatchRequest, TriggerStreamRequest, VerdictKind

from tests.databases import Databases, Kind, migrated
from tests.e2e.caller import Caller, audit, event, eventually, refusal, rows, started
from tests.e2e.servers import Server

SIGN_UP = """
key: sign_up
name: Sign up
triggers: [{type: signed_up}]
entry: {reentry: always}
steps:
  - {id: count, type: update_field, config: {field: entries, operation: increment, value: 1}}
"""

COLLECT = """
key: collect
name: Collect
triggers: [{type: collecting}]
exit: [{on: enough}]
steps:
  - id: rest
    type: wait
    config: {on: [{event: item, branch: item}], timeout: 10d, since: wait}
    branches: {item: keep, timeout: end}
  - {id: keep, type: update_field, next: rest, config: {field: items, operation: append, value: "{{event.data.n}}"}}
"""

EARLY = """
key: early
name: Early
triggers: [{type: asked}]
steps:
  - {id: rest, type: wait, config: {for: 700ms}}
  - id: answer
    type: wait
    config: {on: [{event: answered, branch: heard}], timeout: 10d, since: enrollment}
    branches: {heard: note, timeout: end}
  - {id: note, type: set_variable, config: {path: said, value: "{{event.data.text}}"}}
"""


@dataclass(frozen=True, slots=True)
class Shop:
    server: Server
    caller: Caller

    def entries(self, contact: str) -> int:
        return len(rows(self.server.database_url, "select 1 from enrollments where contact_id = :c", c=contact))

    def logged(self, event_id: str) -> int:
        return len(rows(self.server.database_url, "select 1 from events where event_id = :id", id=event_id))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shop(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """One server per store for all tests here; each works with contacts of its own. Audited at the end."""
    kind: Kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    url = databases.create(kind, folder, migrated)
    with Server(url, folder) as server, server.client() as client:
        caller = Caller(client)
        caller.publish(SIGN_UP, COLLECT, EARLY)
        yield Shop(server, caller)
        audit(url)


# --- P2 ---


def test_p2_a_repeat_is_told_the_first_verdicts_and_does_nothing(shop: Shop) -> None:
    first = shop.caller.trigger("signed_up", "bea", id="p2-1", data={"plan": "pro"})
    repeat = shop.caller.trigger("signed_up", "bea", id="p2-1", data={"plan": "pro"})
    assert (first.duplicate, repeat.duplicate) == (False, True)
    assert list(repeat.verdicts) == [verdict for verdict in first.verdicts if verdict.kind == 1]
    assert repeat.accept_time == first.accept_time
    assert (shop.entries("bea"), shop.caller.field("bea", "entries")) == (1, 1)


def test_p2_a_repeat_may_be_stamped_anew(shop: Shop) -> None:
    for second in (1_000, 2_000):
        answer = shop.caller.trigger("signed_up", "bob", id="p2-2", occurred_time=Timestamp(seconds=second))
    assert answer.duplicate
    assert shop.entries("bob") == 1


@pytest.mark.parametrize(
    "other",
    [{"data": {"plan": "free"}}, {"contact": "cid"}, {"kind": "signed_out"}, {"priority": 5}, {"key": "k"}],
    ids=lambda other: next(iter(other)),
)
def test_p2_another_body_under_a_used_id_is_refused(shop: Shop, other: dict[str, object]) -> None:
    given = {"kind": "signed_up", "contact": "cem", "data": {"plan": "pro"}}
    shop.caller.trigger(**given, id="p2-3")  # type: ignore[arg-type]
    refused = refusal(lambda: shop.caller.trigger(**given | other, id="p2-3"))  # type: ignore[arg-type]
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "EVENT_ID_REUSED")
    assert shop.entries("cem") == 1
    assert shop.entries("cid") == 0
    assert shop.logged("p2-3") == 1


def test_p2_the_same_id_from_another_source_is_another_event(shop: Shop) -> None:
    shop.caller.trigger("signed_up", "dan", id="p2-4")
    other = Event(id="p2-4", type="signed_up", contact_id="dan", source="till")
    assert not shop.caller.send(other).duplicate
    assert shop.entries("dan") == 2


def test_p2_repeats_at_the_same_moment_apply_once(shop: Shop) -> None:
    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(lambda _: shop.caller.trigger("signed_up", "eva", id="p2-5"), range(64)))
    assert sum(not answer.duplicate for answer in answers) == 1
    assert len({answer.verdicts[0].enrollment_id for answer in answers}) == 1
    assert (shop.entries("eva"), shop.caller.field("eva", "entries")) == (1, 1)


def test_p2_a_repeat_within_one_batch_applies_once(shop: Shop) -> None:
    events = [event("signed_up", "fay", id="p2-6")] * 3 + [event("signed_up", "fay", id="p2-6", data={"n": 1})]
    results = shop.caller.client.enrollments.TriggerBatch(TriggerBatchRequest(events=events), timeout=10).results
    assert [result.accepted.duplicate for result in results[:3]] == [False, True, True]
    assert results[3].error.code == grpc.StatusCode.ALREADY_EXISTS.value[0]
    assert shop.entries("fay") == 1


def test_p2_an_event_without_an_id_is_given_one(shop: Shop) -> None:
    first, second = shop.caller.trigger("signed_up", "gil"), shop.caller.trigger("signed_up", "gil")
    assert first.event_id
    assert first.event_id != second.event_id
    assert shop.entries("gil") == 2


def test_p2_a_repeated_request_is_answered_as_the_first_time(shop: Shop) -> None:
    first = shop.caller.enroll("sign_up", "hal", request_id="p2-8")
    assert shop.caller.enroll("sign_up", "hal", request_id="p2-8") == first
    refused = refusal(lambda: shop.caller.enroll("sign_up", "ida", request_id="p2-8"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    assert (shop.entries("hal"), shop.entries("ida")) == (1, 0)


def test_p2_repeats_are_known_after_kill_9(shop: Shop) -> None:
    first = shop.caller.trigger("signed_up", "jan", id="p2-9")
    shop.server.restart()
    eventually(shop.caller.answers)
    repeat = shop.caller.trigger("signed_up", "jan", id="p2-9")
    assert repeat.duplicate
    assert started(repeat) == started(first)
    assert refusal(lambda: shop.caller.trigger("signed_up", "kim", id="p2-9")).reason == "EVENT_ID_REUSED"


# --- P4 ---


def test_p4_events_of_one_enrollment_apply_in_the_order_of_acceptance(shop: Shop) -> None:
    """One by one, in batches and in a stream; meanwhile others keep the same contact busy."""
    shop.caller.start("collecting", "lea")
    events = [event("item", "lea", id=f"p4-1-{number}", data={"n": number}) for number in range(300)]
    with ThreadPoolExecutor(4) as threads:
        noise = [threads.submit(shop.caller.trigger, "signed_up", "lea", id=f"p4-noise-{n}") for n in range(100)]
        for one in events[:100]:
            shop.caller.send(one)
        for at in range(100, 200, 20):
            request = TriggerBatchRequest(events=events[at : at + 20])
            shop.caller.client.enrollments.TriggerBatch(request, timeout=10)
        stream = (TriggerStreamRequest(sequence=at, events=events[at : at + 4]) for at in range(200, 300, 4))
        answers = list(shop.caller.client.enrollments.TriggerStream(stream, timeout=30))
        assert not [one.result().duplicate for one in noise if one.result().duplicate]
    assert [answer.sequence for answer in answers] == list(range(200, 300, 4))
    assert shop.caller.field("lea", "items") == list(range(300))
    assert shop.caller.field("lea", "entries") == 100


def test_p4_events_sent_at_the_same_moment_apply_one_at_a_time(shop: Shop) -> None:
    shop.caller.start("collecting", "mia")
    with ThreadPoolExecutor(16) as threads:
        kinds = list(
            threads.map(
                lambda n: shop.caller.trigger("item", "mia", id=f"p4-2-{n}", data={"n": n}).verdicts[0].kind, range(200)
            )
        )
    assert set(kinds) == {VerdictKind.VERDICT_KIND_ADVANCED}
    assert sorted(shop.caller.field("mia", "items")) == list(range(200))


def test_p4_an_early_event_is_kept_until_it_is_waited_for(shop: Shop) -> None:
    run = shop.caller.start("asked", "nia", id="p4-3")
    assert shop.caller.run(run).step == "rest"
    shop.caller.trigger("answered", "nia", id="p4-3-early", data={"text": "already"})
    eventually(lambda: shop.caller.status(run) == "COMPLETED")
    assert shop.caller.run(run).variables["said"] == "already"


def test_p4_a_late_event_is_recorded_and_moves_nothing(shop: Shop) -> None:
    run = shop.caller.start("collecting", "ole", id="p4-4")
    shop.caller.trigger("enough", "ole", id="p4-4-end")
    ended = shop.caller.run(run)
    late = shop.caller.trigger("item", "ole", id="p4-4-late", data={"n": 1})
    assert not late.duplicate
    assert not late.verdicts
    assert shop.logged("p4-4-late") == 1
    assert shop.caller.run(run) == ended


def test_p4_an_event_that_nothing_waits_for_is_recorded(shop: Shop) -> None:
    assert not shop.caller.trigger("unheard_of", "pia", id="p4-5").verdicts
    assert shop.logged("p4-5") == 1
    assert shop.caller.trigger("unheard_of", "pia", id="p4-5").duplicate
