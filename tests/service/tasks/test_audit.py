"""The liveness audit on both stores: what is stuck, and everything that only looks like it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.storage.audit import Liveness, audit_liveness, stuck_enrollments
from service.storage.database import Database
from service.storage.enrollments import INSERT
from tests.service.tasks.stores import START, leased_row, put, task_row

LONG_AGO = START - timedelta(minutes=3)
JUST_NOW = START - timedelta(minutes=1)
SOON = START + timedelta(minutes=1)


def enroll(database: Database, id: str = "e1", **given: Any) -> None:  # noqa: A002 - the column's name
    """An enrollment that nothing will ever move, unless `given` says otherwise."""
    extra = {name: given.pop(name) for name in ("quarantined_at",) if name in given}
    row = {
        "tenant_id": "default",
        "id": id,
        "workflow": "welcome",
        "version": 1,
        "contact_id": "ada",
        "entry_key": "",
        "status": "waiting",
        "step": "pause",
        "due_at": None,
        "waiting_for": None,
        "priority": 0,
        "revision": 1,
        "open_children": 0,
        "trigger": {},
        "variables": {},
        "outputs": {},
        "state": {},
        "started_at": LONG_AGO,
        "transition_at": LONG_AGO,
        **given,
    }
    database.run(lambda transaction: transaction.write(INSERT, rows=[row]))
    for name, value in extra.items():
        sql = f"update enrollments set {name} = :value where id = :id"
        plain = value if isinstance(value, int) else str(value)
        database.run(lambda transaction, s=sql, v=plain: transaction.write(s, value=v, id=id))  # type: ignore[misc]


def audit(database: Database, rate: float = 1.0) -> Liveness:
    return database.run(lambda transaction: audit_liveness(transaction, workflow_now=START, wall_now=START, rate=rate))


def test_an_empty_store_is_sound(database: Database) -> None:
    assert audit(database) == Liveness(0, 0, 0, 0)
    assert audit(database).sound


def test_an_enrollment_that_nothing_will_move_is_stuck_and_named(database: Database) -> None:
    enroll(database)
    assert audit(database) == Liveness(stuck=1, overdue=0, expired=0, quarantined=0)
    assert not audit(database).sound
    assert database.run(lambda tx: stuck_enrollments(tx, workflow_now=START)) == [("default", "e1")]


@pytest.mark.parametrize(
    "given",
    [
        {"due_at": SOON},
        {"open_children": 2},
        {"waiting_for": ["message_received"]},
        {"transition_at": JUST_NOW},
        {"status": "paused"},
        {"status": "completed"},
        {"quarantined_at": START},
    ],
    ids=["timer", "children", "event", "settling", "paused", "ended", "quarantined"],
)
def test_an_enrollment_with_a_reason_to_rest_is_not_stuck(database: Database, given: dict[str, Any]) -> None:
    enroll(database, **given)
    assert audit(database).stuck == 0


@pytest.mark.parametrize(
    "given",
    [{"waiting_for": []}, {"status": "running"}, {"status": "running", "waiting_for": ["reply"]}, {"contact_id": None}],
    ids=["waits for nothing", "running", "running with old waits", "without a contact"],
)
def test_what_only_looks_like_a_reason_is_none(database: Database, given: dict[str, Any]) -> None:
    enroll(database, **given)
    assert audit(database).stuck == 1


@pytest.mark.parametrize(("status", "stuck"), [("ready", 0), ("leased", 0), ("failed", 1), ("cancelled", 1)])
def test_only_an_open_task_moves_an_enrollment(database: Database, status: str, stuck: int) -> None:
    enroll(database, "e1", status="running")
    put(database, task_row(enrollment_id="e1", status=status))
    assert audit(database).stuck == stuck


def test_a_paused_workflow_holds_its_enrollments_by_intent(database: Database) -> None:
    enroll(database)
    enroll(database, "e2", due_at=LONG_AGO)
    sql = """insert into workflows (tenant_id, key, name, status, latest_version, revision, created_at, updated_at)
        values ('default', 'welcome', 'Welcome', 'paused', 1, 1, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')"""
    database.run(lambda transaction: transaction.write(sql))
    assert audit(database).sound


@pytest.mark.parametrize("contact", ["ada", None])
def test_a_timer_nobody_fired_for_a_minute_is_overdue(database: Database, contact: str | None) -> None:
    enroll(database, due_at=START - timedelta(seconds=61), contact_id=contact)
    enroll(database, "e2", due_at=START - timedelta(seconds=59), contact_id=contact)
    assert audit(database).overdue == 1


def test_spans_are_stretched_where_workflow_time_runs_faster(database: Database) -> None:
    enroll(database)
    enroll(database, "e2", due_at=START - timedelta(seconds=61))
    assert audit(database, rate=60.0).sound


def test_a_lease_nobody_took_over_for_a_minute_is_expired(database: Database) -> None:
    put(database, leased_row("old", lease_until=START - timedelta(seconds=61)))
    put(database, leased_row("new", lease_until=START - timedelta(seconds=59)))
    assert audit(database).expired == 1


def test_quarantined_enrollments_are_counted_by_themselves(database: Database) -> None:
    enroll(database, quarantined_at=START, due_at=LONG_AGO)
    assert audit(database) == Liveness(stuck=0, overdue=0, expired=0, quarantined=1)
