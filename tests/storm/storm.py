"""A storm: real servers under load, faults of every kind one after the other, and the auditor after each."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from statewright.client import Client
from statewright.v1 import (
    Contact,
    EnrollmentServiceGetRequest,
    EnrollRequest,
    Event,
    PublishRequest,
    TriggerRequest,
    UpsertRequest,
)

from tests.databases import Kind, PostgresCluster, running_postgres
from tests.e2e.servers import Server
from tests.storm.auditor import audit_dead, audit_settled, expired_leases, unsettled
from tests.storm.book import SOURCE, Book
from tests.storm.endpoint import Endpoint
from tests.storm.jumping import JUMPED, program
from tests.storm.load import COUNTERS, Load
from tests.storm.workflows import ALL

Fault = Literal["kill", "kill all", "stop"]
"""Of one replica, in turn; of all of them; of their database."""

_LEASE_S: Final = 30.0
_TAKEOVER_S: Final = 2.0
_WORK_S: Final = 30.0
"""What is taken over last may have retries and waits ahead of it."""
_FIRST_ANSWER_S: Final = 30.0
_TAIL: Final = 20
_REPLAY_EVERY: Final = 5


@dataclass(slots=True)
class Report:
    """What really happened. `in_flight` has the calls under way at each fault."""

    kind: Kind
    seed: int
    replicas: int = 1
    faults: Counter[Fault] = field(default_factory=Counter)
    effective: Counter[Fault] = field(default_factory=Counter)
    in_flight: list[int] = field(default_factory=list)
    recoveries_s: list[float] = field(default_factory=list)
    acknowledged: int = 0
    runs: int = 0
    expired: int = 0
    settled_s: float = 0.0
    jumps: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def kills(self) -> int:
        """How many hit."""
        return self.effective["kill"] + self.effective["kill all"]

    def __str__(self) -> str:
        kills = f"{self.kills} of {self.faults['kill'] + self.faults['kill all']} kill -9 hit"
        if self.replicas > 1:
            kills += f" ({self.effective['kill all']} of them all {self.replicas} replicas)"
        stops = f", {self.effective['stop']} of {self.faults['stop']} immediate stops of the database hit"
        waits = f"first answer {max(self.recoveries_s):.1f} s after a fault at most, the end {self.settled_s:.0f} s"
        counts = ", ".join(f"{count:,} {name}" for name, count in sorted(self.counts.items()))
        return (
            f"{self.kind}: {kills}{stops if self.faults['stop'] else ''} ({sum(self.in_flight)} calls in flight); "
            f"{self.acknowledged:,} events acknowledged, each applied once; {self.runs:,} runs replayed; "
            f"{self.expired} leases expired; {counts}; {waits} after the last; "
            f"{self.jumps} jumps of clocks; seed {self.seed}"
        )


@dataclass(slots=True)
class Storm:
    """One store, its replicas, their load, and what hits them."""

    servers: tuple[Server, ...]
    cluster: PostgresCluster | None
    book: Book
    load: Load
    endpoint: Endpoint
    report: Report
    chance: random.Random

    @property
    def url(self) -> str:
        return self.servers[0].database_url

    def endure(self, plan: tuple[Fault, ...]) -> Report:
        self._prepare()
        self.load.start()
        for number, fault in enumerate(plan):
            self._run_for(self.chance.uniform(0.5, 1.5))
            self._hit(fault, number)
        self._run_for(1.0)
        ended = time.monotonic()
        self.load.finish(_FIRST_ANSWER_S)
        self._settle(ended)
        self._try_tail()
        self.load.close()
        return self._sum_up()

    def _prepare(self) -> None:
        with self.servers[0].client() as client:
            for source in ALL:
                client.workflows.Publish(
                    PublishRequest(source=source.replace("ENDPOINT", self.endpoint.url)), timeout=10
                )
            for contact in COUNTERS:
                event = Event(id=f"start-{contact}", type="counter_started", source=SOURCE, contact_id=contact)
                self.book.write_down(event)
                self.book.accepted(event, client.enrollments.Trigger(TriggerRequest(event=event), timeout=10))
            for number in range(6):
                client.contacts.Upsert(UpsertRequest(contact=Contact(id=f"level{number}")), timeout=10)
        self._born(self.servers)

    def _born(self, servers: Iterable[Server]) -> None:
        for server in servers:
            self.book.born(server.address)

    def _run_for(self, seconds: float) -> None:
        """Returns when every server has answered, and some time after."""
        started = time.monotonic()
        pause = threading.Event()
        for server in self.servers:
            while not self.book.acknowledged_since_start[server.address]:
                waited = time.monotonic() - started
                assert waited < _FIRST_ANSWER_S, f"no answer for {waited:.0f} s:\n{server.output[-3000:]}"
                pause.wait(0.02)
        self.report.recoveries_s.append(time.monotonic() - started)
        pause.wait(seconds)

    def _hit(self, fault: Fault, number: int) -> None:
        victims = self.servers[number % len(self.servers) :][:1] if fault == "kill" else self.servers
        in_flight = sum(self.book.in_flight[server.address] for server in victims)
        self.report.faults[fault] += 1
        self.report.in_flight.append(in_flight)
        alive = any(self.book.acknowledged_since_start[server.address] for server in victims)
        self.report.effective[fault] += bool(in_flight or alive)
        if fault == "stop":
            assert self.cluster is not None
            self.cluster.stop("immediate")
            self.cluster.start()
            for server in victims:
                assert server.running, f"a server did not survive its database:\n{server.output[-3000:]}"
        else:
            self._kill(victims, replays=number % _REPLAY_EVERY == 0)
        self._born(victims)

    def _kill(self, victims: Iterable[Server], *, replays: bool) -> None:
        for server in victims:
            server.kill()
        audit_dead(self.url, self.book, replays=replays)
        for server in victims:
            server.start(wait=False)
        for server in victims:
            server.await_serving()

    def _settle(self, since: float) -> None:
        """Returns when no work is left: what the last dead server held is taken over within its lease and 2 s."""
        deadline = since + _LEASE_S + _TAKEOVER_S + _WORK_S
        pause = threading.Event()
        while left := unsettled(self.url):
            output = self.servers[0].output[-3000:]
            assert time.monotonic() < deadline, f"{left} pieces of work do not end:\n{output}"
            pause.wait(0.25)
        self.report.settled_s = time.monotonic() - since

    def _try_tail(self) -> None:
        """The last operations succeed at the first try."""
        for number in range(_TAIL // 4):
            with self.servers[number % len(self.servers)].client() as client:
                _operate(client, number)

    def _sum_up(self) -> Report:
        self.report.runs = audit_settled(self.url, self.book)
        self.report.acknowledged = len(self.book.verdicts)
        self.report.expired = expired_leases(self.url)
        self.report.jumps = sum(server.output.count(JUMPED) for server in self.servers)
        self.report.counts = dict(self.book.counts)
        return self.report


def run_storm(kind: Kind, folder: Path, plan: tuple[Fault, ...], seed: int) -> Report:
    """Let a storm rage over a store of its own: one server on SQLite; on PostgreSQL two replicas, on machines with
    clocks that jump. Raises AssertionError when a promise does not hold."""
    book = Book()
    with _store(kind, folder) as (url, cluster), Endpoint(book) as endpoint, ExitStack() as opened:
        servers = tuple(opened.enter_context(server) for server in _servers(kind, url, folder))
        load = Load([server.address for server in servers], book, seed)
        opened.callback(load.close)
        report = Report(kind, seed, len(servers))
        return Storm(servers, cluster, book, load, endpoint, report, random.Random(seed)).endure(plan)


def _servers(kind: Kind, url: str, folder: Path) -> list[Server]:
    if kind == "sqlite":
        return [Server(url, folder, dev=True, allow_private_networks=True, unsafe=False)]
    jumping = program(folder)
    return [Server(url, folder, program=jumping, dev=True, allow_private_networks=True, unsafe=False) for _ in range(2)]


@contextmanager
def _store(kind: Kind, folder: Path) -> Iterator[tuple[str, PostgresCluster | None]]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'storm.sqlite'}", None
        return
    with running_postgres(durable=True) as cluster:
        yield cluster.url(), cluster


def _operate(client: Client, number: int) -> None:
    event = Event(id=f"tail-{number}", type="unheard_of", source=SOURCE, contact_id="tail")
    client.enrollments.Trigger(TriggerRequest(event=event), timeout=10)
    client.contacts.Upsert(UpsertRequest(contact=Contact(id="tail", first_name=f"T{number}")), timeout=10)
    enrolled = client.enrollments.Enroll(EnrollRequest(workflow="manual", contact_id="tail"), timeout=10)
    client.enrollments.Get(EnrollmentServiceGetRequest(enrollment_id=enrolled.enrollment.id), timeout=10)
