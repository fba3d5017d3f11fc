"""The tasks table on both stores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.storage.database import Database
from service.storage.tasks import (
    LeasedTask,
    TaskFilter,
    extend_lease,
    extend_leases,
    get_task,
    has_ready,
    lease_tasks,
    list_tasks,
    next_due_at,
    queue_depths,
    record_polls,
    release_lease,
    release_leases,
    take_over_expired,
)
from statemachine.errors import NotFound, StaleLease
from tests.conftest import FreshDatabase
from tests.databases import migrated
from tests.service.tasks.stores import START, leased_row, put, task, task_row

LATER = START + timedelta(minutes=5)


def lease(database: Database, *queues: str, limit: int = 10, **given: Any) -> list[LeasedTask]:
    arguments = {"worker_id": "w2", "limit": limit, "now": START, "until": LATER, **given}
    return database.run(lambda transaction: lease_tasks(transaction, "default", queues, **arguments))


def ids(tasks: Sequence[LeasedTask]) -> list[str]:
    return [task.id for task in tasks]


def test_a_lease_gives_the_whole_task_with_a_new_token(database: Database) -> None:
    put(database, task_row())
    (leased,) = lease(database, "work")
    assert leased == task(database)
    assert (leased.status, leased.lease_token, leased.lease_until, leased.worker_id) == ("leased", 1, LATER, "w2")
    assert (leased.input, leased.outcomes, leased.at_most_once) == ({"n": 1}, ("done", "refused"), False)
    assert (leased.attempt, leased.available_at) == (1, START)


def test_higher_priority_comes_first_and_then_what_waited_longest(database: Database) -> None:
    put(
        database,
        task_row("late", available_at=START - timedelta(seconds=1)),
        task_row("early", available_at=START - timedelta(seconds=9)),
        task_row("urgent", priority=5),
        task_row("other", queue="more", priority=3),
    )
    assert ids(lease(database, "work", "more")) == ["urgent", "other", "early", "late"]


def test_the_limit_is_filled_with_the_best_of_all_queues(database: Database) -> None:
    put(database, *(task_row(f"a{n}", queue="a") for n in range(3)), task_row("b", queue="b", priority=1))
    assert [task.queue for task in lease(database, "a", "b", limit=2)] == ["b", "a"]


def test_a_task_that_is_not_yet_available_stays(database: Database) -> None:
    put(database, task_row(available_at=START + timedelta(seconds=1)))
    assert lease(database, "work") == []


def test_neither_leased_finished_nor_foreign_tasks_are_leased(database: Database) -> None:
    put(
        database,
        leased_row("held"),
        task_row("over", status="completed"),
        task_row("foreign", tenant_id="other"),
        task_row("elsewhere", queue="more"),
    )
    assert lease(database, "work") == []


def test_a_task_is_leased_to_one_worker_only(database: Database) -> None:
    put(database, task_row())
    assert (len(lease(database, "work")), len(lease(database, "work"))) == (1, 0)


def test_a_queue_named_twice_is_asked_once(database: Database) -> None:
    put(database, task_row())
    assert ids(lease(database, "work", "work")) == ["t1"]


def test_tasks_that_another_session_is_taking_are_passed_over(fresh_database: FreshDatabase) -> None:
    """On PostgreSQL; SQLite has one writer."""
    url = fresh_database("postgresql", migrated)
    here, there = Database(url), Database(url)
    put(here, task_row("first", priority=1), task_row("second"))
    with there.transaction() as transaction:
        lease_tasks(transaction, "default", ["work"], worker_id="w3", limit=1, now=START, until=LATER)
        assert ids(lease(here, "work")) == ["second"]
    here.close()
    there.close()


def test_extending_moves_the_end_and_keeps_the_token(database: Database) -> None:
    put(database, leased_row())
    extended, cancelled = database.run(lambda transaction: extend_lease(transaction, "default", "t1", 1, LATER))
    assert (extended.lease_until, extended.lease_token, cancelled) == (LATER, 1, False)


def test_extending_a_revoked_task_says_so_to_its_holder(database: Database) -> None:
    put(database, leased_row(status="cancelled"))
    _, cancelled = database.run(lambda transaction: extend_lease(transaction, "default", "t1", 1, LATER))
    assert cancelled


@pytest.mark.parametrize("row", [leased_row(lease_token=2), task_row(lease_token=1), leased_row(status="completed")])
def test_only_the_holder_extends(database: Database, row: dict[str, Any]) -> None:
    put(database, row)
    before = task(database)
    with pytest.raises(StaleLease):
        database.run(lambda transaction: extend_lease(transaction, "default", "t1", 1, LATER))
    assert task(database) == before


def test_extending_what_does_not_exist_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        database.run(lambda transaction: extend_lease(transaction, "default", "t1", 1, LATER))


def test_a_released_task_is_ready_at_once_and_its_token_is_void(database: Database) -> None:
    put(database, leased_row())
    released = database.run(lambda transaction: release_lease(transaction, "default", "t1", 1))
    assert (released.status, released.lease_token, released.lease_until, released.attempt) == ("ready", 2, None, 1)
    with pytest.raises(StaleLease):
        database.run(lambda transaction: release_lease(transaction, "default", "t1", 1))


def test_several_leases_are_released_and_the_stale_ones_are_not(database: Database) -> None:
    put(database, leased_row("mine"), leased_row("lost"))
    held = [task(database, "mine"), task(database, "lost")]
    database.run(lambda transaction: release_lease(transaction, "default", "lost", 1))
    put(database, leased_row("taken", lease_token=7))
    assert database.run(lambda transaction: release_leases(transaction, [*held])) == 1
    assert [task(database, name).lease_token for name in ("mine", "lost", "taken")] == [2, 2, 7]


def test_a_released_task_can_be_put_off(database: Database) -> None:
    put(database, leased_row())
    held = task(database)
    database.run(lambda transaction: release_leases(transaction, [held], available_at=LATER))
    assert task(database).available_at == LATER


def test_several_leases_are_extended_and_the_lost_ones_are_named(database: Database) -> None:
    put(database, leased_row("mine"), leased_row("lost"))
    held = [task(database, "mine"), task(database, "lost")]
    database.run(lambda transaction: release_lease(transaction, "default", "lost", 1))
    kept = database.run(lambda transaction: extend_leases(transaction, held, LATER))
    assert kept == {("default", "mine", 1)}
    assert (task(database, "mine").lease_until, task(database, "lost").lease_until) == (LATER, None)


def take_over(database: Database, limit: int = 10) -> list[LeasedTask]:
    until = START + timedelta(seconds=5)
    beyond = START + timedelta(hours=2)
    return database.run(
        lambda transaction: take_over_expired(transaction, now=START, beyond=beyond, until=until, limit=limit)
    )


def test_an_expired_lease_is_taken_over_and_its_holder_fenced_off(database: Database) -> None:
    put(database, leased_row(lease_until=START - timedelta(seconds=1)))
    (taken,) = take_over(database)
    assert (taken.lease_token, taken.worker_id, taken.status, taken.attempt) == (2, "w1", "leased", 1)
    with pytest.raises(StaleLease):
        database.run(lambda transaction: extend_lease(transaction, "default", "t1", 1, LATER))


def test_a_lease_that_still_runs_is_left_alone(database: Database) -> None:
    put(database, leased_row("running"), leased_row("ending", lease_until=START), task_row("ready"))
    assert take_over(database) == []


def test_a_lease_that_ends_absurdly_late_is_taken_over(database: Database) -> None:
    put(database, leased_row("absurd", lease_until=START + timedelta(hours=3)), leased_row("long", lease_until=LATER))
    assert ids(take_over(database)) == ["absurd"]


def test_pages_of_expired_leases_go_on_past_those_that_cannot_be_finished(database: Database) -> None:
    put(database, *(leased_row(f"t{n}", lease_until=START - timedelta(seconds=9 - n)) for n in range(3)))
    assert [ids(take_over(database, limit=2)) for _ in range(3)] == [["t0", "t1"], ["t2"], []]


def test_get_answers_the_task_and_not_one_of_another_tenant(database: Database) -> None:
    put(database, task_row())
    assert database.run(lambda transaction: get_task(transaction, "default", "t1")) == task(database)
    with pytest.raises(NotFound):
        database.run(lambda transaction: get_task(transaction, "other", "t1"))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (TaskFilter(), ["t3", "t2", "t1"]),
        (TaskFilter(queue="http"), ["t2"]),
        (TaskFilter(statuses=("leased", "completed")), ["t3"]),
        (TaskFilter(contact_id="bob"), ["t1"]),
        (TaskFilter(type="http_request", workflow="welcome"), ["t2"]),
        (TaskFilter(enrollment_id="e-t3"), ["t3"]),
    ],
)
def test_a_list_shows_what_meets_every_filter_newest_first(
    database: Database, wanted: TaskFilter, found: list[str]
) -> None:
    put(database, task_row("t1", contact_id="bob"), task_row("t2", queue="http", type="http_request"), leased_row("t3"))
    put(database, task_row("t4", tenant_id="other"))
    assert ids(database.run(lambda transaction: list_tasks(transaction, "default", wanted, limit=10))) == found


def test_a_list_goes_on_where_the_page_before_ended(database: Database) -> None:
    put(database, *(task_row(f"t{n}") for n in range(4)))

    def page(before: str | None) -> list[str]:
        wanted = TaskFilter()
        return ids(database.run(lambda tx: list_tasks(tx, "default", wanted, limit=2, before=before)))

    assert [page(None), page("t2")] == [["t3", "t2"], ["t1", "t0"]]


def test_depths_count_open_tasks_and_name_the_last_poll(database: Database) -> None:
    put(database, task_row("a"), task_row("b", available_at=LATER), leased_row("c"), task_row("d", status="completed"))
    database.run(lambda transaction: record_polls(transaction, "default", ["empty", "work"], "w9", LATER))
    empty, work = database.run(queue_depths)
    assert (work.queue, work.ready, work.leased, work.oldest_at, work.polled_at) == ("work", 2, 1, START, LATER)
    assert (empty.queue, empty.ready, empty.leased, empty.oldest_at, empty.worker_id) == ("empty", 0, 0, None, "w9")


def test_the_latest_poll_of_a_queue_is_kept(database: Database) -> None:
    for worker, at in (("first", START), ("latest", LATER), ("delayed", START)):
        database.run(lambda transaction, w=worker, a=at: record_polls(transaction, "default", ["work"], w, a))  # type: ignore[misc]
    (depth,) = database.run(queue_depths)
    assert (depth.worker_id, depth.polled_at) == ("latest", LATER)


def test_readiness_is_seen_without_taking_anything(database: Database) -> None:
    put(database, task_row())

    def ready(seconds: float, *queues: str) -> bool:
        now = START + timedelta(seconds=seconds)
        return database.run(lambda transaction: has_ready(transaction, "default", queues, now))

    assert [ready(0, "other", "work"), ready(-1, "work"), ready(0, "other")] == [True, False, False]
    assert task(database).status == "ready"


def test_what_falls_due_next_is_known_whatever_its_priority(database: Database) -> None:
    """Of the tenant and the queues that are asked for; what is due already, leased or finished does not count."""
    due = START + timedelta(seconds=40)
    put(database, task_row("now"), task_row("later", priority=9, available_at=LATER), task_row("b", available_at=due))
    soon = START + timedelta(seconds=1)
    put(database, leased_row("c", available_at=soon), task_row("d", status="failed", available_at=soon))
    put(database, task_row("e", tenant_id="other", available_at=soon))

    def next_due(now: datetime, *queues: str) -> datetime | None:
        return database.run(lambda transaction: next_due_at(transaction, "default", queues, now))

    assert [next_due(START, "work", "other"), next_due(due, "work"), next_due(LATER, "work")] == [due, LATER, None]
    assert next_due(START, "other") is None
