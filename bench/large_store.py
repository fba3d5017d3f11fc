"""A large store in seconds: runs that really were, of every kind of end, copied inside the database.

A few contacts go through a workflow on a real engine and a clock moved by hand: on two versions, by a split, with
tasks, waits and goals. Each run is then copied with its contact, its history and its events, under new ids and ten
seconds later than the copy before, in the order of their times, as they would have come.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

from bench.processes import Place, Store
from service.engine.engine import Engine
from service.storage.database import Database
from service.storage.schema import migrate
from statemachine.cause import TaskFailure
from statemachine.migration import Route, migration_data
from statemachine.steps.split import sticky_point
from tests.service.engine.house import FakeClock, House, event

WORKFLOWS: Final = ("autumn", "winter", "spring", "summer")
_STEPS: Final = """
trigger: {{type: {go}}}
entry: {{reentry: always}}
exit: [{{on: bought, goal: purchase}}, {{on: stop, reason: asked}}]
steps:
  - {{id: ab, type: split, config: {{variants: {{a: 50, b: 30, holdout: 20}}}}}}
  - {{id: greet, type: task, config: {{queue: work}}, on_error: sorry}}
  - {{id: rest, type: wait, config: {{on: [heard], timeout: 2d}}, branches: {{timeout: leave}}}}
  - {{id: thank, type: add_tag, config: {{tag: thanked}}, next: end}}
  - {{id: sorry, type: pass, next: end}}
  - {{id: leave, type: exit, config: {{reason: silent}}}}
"""
_ENDS: Final = ("thanked", "bought", "stopped", "cancelled", "failed", "waits", "moved", "held")


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rows of each a store is to have, about."""

    enrollments: int = 200_000
    contacts: int = 100_000
    events: int = 300_000


def fill(place: Place, extent: Extent) -> None:
    """Fill an empty database of this place, on which nobody else works."""
    asyncio.run(_play(place.url))
    store = place.store()
    try:
        _copy(store, extent)
        store.tidy()
    finally:
        store.close()


async def _play(url: str) -> None:
    """Every kind of run once for each workflow."""
    database, clock = Database(url), FakeClock(datetime.now(UTC).replace(microsecond=0))
    await asyncio.to_thread(migrate, database)
    engine = Engine(database, clock, replica_id="bench", lanes=1)
    await engine.start()
    house = House(database, clock, engine)
    for key in WORKFLOWS:
        source = f"key: {key}{_STEPS.format(go=f'go_{key}')}"
        await house.publish(source)
        await house.publish(source.replace("id: rest", "id: pause"), activate=False)
        await _enter(house, key, ["silent"])
        await house.fire(timedelta(days=2))
        await _enter(house, key, _ENDS)
        await _end(house, key)
    await house.close()


async def _enter(house: House, key: str, ends: Sequence[str]) -> None:
    names = [_name(key, end) for end in ends]
    await house.ask_all([event(f"go_{key}", name, contact_patch=_profile(name)) for name in names])
    for task in await house.lease(limit=20):
        name = str(task.contact_id)
        if name.startswith(f"{key}-") and "-waits-" not in name:
            failure = TaskFailure("no", "it said so", False) if "-failed-" in name else None
            await house.finish(task, failure=failure)


async def _end(house: House, key: str) -> None:
    for end, kind in (("thanked", "heard"), ("bought", "bought"), ("stopped", "stop")):
        await house.trigger(kind, _name(key, end))
    await house.operate(house.run(key, _name(key, "cancelled")), "cancel")
    source, target = [await house.engine.version("default", key, number) for number in (1, 2)]
    data = migration_data(Route(source, target, {"rest": "pause"}))
    await house.operate(house.run(key, _name(key, "moved")), "migrate", data=data)


def _name(key: str, end: str) -> str:
    """A contact that the split keeps out of the experiment, or does not."""
    names = (f"{key}-{end}-{number}" for number in count())
    return next(name for name in names if (sticky_point(key, "ab", name) >= 0.8) == (end == "held"))


def _profile(name: str) -> dict[str, Any]:
    return {"email": f"{name}@example.com", "first_name": name, "plan": "gold"}


# --- copies ---

_EACH: Final = 1_000
"""Copies of everything in a statement."""
_RUN: Final = (
    "version, entry_key, status, step, waiting_for, priority, revision, open_children, task_id, trigger, variables, "
    "outputs, state, exit_reason, failures"
)
_CONTACTS: Final = """
insert into contacts (tenant_id, id, profile, revision, created_at, updated_at)
select t.tenant_id, [contact: t.id], t.profile, t.revision, [at: t.created_at], [at: t.updated_at]
from originals_contacts as t cross join [numbers] order by n, t.id"""
_ENROLLMENTS: Final = f"""
insert into enrollments (tenant_id, id, contact_id, workflow, due_at, started_at, transition_at, ended_at, {_RUN})
select t.tenant_id, [id: t.id], [contact: t.contact_id],
    case when n - n / 10 * 10 < 8 then '{WORKFLOWS[0]}' else t.workflow end, [at: t.due_at], [at: t.started_at],
    [at: t.transition_at], [at: t.ended_at], {_RUN}
from originals_enrollments as t cross join [numbers] order by n, t.id"""
"""Most go to one workflow, for it is the largest that makes people wait."""
_HISTORY: Final = """
insert into history (tenant_id, enrollment_id, sequence, cause_id, position, at, kind, step, visit, level, entry, cause)
select t.tenant_id, [id: t.enrollment_id], t.sequence, t.cause_id, t.position, [at: t.at], t.kind, t.step, t.visit,
    t.level, t.entry, t.cause
from originals_history as t cross join [numbers] order by [at: t.at], t.enrollment_id, t.sequence"""
_EVENTS: Final = """
insert into events (tenant_id, accepted_at, id, source, event_id, type, contact_id, data, occurred_at, priority, chain,
    pending)
select t.tenant_id, [at: t.accepted_at], [id: t.id], t.source, t.event_id || '-' || n, t.type, [contact: t.contact_id],
    t.data, t.occurred_at, t.priority, t.chain, t.pending
from originals_events as t cross join [numbers] order by [at: t.accepted_at], t.id"""
_TABLES: Final = ("contacts", "enrollments", "history", "events")


def _copy(store: Store, extent: Extent) -> None:
    """Copy number n of all runs, contacts and events, for as many n as it takes."""
    for table in _TABLES:
        store.execute(f"create table originals_{table} as select * from {table}")
    people = _copies(store, "contacts", extent.contacts)
    runs = _copies(store, "enrollments", extent.enrollments)
    for sql, copies in (
        (_CONTACTS, people),
        (_ENROLLMENTS, runs),
        (_HISTORY, runs),
        (_EVENTS, _copies(store, "events", extent.events)),
    ):
        for first in range(1, copies + 1, _EACH):
            store.execute(_written(store.kind, sql, first, min(first + _EACH - 1, copies), people))
    for table in _TABLES:
        store.execute(f"drop table originals_{table}")


def _copies(store: Store, table: str, wanted: int) -> int:
    return max(1, wanted // store.number(f"select count(*) from originals_{table}"))


def _written(kind: str, sql: str, first: int, last: int, people: int) -> str:
    """`[numbers]` are the rows of n; `[at: x]`, `[id: x]`, `[contact: x]` what x is in copy n. Each contact is there
    once, and has several runs when there are more of these."""
    if kind == "postgresql":
        numbers = f"generate_series({first}, {last}) as n"
        at, milliseconds = r"(\1 + n * interval '10 seconds')", "lpad(to_hex(1772442000000 + n * 10000), 12, '0')"
    else:
        counted = f"with recursive x(n) as (select {first} union all select n + 1 from x where n < {last})"
        numbers = f"({counted} select n from x)"
        at = r"strftime('%Y-%m-%dT%H:%M:%S', \1, (n * 10) || ' seconds') || '+00:00'"
        milliseconds = "printf('%012x', 1772442000000 + n * 10000)"
    name = rf"substr({milliseconds}, 1, 8) || '-' || substr({milliseconds}, 9) || '-7000-8000-' || substr(\1, 25)"
    sql = re.sub(r"\[at: ([\w.]+)\]", at, sql.replace("[numbers]", numbers))
    sql = re.sub(r"\[id: ([\w.]+)\]", name, sql)
    return re.sub(r"\[contact: ([\w.]+)\]", rf"\1 || '-' || (n - n / {people} * {people})", sql)
