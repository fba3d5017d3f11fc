"""P5 and P6 with real servers: work of the dead is taken over, and timers fire once, on time, after outages too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from service.storage.dialect import instant, load
from tests.conftest import FreshDatabase
from tests.databases import PostgresCluster, migrated
from tests.e2e.caller import Caller, audit, event, eventually, rows
from tests.e2e.conftest import Serve
from tests.e2e.servers import Server
from tests.faults import tell

WORK = """
key: work
name: Work
triggers: [{type: work_wanted}]
retry: {max_attempts: 5, backoff: 10ms, jitter: none}
steps:
  - {id: work, type: task, config: {queue: work}}
"""

REST = """
key: rest
name: Rest
triggers: [{type: rest_wanted}]
entry: {reentry: always}
steps:
  - {id: rest, type: wait, config: {for: "{{trigger.data.ms}}ms"}}
  - {id: count, type: update_score, config: {value: 1}}
"""

LEASE_S = 2.0
TAKEOVER_S = 2.0
SLACK_S = 6.0
"""For what a busy machine does besides: `make bench` measures how late timers are."""


@pytest.fixture
def crew(serve: Serve, fresh_database: FreshDatabase) -> Iterator[tuple[Server, Server]]:
    """Two replicas on one PostgreSQL, audited at the end."""
    url = fresh_database("postgresql", migrated)
    yield serve(url), serve(url)
    audit(url)


def firings(url: str) -> dict[str, tuple[datetime, list[datetime]]]:
    """By run of `rest`: when its timer was due, and when it fired."""
    found: dict[str, tuple[datetime, list[datetime]]] = {}
    for run, kind, at, entry in rows(
        url, "select enrollment_id, kind, at, entry from history where step = 'rest' order by enrollment_id, sequence"
    ):
        if kind == "waiting":
            found[run] = (datetime.fromisoformat(load(entry)["metadata"]["until"]), [])
        elif kind == "step_completed":
            found[run][1].append(moment(at))
    return found


def moment(value: datetime | str) -> datetime:
    at = instant(value)
    assert at is not None
    return at


def rest(caller: Caller, count: int, ms: Callable[[int], int], prefix: str = "c") -> None:
    for number in range(count):
        caller.send(event("rest_wanted", f"{prefix}{number}", data={"ms": ms(number)}))


def ended(url: str, count: int) -> bool:
    return len(rows(url, "select 1 from enrollments where status = 'completed'")) == count


# --- P5 ---


def test_p5_the_work_of_a_dead_worker_and_its_dead_replica_is_taken_over_within_lease_and_2_s(
    crew: tuple[Server, Server],
) -> None:
    doomed, other = crew
    with doomed.client() as dying, other.client() as living:
        caller = Caller(dying)
        caller.publish(WORK)
        run = caller.start("work_wanted")
        held = caller.take(lease_s=LEASE_S, worker="dead")
        doomed.kill()
        caller = Caller(living)
        eventually(lambda: caller.run(run).attempt == 2, LEASE_S + TAKEOVER_S + SLACK_S)
        (taken,) = [entry for entry in caller.history(run) if entry.error.code == "lease_expired"]
        assert taken.time.ToDatetime() >= held.lease_expire_time.ToDatetime()
        again = caller.take(worker="alive")
        assert (again.id, again.attempt, again.idempotency_key) == (held.id, 2, held.idempotency_key)
        assert caller.complete(again).applied
        assert caller.status(run) == "COMPLETED"


def test_p5_the_timers_of_a_dead_replica_are_fired_by_another(crew: tuple[Server, Server]) -> None:
    doomed, other = crew
    with doomed.client() as client:
        Caller(client).publish(REST)
        rest(Caller(client), 20, lambda _: 2000)
    doomed.kill()
    eventually(lambda: ended(other.database_url, 20))
    late = [fired[0] - due for due, fired in firings(other.database_url).values()]
    assert max(late) < timedelta(seconds=TAKEOVER_S + SLACK_S)


def test_p5_a_timer_fires_once_with_two_replicas(crew: tuple[Server, Server]) -> None:
    """Hundreds of timers due at about the same moment, set through both."""
    one, other = crew
    with one.client() as first, other.client() as second:
        Caller(first).publish(REST)
        rest(Caller(first), 150, lambda number: 1500 - 5 * number, "a")
        rest(Caller(second), 150, lambda number: 1500 - 5 * number, "b")
        eventually(lambda: ended(one.database_url, 300))
    assert [len(fired) for _, fired in firings(one.database_url).values()] == [1] * 300
    scores = rows(one.database_url, "select profile from contacts")
    assert [load(row[0])["score"] for row in scores] == [1] * 300


def test_p5_one_of_two_workers_is_killed_and_its_leases_and_timers_go_on(
    serve: Serve, fresh_database: FreshDatabase, record_property: Callable[[str, object], None]
) -> None:
    server = serve(fresh_database("postgresql", migrated), workers=2)
    eventually(lambda: server.output.count('"message":"serving"') == 2, 30)
    with server.client() as client:
        caller = Caller(client)
        caller.publish(WORK, REST)
        runs = [caller.start("work_wanted", f"w{number}") for number in range(5)]
        rest(caller, 20, lambda _: 1500)
        held = caller.poll(lease_s=LEASE_S, worker="dead")
        victim = server.workers()[0]
        victim.kill()
        victim.wait(10)
        tell(record_property, f"P5: worker {victim.pid} of 2 killed, {len(held)} leases and 20 timers open")
        eventually(caller.answers)
        eventually(
            lambda: all(caller.run(run).attempt == 2 for run in runs[: len(held)]), LEASE_S + TAKEOVER_S + SLACK_S
        )
        for task in caller.poll(worker="alive"):
            assert caller.complete(task).applied
        eventually(lambda: ended(server.database_url, 25))
        eventually(lambda: len(server.workers()) == 2)
    assert [len(fired) for _, fired in firings(server.database_url).values()] == [1] * 20
    audit(server.database_url)


# --- P6 ---


def test_p6_no_timer_fires_early_and_nearly_all_within_a_second(serve: Serve, database_url: str) -> None:
    server = serve(database_url)
    with server.client() as client:
        Caller(client).publish(REST)
        rest(Caller(client), 200, lambda number: 200 + 37 * number % 1500)
        eventually(lambda: ended(server.database_url, 200))
    found = firings(server.database_url).values()
    assert [len(fired) for _, fired in found] == [1] * 200
    late = sorted(fired[0] - due for due, fired in found)
    assert late[0] >= timedelta(0)
    assert late[round(len(late) * 0.99) - 1] < timedelta(seconds=1 + SLACK_S)


def test_p6_what_fell_due_while_no_server_ran_fires_within_2_s_of_the_next_start(
    serve: Serve, database_url: str
) -> None:
    server = serve(database_url)
    with server.client() as client:
        Caller(client).publish(REST)
        rest(Caller(client), 50, lambda _: 1000)
    server.kill()
    last_due = max(due for due, _ in firings(server.database_url).values())
    eventually(lambda: datetime.now(last_due.tzinfo) > last_due)
    assert not any(fired for _, fired in firings(server.database_url).values())
    server.start()
    eventually(lambda: ended(server.database_url, 50), 2 + SLACK_S)
    assert [len(fired) for _, fired in firings(server.database_url).values()] == [1] * 50


def test_p6_what_fell_due_while_the_database_was_down_fires_within_2_s_of_its_return(
    serve: Serve, postgres_cluster: PostgresCluster
) -> None:
    server = serve(postgres_cluster.url(), unsafe=False)
    with server.client() as client:
        Caller(client).publish(REST)
        rest(Caller(client), 50, lambda _: 1000)
        last_due = max(due for due, _ in firings(server.database_url).values())
        postgres_cluster.stop("immediate")
        eventually(lambda: datetime.now(last_due.tzinfo) > last_due)
        postgres_cluster.start()
        back_at = datetime.now(last_due.tzinfo)
        eventually(lambda: ended(server.database_url, 50))
    fired = [times for _, times in firings(server.database_url).values()]
    assert [len(times) for times in fired] == [1] * 50
    assert min(times[0] for times in fired) - back_at < timedelta(seconds=2 + SLACK_S)
