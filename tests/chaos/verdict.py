"""What must hold of the store when a play is over, besides what the auditor asks of any store."""

from __future__ import annotations

import json
from collections import Counter

from service.engine.catalog import compile_stored
from service.storage.database import Transaction
from service.storage.dialect import instant, load
from service.storage.workflows import get_version
from statemachine.snapshot import Snapshot, Status
from tests.audit import assert_sound
from tests.chaos.dates import assert_dates_kept
from tests.chaos.stage import Stage
from tests.chaos.tally import digest


def judge(stage: Stage) -> None:
    """Raises AssertionError, naming what is wrong; counts what happened."""
    now = stage.clock.now
    runs = stage.runs()
    stage.tally.runs.update(run.status.value for run in runs)

    def look(transaction: Transaction) -> None:
        assert_sound(transaction, workflow_now=now, wall_now=now, acknowledged=stage.answers)
        known = {row[0] for row in transaction.rows("select event_id from event_keys")}
        answered = {answer.event_id for answer in stage.answers}
        assert known == answered, f"stored but not answered, or answered and not stored: {known ^ answered}"
        _assert_repeats_agree(stage)
        _assert_tags(transaction)
        _assert_notices(transaction)
        stage.tally.kinds.update(assert_dates_kept(transaction, runs, now))
        _count(stage, transaction)

    stage.read(look)
    assert not stage.open("events", "pending"), "every raised event has been dispatched"
    _assert_pending(runs)
    for run in runs:
        assert not run.live or run.due_at is None or run.due_at > now, f"{run.id} is still to be moved"


def _assert_pending(runs: list[Snapshot]) -> None:
    """Nobody waits for a place when there is nobody in it."""
    live = [run for run in runs if run.live and run.status is not Status.PENDING]
    for run in runs:
        if run.status is Status.PENDING:
            others = [
                one
                for one in live
                if run.contact_id is None or one.contact_id == run.contact_id or run.queued != "conflict"
            ]
            assert others, f"{run.id} is pending ({run.queued}), and nothing is in its way"


def _assert_repeats_agree(stage: Stage) -> None:
    """Whoever sent an event again was told what was told first."""
    told: dict[str, object] = {}
    for answer in stage.answers:
        assert told.setdefault(answer.event_id, answer.verdicts) == answer.verdicts, f"{answer.event_id} was told twice"


def _assert_tags(transaction: Transaction) -> None:
    """Whoever has a tag was given it once more than it was taken, by the events that the changes raised."""
    sql = "select type, contact_id, data from events where source = 'statewright' and type like 'tag_%'"
    counts: Counter[tuple[str, str]] = Counter()
    for kind, contact, data in transaction.rows(sql):
        told = load(data)
        if told.get("target", "contact") == "contact":
            counts[contact, told["tag"]] += 1 if kind == "tag_added" else -1
    has = {
        (contact, tag)
        for contact, profile in transaction.rows("select id, profile from contacts")
        for tag in load(profile).get("tags", ())
    }
    assert {pair for pair, count in counts.items() if count} == has
    assert not has or {counts[pair] for pair in has} == {1}


def _assert_notices(transaction: Transaction) -> None:
    """What an agent was told is numbered without gaps."""
    told: dict[str, int] = {}
    for agent, sequence in transaction.rows("select agent_id, sequence from notifications order by agent_id, sequence"):
        assert sequence == told.get(agent, 0) + 1, f"{agent} missed something before {sequence}"
        told[agent] = sequence


def _count(stage: Stage, transaction: Transaction) -> None:
    tally = stage.tally
    tally.story = _story(transaction)
    for cause, count in transaction.rows("select cause_id, count(*) from history where position = 0 group by 1"):
        tally.causes[_kind_of(cause)] += count
    rows = transaction.rows(
        "select e.workflow, e.version, h.step, h.kind, count(*) from history as h join enrollments as e on "
        "e.tenant_id = h.tenant_id and e.id = h.enrollment_id group by 1, 2, 3, 4"
    )
    for key, version, step, kind, count in rows:
        tally.kinds[kind] += count
        if kind == "step_started":
            tally.steps[_type_of(transaction, key, version, step)] += count


def _story(transaction: Transaction) -> str:
    """What happened to whom and when, in the order in which histories tell it."""
    sql = (
        "select enrollment_id, sequence, cause_id, position, kind, step, visit, level, at, entry, cause from history "
        "order by enrollment_id, sequence"
    )
    rows = transaction.rows(sql)
    return digest(
        (*row[:8], instant(row[8]), *(json.dumps(load(one), sort_keys=True) for one in row[9:])) for row in rows
    )


def _kind_of(cause: str) -> str:
    word, _, rest = cause.partition(":")
    return f"{word} {rest.partition('/')[0]}" if word == "op" else word


def _type_of(transaction: Transaction, key: str, version: int, step: str) -> str:
    stored = get_version(transaction, "default", key, version)
    known = compile_stored(stored).steps.get(step) if stored else None
    return known.type if known else "moved"
