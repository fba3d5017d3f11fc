"""P9 through a real server: what is wrong with one enrollment, definition or endpoint is no matter of the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from statewright.v1 import AdvanceRequest, GetServerInfoRequest, PublishRequest, TriggerBatchRequest

from service.engine.clock import open_clock
from service.storage.database import Database
from service.storage.dialect import instant, load
from tests.audit import assert_sound
from tests.databases import Databases, Kind, migrated
from tests.e2e.caller import Caller, event, eventually, refusal, rows
from tests.e2e.servers import Server
from tests.site import Site

RATE = 60.0
"""Backing off five times takes a quarter of a second."""

HOLD = """
key: hold
name: Hold
triggers: [{type: hold_wanted}]
steps:
  - id: hold
    type: wait
    config: {on: [{event: poked, branch: poked}], timeout: "{{trigger.data.seconds}}s"}
    branches: {poked: end, timeout: late}
  - {id: late, type: add_tag, config: {tag: late}}
"""
ENDLESS = """
key: endless
name: Endless
triggers: [{type: endless_wanted}]
limits: {max_transitions: 2500}
steps:
  - {id: rest, type: wait, config: {until: "2026-01-01T00:00:00Z"}}
  - {id: again, type: goto, config: {to: rest}}
"""
CALL = """
key: NAME
name: Call
triggers: [{type: NAME_wanted}]
steps:
  - {id: call, type: http_request, config: {method: POST, url: "URL/{{contact.id}}", body: {a: 1}}, timeout: 60s}
"""
MANY = 20
POISON = 7


@dataclass(slots=True)
class Door:
    """What a hanging site waits for, and how many calls hang in it."""

    opened: threading.Event = field(default_factory=threading.Event)
    hanging: int = 0

    def visit(self, path: str, key: str, body: Any) -> int:
        if path.startswith("/slow"):
            self.hanging += 1
            self.opened.wait(60)
        return 200


@dataclass(frozen=True, slots=True)
class Place:
    url: str
    caller: Caller
    door: Door

    def quarantined(self) -> int:
        answer = self.caller.client.admin.GetServerInfo(GetServerInfoRequest(), timeout=10)
        return int(answer.server_info.quarantined_enrollments)

    def many(self, prefix: str, kind: str, **data: Any) -> list[Any]:
        """A result for each of many contacts, sent in one batch."""
        request = TriggerBatchRequest(
            events=[
                event(kind, f"{prefix}{number}", id=f"{kind}-{prefix}{number}", data=data) for number in range(MANY)
            ]
        )
        return list(self.caller.client.enrollments.TriggerBatch(request, timeout=30).results)

    def begin(self, prefix: str, seconds: int) -> list[str]:
        """The runs of many contacts."""
        results = self.many(prefix, "hold_wanted", seconds=seconds)
        return [result.accepted.verdicts[0].enrollment_id for result in results]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """One server per store for all tests here; audited at the end."""
    kind: Kind = request.param
    folder = tmp_path_factory.mktemp("isolation")
    url, door = databases.create(kind, folder, migrated), Door()
    settings: dict[str, Any] = {"dev": True, "clock_rate": RATE, "allow_private_networks": True}
    with Site(door.visit) as site, Server(url, folder, **settings) as server, server.client() as client:
        caller = Caller(client)
        slow, quick = site.url, site.url.replace("127.0.0.1", "localhost")
        calls = [CALL.replace("NAME", name).replace("URL", at) for name, at in (("slow", slow), ("quick", quick))]
        caller.publish(HOLD, ENDLESS, *calls)
        yield Place(url, caller, door)
        door.opened.set()
    with closing(Database(url)) as database:
        clock = open_clock(database, RATE)
        with database.reading() as transaction:
            now = clock.read(transaction)
            assert_sound(transaction, workflow_now=now.workflow, wall_now=now.wall)


@contextmanager
def poisoned(url: str, run: str) -> Iterator[None]:
    """The store refuses every line of history of one enrollment: nothing that happens to it can be saved."""
    condition = f"new.enrollment_id = '{run}'"
    made = [f"create trigger poison before insert on history when {condition} begin select raise(abort, 'poison'); end"]
    gone = ["drop trigger poison"]
    if url.startswith("postgresql"):
        body = "$$ begin raise exception 'poison'; end $$"
        rule = f"before insert on history for each row when ({condition}) execute function poison()"
        made = [f"create function poison() returns trigger language plpgsql as {body}", f"create trigger poison {rule}"]
        gone = ["drop trigger poison on history", "drop function poison"]
    _execute(url, made)
    try:
        yield
    finally:
        _execute(url, gone)


def _execute(url: str, statements: list[str]) -> None:
    with closing(Database(url)) as database, database.plain_connection() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()


def test_p9_an_event_that_cannot_be_saved_is_refused_alone(place: Place) -> None:
    runs = place.begin("e", seconds=3600)
    with poisoned(place.url, runs[POISON]):
        results = place.many("e", "poked")
        assert [result.WhichOneof("result") for result in results] == [
            "error" if number == POISON else "accepted" for number in range(MANY)
        ]
        assert {place.caller.status(run) for run in runs[:POISON] + runs[POISON + 1 :]} == {"COMPLETED"}
        assert place.caller.status(runs[POISON]) == "WAITING"
    again = place.many("e", "poked")[POISON].accepted
    assert not again.duplicate
    assert place.caller.status(runs[POISON]) == "COMPLETED"


def test_p9_a_timer_that_cannot_be_saved_is_set_aside_and_the_others_fire(place: Place) -> None:
    runs = place.begin("t", seconds=240)
    with poisoned(place.url, runs[POISON]):
        eventually(lambda: sum(place.caller.status(run) == "COMPLETED" for run in runs) == MANY - 1)
        eventually(lambda: place.quarantined() == 1)
        later = place.begin("u", seconds=30)
        eventually(lambda: all(place.caller.status(run) == "COMPLETED" for run in later))
        assert place.caller.status(runs[POISON]) == "WAITING"
    assert _fired_early_or_twice(place.url) == []
    answer = place.caller.client.enrollments.Advance(
        AdvanceRequest(enrollment_id=runs[POISON], transition="timeout"), timeout=10
    )
    assert answer.enrollment.id == runs[POISON]
    assert (place.caller.status(runs[POISON]), place.quarantined()) == ("COMPLETED", 0)


def _fired_early_or_twice(url: str) -> list[str]:
    """Runs of `hold` whose timer did, by their histories."""
    until: dict[str, datetime] = {}
    fired: list[str] = []
    wrong: list[str] = []
    columns = "enrollment_id, kind, at, entry, cause_id"
    sql = f"select {columns} from history where step = 'hold' order by enrollment_id, sequence"
    for run, kind, at, entry, cause in rows(url, sql):
        if kind == "waiting":
            until[run] = datetime.fromisoformat(load(entry)["metadata"]["until"])
        elif kind == "step_completed" and cause.startswith("timer:"):
            moment = instant(at)
            assert moment is not None
            wrong += [run] * (moment < until[run] or run in fired)
            fired.append(run)
    return wrong


def test_p9_a_definition_that_runs_in_circles_holds_nobody_up(place: Place) -> None:
    endless = place.caller.start("endless_wanted", "runner")
    runs = place.begin("d", seconds=3600)
    assert [result.WhichOneof("result") for result in place.many("d", "poked")] == ["accepted"] * MANY
    assert {place.caller.status(run) for run in runs} == {"COMPLETED"}
    refused = refusal(lambda: place.caller.client.workflows.Publish(PublishRequest(source="key: bad"), timeout=10))
    assert refused.reason == "INVALID_DEFINITION"
    eventually(lambda: place.caller.status(endless) == "FAILED", 30)
    run = place.caller.run(endless)
    assert run.last_error.code == "max_transitions"
    assert run.revision > 2, "it came to its end in several batches, with the others between them"


def test_p9_an_endpoint_that_hangs_holds_up_no_other(place: Place) -> None:
    slow = [place.caller.start("slow_wanted", f"slow{number}") for number in range(3 * MANY)]
    eventually(lambda: place.door.hanging > 0)
    quick = [place.caller.start("quick_wanted", f"quick{number}") for number in range(MANY)]
    eventually(lambda: all(place.caller.status(run) == "COMPLETED" for run in quick))
    assert {place.caller.status(run) for run in slow} == {"WAITING"}
    assert place.door.hanging < len(slow), "a line for each host"
    place.door.opened.set()
    eventually(lambda: all(place.caller.status(run) == "COMPLETED" for run in slow), 30)
