"""Rows at rest: snapshots, contacts and events come back as they were written, and races are noticed."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.storage import contacts, enrollments, events
from service.storage.connections import Conflict
from service.storage.contacts import ask_contacts, held_elsewhere
from service.storage.database import Database
from service.storage.enrollments import SNAPSHOT_COLUMNS, snapshot_of, state_of
from service.storage.events import load_repeats, look_back
from service.storage.pending_events import left_pending
from statemachine.contact import Contact, contact_to_data
from statemachine.failure import LastError
from statemachine.frame import Frame, Guard, Leaving, Thrown, Undo, Undoing
from statemachine.kin import Brood, Origin
from statemachine.snapshot import OpenTask, Snapshot, Status

AT = datetime(2026, 3, 2, 9, 0, 0, 5, tzinfo=UTC)
ERROR = LastError("s", "boom", "it broke", AT, True, 2)
FULL = Snapshot(
    id="e1",
    workflow="w",
    version=3,
    contact_id="ann",
    entry_key="k",
    status=Status.PAUSED,
    step="s",
    visit=4,
    sequence=9,
    transitions=8,
    timers=2,
    priority=5,
    parent_id="p",
    trigger={"type": "go", "data": {"a": [1, "ü"]}},
    variables={"x": {"y": None}},
    outputs={"s": [1]},
    variants={"split": "a"},
    deadlines={"wait": AT + timedelta(hours=1), "run": AT + timedelta(days=1)},
    anchor_at=AT,
    step_starts={"s": AT},
    previous_step="r",
    task=OpenTask("s", 4, 2, AT + timedelta(seconds=3), 1),
    started_at=AT - timedelta(days=1),
    entered_at=AT - timedelta(hours=2),
    transition_at=AT,
    paused_at=AT,
    pause_timers="remaining",
    held=({"kind": "task", "attempt": 1},),
    consumed=("shop/1",),
    continues=1,
    executed_steps=3,
    failed_steps=2,
    retried_steps=1,
    last_error=ERROR,
    exit_reason="why",
    goal="g",
    revision=1,
    standstill_s=2.5,
    frames=(
        Frame("each", 1, ({"n": 1}, None)),
        Guard("try", "finally", ERROR, Thrown(ERROR, (Frame("thrice", 2, None, 3, True),)), Leaving("far")),
        Guard("outer", "finally", None, None, Thrown(ERROR, (Guard("inner", "catch", ERROR),))),
        Undoing("back", Undo("a", 2, done=True), 1, Thrown(ERROR)),
        Guard("last", "finally", pending=Leaving(status="exited", reason="why")),
    ),
    pause_events="drop",
    gathered={"outcome": "more", "events": [{"n": 1}]},
    place_at=AT,
    queued="max_concurrent",
    active_s=1.5,
    undos=(Undo("a", 2, {"x": 1}, {"y": 2}, True), Undo("b", 3)),
    moments={"s": AT + timedelta(hours=1)},
    open_children=2,
    origin=Origin("par", 3, "a", "a", False, ("outer",)),
    brood=Brood(("x", "y"), {"z": {"n": 1}}, {"w": {"code": "boom"}}, 12, (1, 2), 3, 5, True),
    written=("x",),
)


def _row(snapshot: Snapshot, **given: Any) -> dict[str, Any]:
    names = (
        "id", "workflow", "version", "contact_id", "entry_key", "status", "step", "due_at", "priority", "revision",
        "parent_id", "open_children", "trigger", "variables", "outputs", "exit_reason", "started_at", "transition_at",
        "ended_at",
    )  # fmt: skip
    row = {name: getattr(snapshot, name) for name in names}
    return {**row, "tenant_id": "t", "waiting_for": None, "task_id": None, "state": state_of(snapshot), **given}


def _stored(database: Database) -> Snapshot:
    with database.reading() as transaction:
        ((row),) = transaction.rows(f"select {SNAPSHOT_COLUMNS} from enrollments e")
    return snapshot_of(row)


def test_every_field_of_the_sample_differs_from_its_default() -> None:
    """So that a field which the store forgets cannot hide."""
    plain = Snapshot("", "", 0)
    left = {one.name for one in fields(Snapshot) if getattr(FULL, one.name) == getattr(plain, one.name)}
    assert left <= {"ended_at"}


def test_a_snapshot_comes_back_whole_after_its_insert(store: Database) -> None:
    store.run(lambda transaction: transaction.write(enrollments.INSERT, rows=[_row(FULL)]))
    assert _stored(store) == FULL


def test_a_snapshot_comes_back_whole_after_an_update(store: Database) -> None:
    begun = Snapshot(
        "e1", "w", 3, "ann", "k", priority=5, parent_id="p", trigger=FULL.trigger, started_at=FULL.started_at,
        transition_at=AT, revision=7,
    )  # fmt: skip
    store.run(lambda transaction: transaction.write(enrollments.INSERT, rows=[_row(begun)]))
    changed = replace(FULL, revision=8)
    rows = [_row(changed, expected=7)]
    assert store.run(lambda transaction: transaction.write(enrollments.UPDATE, rows=rows)) == 1
    assert _stored(store) == changed
    back = replace(begun, revision=9, variables={}, outputs={})
    rows = [_row(back, expected=8)]
    assert store.run(lambda transaction: transaction.write(enrollments.UPDATE, rows=rows)) == 1
    assert _stored(store) == back


def test_an_update_without_variables_and_outputs_keeps_them(store: Database) -> None:
    store.run(lambda transaction: transaction.write(enrollments.INSERT, rows=[_row(FULL)]))
    rows = [_row(replace(FULL, revision=2), expected=1, variables=None, outputs=None)]
    store.run(lambda transaction: transaction.write(enrollments.UPDATE, rows=rows))
    assert _stored(store) == replace(FULL, revision=2)


def test_an_update_of_another_revision_touches_nothing(store: Database) -> None:
    store.run(lambda transaction: transaction.write(enrollments.INSERT, rows=[_row(FULL)]))
    rows = [_row(replace(FULL, revision=9), expected=8)]
    assert store.run(lambda transaction: transaction.write(enrollments.UPDATE, rows=rows)) == 0
    assert _stored(store) == FULL


# --- contacts ---

ANN = Contact("ann", {"first_name": "Ann"}, {"plan": {"n": [1]}}, ("a", "b"), ("l",), 2.5, 1)


def _contact_row(contact: Contact, **given: Any) -> dict[str, Any]:
    row = {"tenant_id": "t", "id": contact.id, "profile": contact_to_data(contact), "revision": contact.revision}
    return {**row, "now": AT, **given}


def test_a_contact_comes_back_as_it_was(store: Database) -> None:
    store.run(lambda transaction: transaction.write(contacts.INSERT, rows=[_contact_row(ANN)]))
    with store.transaction() as transaction:
        found = ask_contacts(transaction, [("t", "ann"), ("t", "bob"), ("other", "ann")])()
        assert held_elsewhere(transaction, [("t", "bob"), ("other", "ann")]) == set()
    assert {key: stored.contact for key, stored in found.items()} == {("t", "ann"): ANN}
    assert found["t", "ann"].created_at == AT


def test_a_contact_that_exists_is_not_inserted_again(store: Database) -> None:
    store.run(lambda transaction: transaction.write(contacts.INSERT, rows=[_contact_row(ANN)]))
    again = [_contact_row(replace(ANN, score=9))]
    assert store.run(lambda transaction: transaction.write(contacts.INSERT, rows=again)) == 0


def test_a_contact_is_updated_from_the_revision_that_was_read_alone(store: Database) -> None:
    store.run(lambda transaction: transaction.write(contacts.INSERT, rows=[_contact_row(ANN)]))
    third = [_contact_row(replace(ANN, score=9, revision=3), expected=1)]
    assert store.run(lambda transaction: transaction.write(contacts.UPDATE, rows=third)) == 1
    assert store.run(lambda transaction: transaction.write(contacts.UPDATE, rows=third)) == 0


def test_a_contact_that_another_session_holds_is_named_and_the_others_are_locked(store: Database) -> None:
    if store.kind == "sqlite":
        pytest.skip("SQLite has one writer")
    rows = [_contact_row(replace(ANN, id=name)) for name in ("a", "b")]
    store.run(lambda transaction: transaction.write(contacts.INSERT, rows=rows))
    other = Database(store.url)
    with store.transaction() as first, other.transaction() as second:
        ask_contacts(first, [("t", "a")])()
        assert set(ask_contacts(second, [("t", "a"), ("t", "b"), ("t", "new")])()) == {("t", "b")}
        assert held_elsewhere(second, [("t", "a"), ("t", "new")]) == {("t", "a")}
    other.close()


# --- events ---


def _event_row(name: str, at: datetime, **given: Any) -> dict[str, Any]:
    row = {
        "tenant_id": "t", "accepted_at": at, "id": name, "source": "shop", "event_id": name, "type": "seen",
        "contact_id": "ann", "conversation_id": None, "key": "k", "data": {"n": name}, "occurred_at": None,
        "priority": 3, "chain": ["w"], "pending": False,
    }  # fmt: skip
    return {**row, **given}


def test_earlier_events_are_found_by_contact_type_and_time_in_order_of_acceptance(store: Database) -> None:
    rows = [
        _event_row("late", AT + timedelta(seconds=2)),
        _event_row("early", AT),
        _event_row("before", AT - timedelta(microseconds=1)),
        _event_row("other_type", AT, type="left"),
        _event_row("other_contact", AT, contact_id="bob"),
        _event_row("other_tenant", AT, tenant_id="u"),
    ]
    wanted = [{"tenant_id": "t", "contact_id": "ann", "type": "seen", "since": AT}]
    with store.transaction() as transaction:
        transaction.write(events.INSERT, rows=rows)
        found = look_back(transaction, wanted)
    assert [one.id for _, one in found] == ["early", "late"]
    first = found[0][1]
    assert (first.data, first.chain, first.priority, first.accepted_at) == ({"n": "early"}, ("w",), 3, AT)


def test_of_many_earlier_events_the_latest_thousand_of_each_type_are_found(store: Database) -> None:
    rows = [_event_row(f"e{n:04}", AT + timedelta(seconds=n)) for n in range(1_002)]
    rows += [_event_row(f"o{n}", AT - timedelta(seconds=n), type="left") for n in range(3)]
    since = AT - timedelta(seconds=1)
    wanted = [{"tenant_id": "t", "contact_id": "ann", "type": kind, "since": since} for kind in ("left", "seen")]
    with store.transaction() as transaction:
        transaction.write(events.INSERT, rows=rows)
        found = [one.id for _, one in look_back(transaction, wanted)]
    assert (len(found), found[:3], found[-1]) == (1_002, ["o1", "o0", "e0002"], "e1001")


def test_events_left_pending_are_found_the_oldest_first_and_once(store: Database) -> None:
    rows = [_event_row(str(n), AT + timedelta(seconds=n), pending=n != 1) for n in (3, 1, 2, 0)]
    with store.transaction() as transaction:
        transaction.write(events.INSERT, rows=rows)
        until = AT + timedelta(seconds=2)
        assert [one.row_id for one in left_pending(transaction, until, until, 10)] == ["0", "2"]
        assert [one.row_id for one in left_pending(transaction, until, until, 1)] == ["0"]
        handled = [{"tenant_id": "t", "id": "0", "accepted_at": AT}]
        assert transaction.write(events.HANDLED, rows=handled) == 1
        assert transaction.write(events.HANDLED, rows=handled) == 0
        assert [one.row_id for one in left_pending(transaction, until, until, 10)] == ["2"]


def test_repeats_tell_event_ids_request_ids_and_pending_events_apart(store: Database) -> None:
    key = {"tenant_id": "t", "source": "s", "event_id": "1"}
    request = {"tenant_id": "t", "method": "s", "request_id": "1"}
    pending = _event_row("1", AT, pending=True)
    with store.transaction() as transaction:
        transaction.write(
            events.INSERT_KEYS, rows=[{**key, "body_hash": "k", "verdicts": [{"a": 1}], "accepted_at": AT}]
        )
        transaction.write(
            events.INSERT_REQUESTS, rows=[{**request, "body_hash": "r", "answer": {"b": 2}, "created_at": AT}]
        )
        transaction.write(events.INSERT, rows=[pending])
        found = load_repeats(
            transaction,
            [key, {**key, "event_id": "2"}],
            [request, {**request, "method": "other"}],
            [pending, {**pending, "id": "2"}],
        )
        assert load_repeats(transaction, [], [], []) == {}
    assert {name: (one.body_hash, one.answer, one.at) for name, one in found.items()} == {
        ("event", "t", "s", "1"): ("k", [{"a": 1}], AT),
        ("request", "t", "s", "1"): ("r", {"b": 2}, AT),
        ("pending", "t", "", "1"): ("", None, AT),
    }


def test_one_event_key_is_taken_once(store: Database) -> None:
    key = {"tenant_id": "t", "source": "s", "event_id": "1", "body_hash": "k", "verdicts": [], "accepted_at": AT}
    store.run(lambda transaction: transaction.write(events.INSERT_KEYS, rows=[key]))
    with pytest.raises(Conflict), store.transaction() as transaction:
        transaction.write(events.INSERT_KEYS, rows=[key])
