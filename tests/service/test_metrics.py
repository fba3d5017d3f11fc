"""Metrics: what the engine reports is what a scrape shows, and the store is asked only now and then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.metrics import Metrics
from service.storage.audit import Liveness
from service.storage.database import Database
from service.storage.gauges import Gauges, read_gauges
from service.storage.schema import migrate
from statemachine.errors import Unavailable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


class Store:
    """A store that counts how often it is asked."""

    def __init__(self, gauges: Gauges | None) -> None:
        self.gauges = gauges
        self.asked = 0

    async def read(self) -> Gauges:
        self.asked += 1
        if self.gauges is None:
            raise Unavailable("gone")
        return self.gauges


def gauges(live: int = 0, open_tasks: dict[str, int] | None = None) -> Gauges:
    liveness = Liveness(stuck=1, overdue=3, expired=4, quarantined=2, quarantined_events=5)
    return Gauges(live=live, liveness=liveness, due_lag_s=0.5, open_tasks=open_tasks or {})


def test_a_batch_is_measured_by_items_seconds_and_statements() -> None:
    metrics = Metrics()
    metrics.batch(12, 0.004, 7)
    sums = [value(metrics, f"statewright_batch_{name}_sum") for name in ("items", "seconds", "statements")]
    assert sums == [12, 0.004, 7]


def test_answers_are_counted_by_kind_and_result() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.answered("TriggerEvent", "ok", 3)
    metrics.answered("TriggerEvent", "SATURATED", 1)
    assert value(metrics, "statewright_commands_total", kind="TriggerEvent", result="ok") == 6
    assert value(metrics, "statewright_commands_total", kind="TriggerEvent", result="SATURATED") == 1


def test_messages_are_counted_by_channel_verdict_and_rule() -> None:
    metrics = Metrics()
    metrics.ruled("sms", "held", "quiet_hours", 3)
    metrics.ruled("carrier_pigeon", "sent", "", 1)
    labels = {"channel": "sms", "verdict": "held", "rule": "quiet_hours"}
    assert value(metrics, "statewright_messages_total", **labels) == 3
    assert value(metrics, "statewright_messages_total", channel="other", verdict="sent", rule="") == 1


def test_fired_timers_are_counted_and_their_lag_kept() -> None:
    metrics = Metrics()
    metrics.fired(40, 0.25)
    assert value(metrics, "statewright_timers_fired_total") == 40
    assert value(metrics, "statewright_due_timer_lag_seconds") == 0.25


def test_the_queue_depth_is_asked_at_each_scrape() -> None:
    metrics = Metrics()
    depth = iter([5, 9])
    metrics.watch_pending(lambda: next(depth))
    assert b"statewright_pending_commands 5.0" in metrics.render()
    assert b"statewright_pending_commands 9.0" in metrics.render()


async def test_a_scrape_shows_the_store() -> None:
    metrics = Metrics()
    await metrics.stored.refresh(Store(gauges(live=3, open_tasks={"messages": 4})).read)
    assert value(metrics, "statewright_live_enrollments") == 3
    assert value(metrics, "statewright_stuck_enrollments") == 1
    assert value(metrics, "statewright_quarantined_enrollments") == 2
    assert value(metrics, "statewright_quarantined_events") == 5
    assert value(metrics, "statewright_overdue_timers") == 3
    assert value(metrics, "statewright_expired_leases") == 4
    assert value(metrics, "statewright_open_tasks", queue="messages") == 4


async def test_the_store_is_asked_once_however_often_one_scrapes() -> None:
    metrics, store = Metrics(), Store(gauges())
    for second in (100.0, 101.0, 104.9):
        await metrics.stored.refresh(store.read, now=lambda second=second: second)  # type: ignore[misc]
    assert store.asked == 1
    await metrics.stored.refresh(store.read, now=lambda: 105.0)
    assert store.asked == 2


async def test_a_queue_without_tasks_is_forgotten() -> None:
    metrics = Metrics()
    await metrics.stored.refresh(Store(gauges(open_tasks={"old": 1})).read, now=lambda: 1.0)
    await metrics.stored.refresh(Store(gauges()).read, now=lambda: 99.0)
    assert value(metrics, "statewright_open_tasks", queue="old") is None


async def test_a_database_that_is_gone_is_a_figure_and_no_failure() -> None:
    metrics = Metrics()
    await metrics.stored.refresh(Store(None).read)
    assert value(metrics, "statewright_database_up") == 0


@pytest.fixture
def database(database_url: str):  # type: ignore[no-untyped-def]
    database = Database(database_url)
    migrate(database)
    yield database
    database.close()


def enroll(
    database: Database, name: str, status: str, due_at: datetime | None = None, contact: str | None = None
) -> None:
    row: dict[str, object] = {
        "id": name,
        "status": status,
        "due_at": due_at,
        "contact_id": contact,
        "at": NOW,
        "empty": {},
    }
    columns = "id, workflow, version, contact_id, entry_key, status, due_at, revision, trigger, state, started_at"
    values = "r.id, 'w', 1, r.contact_id, '', r.status, {due}, 1, r.empty, r.empty, {at}, {at}"
    cast = "cast({} as timestamptz)" if database.kind == "postgresql" else "{}"
    values = values.replace("{due}", cast.format("r.due_at")).replace("{at}", cast.format("r.at"))
    sql = (
        f"insert into enrollments (tenant_id, {columns}, transition_at) select 'default', {values} "
        "from {rows:rows; id text, status text, due_at text, contact_id text, at text, empty json} where true"
    )
    database.run(lambda transaction: transaction.write(sql, rows=[row]))


def test_the_store_counts_live_enrollments_only(database: Database) -> None:
    for name, status in (("a", "waiting"), ("b", "paused"), ("c", "completed")):
        enroll(database, name, status)
    with database.reading() as transaction:
        assert read_gauges(transaction, workflow_now=NOW, wall_now=NOW).live == 2


@pytest.mark.parametrize("contact", ["ann", None])
def test_the_lag_is_that_of_the_oldest_due_timer(database: Database, contact: str | None) -> None:
    for name, seconds in (("a", -3), ("b", -90), ("c", 60)):
        enroll(database, name, "waiting", NOW + timedelta(seconds=seconds), contact)
    with database.reading() as transaction:
        assert read_gauges(transaction, workflow_now=NOW, wall_now=NOW).due_lag_s == 90


def test_a_store_with_nothing_due_has_no_lag(database: Database) -> None:
    enroll(database, "a", "waiting", NOW + timedelta(hours=1))
    with database.reading() as transaction:
        assert read_gauges(transaction, workflow_now=NOW, wall_now=NOW).due_lag_s == 0


def test_the_lag_is_told_in_seconds_of_the_wall(database: Database) -> None:
    enroll(database, "a", "waiting", NOW - timedelta(hours=1))
    with database.reading() as transaction:
        assert read_gauges(transaction, workflow_now=NOW, wall_now=NOW, rate=3600.0).due_lag_s == 1
