"""P1, P3 and P11 with real servers: what was acknowledged survives, is whole, and nothing is lost in a drain."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.storage.dialect import load
from tests.conftest import FreshDatabase
from tests.databases import PostgresCluster, migrated
from tests.e2e.caller import Caller, audit, eventually, rows, started
from tests.e2e.conftest import Serve
from tests.e2e.servers import Server
from tests.faults import tell
from tests.site import Site

WELCOME = """
key: welcome
name: Welcome
triggers: [{type: joined}]
steps:
  - {id: tag, type: add_tag, config: {tag: member}}
  - {id: work, type: task, config: {queue: work}}
"""

CALL = """
key: call
name: Call
triggers: [{type: call_wanted}]
steps:
  - {id: call, type: http_request, config: {url: "SITE/call", method: POST, body: {run: "{{enrollment.id}}"}}}
"""

HISTORIES = """
select e.contact_id, count(*) from history h join enrollments e on e.id = h.enrollment_id group by e.contact_id"""

TRY_AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
"""CANCELLED is what gRPC itself tells a call that arrives in the moment in which a draining server closes its door."""

Tell = Callable[[str, object], None]


@dataclass(slots=True)
class Crowd:
    """Senders of `joined`, each contact once; `acknowledged` has the run each was told, `left` who got no answer."""

    server: Server
    acknowledged: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    codes: set[grpc.StatusCode] = field(default_factory=set)

    def send_until_it_breaks(self, sender: int) -> None:
        with self.server.client() as client:
            for number in count():
                contact = f"c{sender}-{number}"
                try:
                    answer = Caller(client).trigger("joined", contact, id=contact)
                except grpc.RpcError as error:
                    self.codes.add(error.code())
                    self.left.append(contact)
                    return
                self.acknowledged[contact] = started(answer)

    def hit(self, fault: Callable[[], object], *, senders: int = 8, least: int = 200) -> None:
        """Let the fault hit when so many events were acknowledged, while all are sending."""
        with ThreadPoolExecutor(senders) as threads:
            sending = [threads.submit(self.send_until_it_breaks, sender) for sender in range(senders)]
            eventually(lambda: len(self.acknowledged) >= least)
            fault()
            for one in sending:
                one.result()
        assert self.left, "invalid: the fault hit no call"
        assert self.codes <= TRY_AGAIN

    def check(self, tell_: Tell, what: str) -> None:
        """Everybody acknowledged is there with the same run; everybody else can be repeated, and is there once."""
        with self.server.client() as client:
            caller = Caller(client)
            for contact, run in self.acknowledged.items():
                repeat = caller.trigger("joined", contact, id=contact)
                assert repeat.duplicate, f"{contact} was acknowledged and is gone"
                assert started(repeat) == run
            applied = [caller.trigger("joined", contact, id=contact).duplicate for contact in self.left]
        entered = rows(self.server.database_url, "select contact_id, count(*) from enrollments group by contact_id")
        assert {row[0]: row[1] for row in entered} == dict.fromkeys([*self.acknowledged, *self.left], 1)
        audit(self.server.database_url)
        tell(
            tell_,
            f"{what}: hit {len(self.left)} calls in flight, {sum(applied)} of them applied; "
            f"{len(self.acknowledged)} acknowledged events, none lost",
        )


@pytest.fixture
def crowd(server: Server) -> Crowd:
    with server.client() as client:
        Caller(client).publish(WELCOME)
    return Crowd(server)


# --- P1 ---


def test_p1_what_was_acknowledged_survives_kill_9(crowd: Crowd, record_property: Tell) -> None:
    crowd.hit(crowd.server.kill)
    crowd.server.start()
    crowd.check(record_property, f"P1 {crowd.server.database_url.partition(':')[0]} kill -9")


def test_p1_what_was_acknowledged_survives_an_immediate_stop_of_the_database(
    serve: Serve, postgres_cluster: PostgresCluster, record_property: Tell
) -> None:
    crowd = Crowd(serve(postgres_cluster.url(), unsafe=False))
    with crowd.server.client() as client:
        Caller(client).publish(WELCOME)
        crowd.hit(lambda: postgres_cluster.stop("immediate"))
        postgres_cluster.start()
        eventually(Caller(client).answers)
    crowd.check(record_property, "P1 immediate stop of the database")


def test_p1_and_of_both_at_once(serve: Serve, postgres_cluster: PostgresCluster, record_property: Tell) -> None:
    crowd = Crowd(serve(postgres_cluster.url(), unsafe=False))
    with crowd.server.client() as client:
        Caller(client).publish(WELCOME)

    def both() -> None:
        postgres_cluster.stop("immediate")
        crowd.server.kill()

    crowd.hit(both)
    postgres_cluster.start()
    crowd.server.start()
    crowd.check(record_property, "P1 kill -9 and immediate stop of the database")


# --- P3 ---


def test_p3_a_kill_leaves_each_event_wholly_applied_or_not_at_all(crowd: Crowd, record_property: Tell) -> None:
    """What the dead server left, before any other touches it: key, log, run, history, task and contact agree."""
    crowd.hit(crowd.server.kill)
    url = crowd.server.database_url
    histories = rows(url, HISTORIES)
    parts = {
        "key": {row[0] for row in rows(url, "select event_id from event_keys")},
        "log": {row[0] for row in rows(url, "select event_id from events where type = 'joined'")},
        "run": {row[0] for row in rows(url, "select contact_id from enrollments where step = 'work'")},
        "task": {row[0] for row in rows(url, "select contact_id from tasks where status = 'ready'")},
        "contact": {
            row[0] for row in rows(url, "select id, profile from contacts") if load(row[1])["tags"] == ["member"]
        },
        "history": {row[0] for row in histories},
    }
    assert set(crowd.acknowledged) <= parts["key"]
    assert {name: found ^ parts["key"] for name, found in parts.items()} == {name: set() for name in parts}
    assert len({row[1] for row in histories}) == 1, "some histories are shorter than others"
    audit(url)
    ambiguous = len(parts["key"]) - len(crowd.acknowledged)
    tell(record_property, f"P3 {url.partition(':')[0]}: {len(parts['key'])} whole, {ambiguous} of them unanswered")


# --- P11 ---


def test_p11_a_drain_says_so_at_once_finishes_what_is_in_flight_and_ends_with_0(
    serve: Serve, database_url: str
) -> None:
    entered, released = threading.Event(), threading.Event()
    keys: list[str] = []

    def visit(path: str, key: str, body: object) -> int:
        keys.append(key)
        entered.set()
        released.wait(30)
        return 200

    with Site(visit) as site:
        server = serve(database_url, allow_private_networks=True)
        with server.client() as client:
            caller = Caller(client)
            caller.publish(CALL.replace("SITE", site.url))
            run = caller.start("call_wanted")
            assert entered.wait(10)
            server.terminate()
            eventually(lambda: server.health() != "SERVING")
            assert server.running
            released.set()
        assert server.wait(17) == 0
        server.start()
        with server.client() as client:
            assert Caller(client).status(run) == "COMPLETED"
        assert len(keys) == 1
        audit(database_url)


def test_p11_watchers_of_health_are_told_the_moment_the_drain_begins(server: Server) -> None:
    with grpc.insecure_channel(server.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=20)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        server.terminate()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
    assert server.wait(17) == 0


def test_p11_work_that_does_not_end_is_left_to_its_lease_and_the_drain_ends_in_time(
    serve: Serve, fresh_database: FreshDatabase
) -> None:
    entered, released = threading.Event(), threading.Event()

    def visit(path: str, key: str, body: object) -> int:
        entered.set()
        released.wait(30)
        return 200

    with Site(visit) as site:
        server = serve(fresh_database("sqlite", migrated), allow_private_networks=True, drain_timeout_s=2)
        with server.client() as client:
            caller = Caller(client)
            caller.publish(CALL.replace("SITE", site.url), WELCOME)
            caller.start("call_wanted")
            assert entered.wait(10)
        server.terminate()
        assert server.wait(2 + 8) == 0
        released.set()
        audit(server.database_url)


def test_p11_nothing_acknowledged_while_draining_is_lost(crowd: Crowd, record_property: Tell) -> None:
    crowd.hit(crowd.server.terminate)
    assert crowd.server.wait(17) == 0
    crowd.server.start()
    crowd.check(record_property, f"P11 {crowd.server.database_url.partition(':')[0]} SIGTERM")
