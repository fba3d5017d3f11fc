"""What must hold of a store after a storm, given the book that the parent process kept.

`audit_dead` looks at what a killed server left, in one moment. `audit_settled` holds when all work has ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from statewright.v1 import VerdictKind

from service.storage.database import Database, Transaction
from service.storage.dialect import load
from service.storage.tables import LIVE_SQL
from tests.audit import (
    assert_events_applied_once,
    assert_history_dense,
    assert_no_early_or_double_timer,
    assert_no_orphaned_task,
    assert_replays,
    assert_sound,
)
from tests.storm.book import SOURCE, Book
from tests.storm.workflows import RESTING

_PREFIX = "VERDICT_KIND_"


def audit_dead(url: str, book: Book, *, replays: bool) -> None:
    """Nothing acknowledged is missing, and what is there is whole (promises P1 to P4). Others may be at work."""
    told = book.so_far()
    with _snapshot(url) as transaction:
        assert_acknowledged(transaction, told)
        assert_history_dense(transaction)
        assert_events_applied_once(transaction)
        assert_no_orphaned_task(transaction)
        assert_no_early_or_double_timer(transaction)
        if replays:
            assert_replays(transaction)


def audit_settled(url: str, book: Book) -> int:
    """Everything that was promised has happened, once; answers how many runs were decided again from their history."""
    assert not book.wrong, book.wrong[:5]
    now = datetime.now(UTC)
    with _reading(url) as transaction:
        assert_acknowledged(transaction, book)
        assert_sound(transaction, workflow_now=now, wall_now=now)
        assert_counted(transaction, book)
        assert_operated(transaction, book)
        assert_effects(transaction, book)
        assert_nothing_open(transaction)
        return _number(transaction, "select count(*) from enrollments")


def assert_acknowledged(transaction: Transaction, book: Book) -> None:
    """Every acknowledged event is there with the verdicts that its sender was told, and so is every run and result."""
    stored = {
        row[0]: frozenset((one["kind"], one["workflow"], one["enrollment_id"] or "") for one in load(row[1]))
        for row in transaction.rows("select event_id, verdicts from event_keys where source = :source", source=SOURCE)
    }
    for event_id, told in list(book.verdicts.items()):
        assert event_id in stored, f"{event_id} was acknowledged and is gone"
        known = {(_word(kind), workflow, run) for kind, workflow, run in told}
        heard = {verdict for verdict in stored[event_id] if verdict[0] != "NOT_MATCHED"}
        assert known == heard, f"{event_id} was told {known}, stored is {heard}"
    runs = {row[0] for row in transaction.rows("select id from enrollments")}
    assert set(book.enrolled.values()) <= runs, "an acknowledged enrolment is gone"
    open_tasks = {row[0] for row in transaction.rows("select id from tasks where status in ('ready', 'leased')")}
    gone = [task for task, applied in list(book.completed.items()) if applied and task in open_tasks]
    assert not gone, f"results that were acknowledged and are gone: {gone}"


def assert_counted(transaction: Transaction, book: Book) -> None:
    """Every tick counted once, every change of a level was noticed once."""
    profiles = {row[0]: load(row[1]) for row in transaction.rows("select id, profile from contacts")}
    counted = {contact: profiles[contact]["custom_fields"]["ticks"] for contact in book.ticks}
    assert counted == dict(book.ticks)
    noticed = dict(_counts(transaction, "levels"))
    assert noticed == {contact: level for contact, level in book.levels.items() if level}


def assert_operated(transaction: Transaction, book: Book) -> None:
    """Every acknowledged enrolment happened once, every acknowledged advance too."""
    enrolled = dict(_counts(transaction, "manual"))
    twice = [contact for contact in book.enrolled if enrolled.get(contact) != 1]
    assert not twice, f"enrolled not just once: {twice}"
    causes = Counter(
        row[0]
        for row in transaction.rows("select cause_id from history where position = 0 and cause_id like 'op:advance/%'")
    )
    assert all(causes[f"op:advance/advance-{contact}"] == 1 for contact in book.advanced), "an advance is gone"


def assert_effects(transaction: Transaction, book: Book) -> None:
    """Ordered effects happened, only after their order was durable, and at-most-once ones at most once (P7)."""
    tasks = {
        row[0]: (row[1], row[2], row[3])
        for row in transaction.rows("select idempotency_key, enrollment_id, status, type from tasks")
    }
    for (path, key), times in book.calls.items():
        assert key in tasks, f"{path} was called for {key}, which nobody ordered"
        assert tasks[key][0] == book.called_by[key], f"{key} belongs to another run"
        assert path == "/call" or times == 1, f"{key} was called {times} times, at most once was promised"
    for key, attempt in book.executions:
        if key in book.at_most_once:
            assert book.executions[key, attempt] == 1, f"attempt {attempt} of {key} was executed twice"
            assert attempt == 1 or (key, attempt - 1) in book.failures, f"{key} was repeated with its outcome unknown"
    called = {key for _, key in book.calls}
    executed = {key for key, _ in book.executions}
    for key, (_, status, kind) in tasks.items():
        if status == "completed":
            assert kind != "http_request" or key in called, f"{key} is completed and was never called"
            assert kind != "task" or key in executed, f"{key} is completed and was never executed"
    sent = Counter(row[0] for row in transaction.rows("select idempotency_key from messages"))
    texts = {key for key, (_, status, kind) in tasks.items() if kind == "send_sms" and status == "completed"}
    assert texts <= set(sent), "a message that was sent is not in the outbox"
    assert max(sent.values(), default=1) == 1, "a message is in the outbox twice"


def assert_nothing_open(transaction: Transaction) -> None:
    """Every run has ended or rests where it should, no task is open, no event waits to be handled."""
    living = {(row[0], row[1]) for row in transaction.rows(f"select workflow, step from enrollments where {LIVE_SQL}")}
    assert living <= RESTING, f"runs still rest in {living - RESTING}"
    assert _number(transaction, "select count(*) from tasks where status in ('ready', 'leased')") == 0
    assert _number(transaction, "select count(*) from events where pending") == 0


def unsettled(url: str) -> int:
    """How many runs have work ahead of them, and how many tasks and events wait."""
    resting = " or ".join(f"(workflow = '{workflow}' and step = '{step}')" for workflow, step in sorted(RESTING))
    with _reading(url) as transaction:
        return (
            _number(transaction, f"select count(*) from enrollments where {LIVE_SQL} and not ({resting})")
            + _number(transaction, "select count(*) from tasks where status in ('ready', 'leased')")
            + _number(transaction, "select count(*) from events where pending")
        )


def expired_leases(url: str) -> int:
    """How many attempts were given up because their holder was gone, as histories tell."""
    with _reading(url) as transaction:
        rows = transaction.rows("select entry from history where kind in ('retrying', 'step_failed')")
        return sum(load(row[0]).get("error_code") in ("lease_expired", "outcome_unknown") for row in rows)


def _counts(transaction: Transaction, workflow: str) -> list[tuple[str, int]]:
    rows = transaction.rows(
        "select contact_id, count(*) from enrollments where workflow = :workflow group by contact_id",
        workflow=workflow,
    )
    return [(row[0], int(row[1])) for row in rows]


def _number(transaction: Transaction, sql: str) -> int:
    row = transaction.row(sql)
    assert row is not None
    return int(row[0])


def _word(kind: int) -> str:
    return VerdictKind.Name(kind).removeprefix(_PREFIX)


@contextmanager
def _snapshot(url: str) -> Iterator[Transaction]:
    """The store in one moment, by a connection of its own."""
    database = Database(url)
    try:
        with database.analysing() as transaction:
            yield transaction
    finally:
        database.close()


@contextmanager
def _reading(url: str) -> Iterator[Transaction]:
    """A read of a store by a connection of its own."""
    database = Database(url)
    try:
        with database.reading() as transaction:
            yield transaction
    finally:
        database.close()
