"""The auditor: what must hold of a store after any scenario, storms included.

Every check reads through one transaction and raises AssertionError naming what is wrong. `assert_sound` runs them all.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, Final

from service.engine.catalog import compile_stored
from service.engine.commands import EventAnswer
from service.storage.audit import audit_liveness, stuck_enrollments
from service.storage.database import Row, Transaction
from service.storage.dialect import dump, instant, load
from service.storage.enrollments import SNAPSHOT_COLUMNS, snapshot_of
from service.storage.history import history_row
from service.storage.tables import LIVE_SQL
from service.storage.workflows import StoredVersion, get_version
from statemachine.decision import HistoryEntry
from statemachine.grace import GRACE
from statemachine.places import holds_place
from statemachine.replay import replay
from statemachine.snapshot import Snapshot, Status, identity_of, snapshot_to_data
from statemachine.step import CONTACT_CHANGED
from statemachine.verdict import DROPPED
from statemachine.workflow import Workflow
from tests.funnel import assert_funnels_hold

_OWN_SOURCES: Final = ("statewright", "api")
_PHASES: Final = {"ENROLLED": "entry", "ADVANCED": "wait", "EXITED": "exit", "BUFFERED": "wait", "DEBOUNCED": "wait"}
_BY_ENTRIES: Final = {"restarted": "restart", "interrupted": "interrupt"}
_LONG_AFTER: Final = timedelta(hours=1)


def assert_sound(
    transaction: Transaction, *, workflow_now: datetime, wall_now: datetime, acknowledged: Iterable[EventAnswer] = ()
) -> None:
    """Run every check. `acknowledged` are the answers that callers got to their events."""
    assert_live(transaction, workflow_now=workflow_now, wall_now=wall_now)
    assert_history_dense(transaction)
    assert_replays(transaction)
    assert_events_applied_once(transaction, acknowledged)
    assert_no_orphaned_task(transaction)
    assert_no_early_or_double_timer(transaction)
    assert_funnels_hold(transaction)
    assert_places_kept(transaction)
    assert_families(transaction)


def assert_families(transaction: Transaction) -> None:
    """Every parent waits for those children that live or whose end it has not been told yet, and says how many."""
    snapshots = _snapshots(transaction)
    living: dict[str, set[str]] = defaultdict(set)
    for child in snapshots:
        if child.live and child.origin is not None and child.origin.awaited:
            living[child.parent_id or ""].add(child.origin.name)
    for parent in snapshots:
        waited = set(parent.brood.open) if parent.brood is not None else set()
        told_later = {news["name"] for news in parent.held if news["kind"] == "child" and news["visit"] == parent.visit}
        expected = living[parent.id] | told_later
        assert expected == waited, (
            f"{parent.id} waits for {waited}; {living[parent.id]} live, {told_later} is told later"
        )
        assert parent.open_children == len(waited)


def assert_live(transaction: Transaction, *, workflow_now: datetime, wall_now: datetime) -> None:
    """Nothing is stuck, no timer overdue, no lease forgotten (promise P5); fresh transitions are no excuse."""
    stuck = stuck_enrollments(transaction, workflow_now=workflow_now + _LONG_AFTER)
    assert not stuck, f"nothing will ever move {stuck}"
    liveness = audit_liveness(transaction, workflow_now=workflow_now, wall_now=wall_now)
    assert liveness.sound, liveness


def assert_history_dense(transaction: Transaction) -> None:
    """Sequences count from 0 without a gap, positions within each cause too, and the snapshot knows how many."""
    rows = transaction.rows(
        "select enrollment_id, sequence, cause_id, position, cause from history order by enrollment_id, sequence"
    )
    positions: dict[tuple[str, str], int] = defaultdict(int)
    counts: Counter[str] = Counter()
    for enrollment_id, sequence, cause_id, position, cause in rows:
        assert sequence == counts[enrollment_id], f"{enrollment_id}: {sequence} follows {counts[enrollment_id] - 1}"
        assert position == positions[enrollment_id, cause_id], f"{enrollment_id}: {cause_id} has a gap at {position}"
        assert (cause is not None) == (position == 0), f"{enrollment_id}: {cause_id} is recorded in the wrong row"
        counts[enrollment_id] += 1
        positions[enrollment_id, cause_id] += 1
    for snapshot in _snapshots(transaction):
        assert counts[snapshot.id] == snapshot.sequence, f"{snapshot.id} has {counts[snapshot.id]} history rows"


def assert_replays(transaction: Transaction) -> int:
    """Deciding every recorded cause again gives the stored snapshot, history and tasks; answers how many runs did."""
    history: dict[str, list[Row]] = defaultdict(list)
    for row in transaction.rows(
        "select enrollment_id, sequence, position, at, kind, step, visit, level, entry, cause from history "
        "order by enrollment_id, sequence"
    ):
        history[row[0]].append(row)
    orders: dict[str, list[tuple[str, int, Any]]] = defaultdict(list)
    for row in transaction.rows("select enrollment_id, step, visit, input from tasks order by enrollment_id, visit"):
        orders[row[0]].append((row[1], row[2], load(row[3])))
    snapshots = _snapshots(transaction)
    born: dict[str, Any] = {}
    begun = {name: load(rows[0][9]) for name, rows in history.items()}
    for stored in snapshots:
        rows = history[stored.id]
        replayed = replay(
            partial(_version, transaction, stored.workflow), [load(row[9]) for row in rows if row[9] is not None]
        )
        assert _comparable(replayed.snapshot) == _comparable(stored), f"{stored.id} does not replay to what is stored"
        assert [_entry_data(entry) for entry in replayed.history] == [_row_data(row) for row in rows]
        assert [(one.step, one.visit, _json(one.input)) for one in replayed.orders] == orders[stored.id]
        born.update((one.snapshot.id, _json(identity_of(one.snapshot))) for one in replayed.children)
    for stored in snapshots:
        if stored.origin is not None:
            identity = begun[stored.id]["enrollment"]
            assert {**born[stored.id], "version": identity["version"]} == identity, f"{stored.id} began otherwise"
    return len(snapshots)


def assert_events_applied_once(transaction: Transaction, acknowledged: Iterable[EventAnswer] = ()) -> None:
    """Every accepted event has one key and one row in the log, and did to each run exactly what its verdicts say."""
    keys = transaction.rows("select source, event_id, verdicts from event_keys")
    known = {row[1] for row in keys}
    missing = [answer.event_id for answer in acknowledged if answer.event_id not in known]
    assert not missing, f"acknowledged but not stored: {missing}"
    logged = Counter((row[0], row[1]) for row in transaction.rows("select source, event_id from events"))
    assert all(logged[source, event_id] == 1 for source, event_id, _ in keys), (
        "an accepted event is not in the log once"
    )
    by_change = _left_by_change(transaction)
    effects = [
        (verdict["kind"], (verdict["enrollment_id"], f"event:{source}/{event_id}#{_phase(verdict)}"))
        for source, event_id, verdicts in keys
        for verdict in load(verdicts)
        if verdict["kind"] in _PHASES
        and verdict["rule"] != CONTACT_CHANGED
        and not (verdict["kind"] == "EXITED" and verdict["enrollment_id"] in by_change)
        and (verdict["kind"], verdict["rule"]) != ("ENROLLED", GRACE)
    ]
    effects += [
        ("BLOCKED", (verdict["enrollment_id"], f"event:{source}/{event_id}#wait"))
        for source, event_id, verdicts in keys
        for verdict in load(verdicts)
        if verdict["rule"] == DROPPED
    ]
    graced = {
        f"event:{source}/{event_id}#{phase}"
        for source, event_id, verdicts in keys
        for verdict in load(verdicts)
        if (verdict["kind"], verdict["rule"]) == ("BUFFERED", GRACE)
        for phase in ("entry", "restart", "interrupt")
    }
    later = _interrupted_later(transaction)
    promised = Counter(effect for kind, effect in effects if kind != "BUFFERED")
    buffered = Counter(effect for kind, effect in effects if kind == "BUFFERED")
    applied = Counter(
        (row[0], row[1]) for row in _caused_by(transaction, "event:") if not row[1][6:].startswith(_OWN_SOURCES)
    )
    # under grace an entry has the cause of an earlier event, and the answer to a later one tells of it
    by_earlier = {(run, _phase_of(cause)) for run, cause in applied if cause in graced}
    lost = {effect for effect in promised - applied if (effect[0], _phase_of(effect[1])) not in by_earlier}
    assert not lost, f"verdicts without their transition: {lost}"
    untold = {effect for effect in applied - promised - buffered if effect not in later and effect[1] not in graced}
    assert not untold, f"transitions that no verdict tells of: {untold}"


def _left_by_change(transaction: Transaction) -> set[str]:
    """Runs that left because their contact matched no longer: what the event changed is the cause, not the event."""
    return {
        row[0]
        for row in transaction.rows(
            "select enrollment_id from history where kind = 'exited' and cause_id like 'contact:%'"
        )
    }


def _interrupted_later(transaction: Transaction) -> set[tuple[str, str]]:
    """What a run that had been pending ended when it began; its event was answered long before."""
    begun = "select entry from history where kind = 'queued'"
    if not transaction.rows(f"{begun} limit 1"):
        return set()
    return {(row[0], row[1]) for row in _caused_by(transaction, "event:") if row[1].endswith("#interrupt")}


def _phase_of(cause: str) -> str:
    return cause.rpartition("#")[2]


def _phase(verdict: Mapping[str, Any]) -> str:
    return _BY_ENTRIES.get(verdict["rule"], _PHASES[verdict["kind"]])


def assert_no_orphaned_task(transaction: Transaction) -> None:
    """No task is open whose run has ended, and a run that waits for a task has just that one open."""
    orphans = transaction.rows(
        "select t.id, t.status, e.status from tasks t join enrollments e on e.tenant_id = t.tenant_id "
        f"and e.id = t.enrollment_id where t.status in ('ready', 'leased', 'open') and not (e.{LIVE_SQL})"
    )
    assert not orphans, f"open tasks of ended runs: {orphans}"
    open_tasks = Counter(
        row[0]
        for row in transaction.rows("select enrollment_id from tasks where status in ('ready', 'leased', 'open')")
    )
    unlike = transaction.rows(
        "select h.task_id, t.status from human_tasks h join tasks t on t.tenant_id = h.tenant_id and t.id = h.task_id "
        "where (t.status = 'open') <> (h.closed_at is null)"
    )
    assert not unlike, f"human tasks that are open here and over there: {unlike}"
    held = transaction.rows(
        "select h.task_id from human_tasks h where h.closed_at is null and (case when h.agent_id is null then 0 else 1 "
        "end) <> (select count(*) from assignments s where s.tenant_id = h.tenant_id and s.task_id = h.task_id "
        "and s.ended_at is null)"
    )
    assert not held, f"human tasks whose holder is not the one on record: {held}"
    for snapshot in _snapshots(transaction):
        wanted = 1 if snapshot.live and snapshot.task is not None and not snapshot.held else 0
        assert open_tasks[snapshot.id] == wanted, f"{snapshot.id} has {open_tasks[snapshot.id]} open tasks"


def assert_no_early_or_double_timer(transaction: Transaction) -> None:
    """A wait ends by its timer once, and not before the deadline that it announced last; a silence that begins anew
    leaves the deadline of the wait as it is."""
    announced = transaction.rows(
        "select enrollment_id, visit, entry, kind from history "
        "where kind in ('waiting', 'migrated', 'rescheduled', 'debounced') order by enrollment_id, sequence"
    )
    untils: dict[tuple[str, int], dict[str, str]] = {}
    for enrollment_id, visit, entry, kind in announced:
        told = load(entry).get("metadata", {})
        found = {name: told[name] for name in ("until", "quiet_until") if told.get(name)}
        kept = untils.get((enrollment_id, visit), {}) if kind == "debounced" or not found else {}
        untils[enrollment_id, visit] = found if kind == "waiting" else {**kept, **found}
    ended: Counter[tuple[str, int]] = Counter()
    for enrollment_id, _, visit, kind, at in _caused_by(transaction, "timer:"):
        until = min(untils.get((enrollment_id, visit), {}).values(), default=None)
        if kind == "step_completed" and until is not None:
            ended[enrollment_id, visit] += 1
            fired_at = instant(at)
            assert fired_at is not None
            assert fired_at >= datetime.fromisoformat(until), f"{enrollment_id} fired at {fired_at}, due {until}"
    double = [name for name, count in ended.items() if count > 1]
    assert not double, f"fired twice: {double}"


def assert_places_kept(transaction: Transaction) -> None:
    """Every live run that took a place holds it, and nobody else; every pending run, and no other, is queued."""
    held = {row[0] for row in transaction.rows("select enrollment_id from places where ended_at is null")}
    snapshots = _snapshots(transaction)
    assert held == {one.id for one in snapshots if holds_place(one)}, "places and the runs that hold them differ"
    queued = {row[0]: row[1] for row in transaction.rows("select enrollment_id, rule from pending_runs")}
    assert queued == {one.id: one.queued for one in snapshots if one.status is Status.PENDING}


def _caused_by(transaction: Transaction, prefix: str) -> Sequence[Row]:
    return transaction.rows(
        "select enrollment_id, cause_id, visit, kind, at from history where position = 0 and cause_id like :like",
        like=f"{prefix}%",
    )


def _snapshots(transaction: Transaction) -> list[Snapshot]:
    return [snapshot_of(row) for row in transaction.rows(f"select {SNAPSHOT_COLUMNS} from enrollments e order by e.id")]


def _version(transaction: Transaction, key: str, version: int) -> Workflow:
    stored = get_version(transaction, "default", key, version)
    assert stored is not None, f"{key}@{version} is gone"
    return _compiled(stored)


@cache
def _compiled(stored: StoredVersion) -> Workflow:
    return compile_stored(stored)


def _comparable(snapshot: Snapshot) -> Any:
    """Starts of steps are kept while a run lives only."""
    return _json(snapshot_to_data(snapshot if snapshot.live else replace(snapshot, step_starts={})))


def _entry_data(entry: HistoryEntry) -> Mapping[str, Any]:
    row = history_row("", "", "", entry)
    names = ("sequence", "position", "at", "kind", "step", "visit", "level", "entry", "cause")
    return {name: row[name] if name == "at" else _json(row[name]) for name in names}


def _row_data(row: Row) -> Mapping[str, Any]:
    names = ("sequence", "position", "at", "kind", "step", "visit", "level")
    return dict(zip(names, row[1:8], strict=True)) | {
        "at": instant(row[3]),
        "entry": load(row[8]),
        "cause": load(row[9]),
    }


def _json(value: Any) -> Any:
    return json.loads(dump(value))
