"""Reports over a large store: what people ask for, beside one `count(*)` over the history of the same workflow.

They are asked of the engine, without the network. A ratio above one says that the answer comes sooner than the count.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from bench.figures import FLOOR, Figure, spread_of
from bench.large_store import WORKFLOWS, Extent, fill
from bench.processes import Place, place
from bench.stand import Stand
from service.engine.clock import open_clock
from service.engine.commands import DEFAULT_TENANT as TENANT
from service.engine.engine import Engine
from service.engine.experiment import Question, ask_experiment
from service.storage import retention
from service.storage.audit import audit_liveness
from service.storage.chosen_runs import chosen_places, count_caused
from service.storage.contact_queries import list_contacts
from service.storage.database import Database, Transaction
from service.storage.enrollment_queries import EnrollmentFilter, count_enrollments, list_enrollments
from service.storage.event_queries import EventFilter, count_events, list_events
from service.storage.funnel_queries import Cohort, count_runs, count_steps, survey
from service.storage.history_queries import history_page
from service.storage.stats_queries import total_up
from service.storage.summary_queries import count_levels, sum_up_steps
from service.tallying import Tallying

NAME: Final = "Reports"
_KEY: Final = WORKFLOWS[0]
_TIMES: Final = 3
_PAGE: Final = 51
_EACH: Final = 32
"""Enrollments for each of a workload's items: 192,000 by default, with a million lines of the largest workflow."""

Work = Callable[[Transaction], Any]


def run(stand: Stand) -> list[Figure]:
    """In a place of its own, without a server, which would act upon what is copied."""
    wanted = _EACH * stand.sizes.n
    with place(stand.database) as own:
        fill(own, Extent(wanted, wanted // 2, wanted * 3 // 2))
        return asyncio.run(_measured(own))


async def _measured(own: Place) -> list[Figure]:
    database, store = Database(own.url), own.store()
    clock = await asyncio.to_thread(open_clock, database, 1.0)
    engine = Engine(database, clock, replica_id="bench", lanes=1)
    await engine.start()
    try:
        ask = partial(_ask, own.kind, engine)
        figures = [
            await ask(FLOOR, _floor),
            await ask("Funnel, nothing tallied", partial(_funnel, Cohort(TENANT, _KEY))),
        ]
        while await Tallying(engine).tally("~", pages=1_000):
            pass
        store.tidy()
        for name, work in _analyses(engine).items():
            figures.append(await ask(name, work))
        for name, work in _lookups(database).items():
            figures.append(await ask(name, work, few=True))
    finally:
        await engine.stop()
        database.close()
        store.close()
    lines = figures[0].items
    return [_beside(figure, lines) for figure in figures]


async def _ask(kind: str, engine: Engine, name: str, work: Work, *, few: bool = False) -> Figure:
    seconds = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        answer = await (engine.read(work) if few else engine.analyse(work))
        seconds.append(time.perf_counter() - started)
    items = answer if isinstance(answer, int) else 1
    return Figure(kind, NAME, name, items, sorted(seconds)[_TIMES // 2], spread=spread_of(seconds))


def _beside(figure: Figure, lines: int) -> Figure:
    """All stand for the lines of history that the floor counts."""
    floor = None if figure.way == FLOOR else FLOOR
    return Figure(figure.database, NAME, figure.way, lines, figure.seconds, floor, figure.spread)


def _floor(transaction: Transaction) -> int:
    row = transaction.row(
        "select count(*) from enrollments as e join history as h on h.tenant_id = e.tenant_id "
        "and h.enrollment_id = e.id where e.tenant_id = :tenant and e.workflow = :workflow",
        tenant=TENANT,
        workflow=_KEY,
    )
    assert row is not None
    return int(row[0])


def _funnel(cohort: Cohort, transaction: Transaction) -> None:
    sources = survey(transaction, cohort)
    assert count_steps(transaction, cohort, sources)
    count_runs(transaction, cohort, sources)


def _analyses(engine: Engine) -> Mapping[str, Work]:
    since = datetime.now(UTC) + timedelta(days=2, hours=3)
    experiment = Question(Cohort(TENANT, _KEY), "ab")
    by_event = Question(Cohort(TENANT, _KEY), "ab", goal_event="bought")
    return {
        "Funnel": partial(_funnel, Cohort(TENANT, _KEY)),
        "Funnel of a version": partial(_funnel, Cohort(TENANT, _KEY, 1)),
        "Funnel since some hour": partial(_funnel, Cohort(TENANT, _KEY, None, since)),
        "Experiment by goal": lambda transaction: ask_experiment(transaction, engine.catalog, experiment),
        "Experiment by event": lambda transaction: ask_experiment(transaction, engine.catalog, by_event),
        "Stats of all workflows": lambda transaction: total_up(transaction, TENANT, WORKFLOWS, None, None),
    }


def _lookups(database: Database) -> Mapping[str, Work]:
    of_workflow = EnrollmentFilter(TENANT, _KEY)
    waiting = EnrollmentFilter(TENANT, _KEY, statuses=("waiting",))
    now = datetime.now(UTC)
    with database.reading() as transaction:
        row = transaction.row("select id, contact_id from enrollments order by id desc limit 1")
    assert row is not None
    run, contact = str(row[0]), EventFilter(str(row[1]))
    bulk = "op:cancel/batch/bench"
    nobody = "nobody@example.com"
    return {
        "Count of a workflow": lambda transaction: count_enrollments(transaction, of_workflow),
        "Batch: who is chosen": lambda transaction: (
            count_caused(transaction, waiting, bulk), chosen_places(transaction, waiting, bulk)
        ),
        "List of a workflow": partial(_page, of_workflow),
        "List, failed": partial(_page, EnrollmentFilter(TENANT, _KEY, statuses=("failed",))),
        "List, waiting in no such step": partial(_page, EnrollmentFilter(TENANT, _KEY, step="nowhere")),
        "List of a contact": partial(_page, EnrollmentFilter(TENANT, contact_id=contact.contact_id)),
        "GetHistory": lambda transaction: history_page(transaction, TENANT, run, limit=_PAGE),
        "GetSummary": lambda transaction: (
            sum_up_steps(transaction, TENANT, run), count_levels(transaction, TENANT, run)
        ),
        "ListEvents": lambda transaction: list_events(transaction, TENANT, contact, None, _PAGE),
        "CountEvents": lambda transaction: count_events(transaction, TENANT, contact),
        "Contacts by e-mail": lambda transaction: list_contacts(transaction, TENANT, email=nobody, limit=_PAGE),
        "Liveness audit": lambda transaction: audit_liveness(transaction, workflow_now=now, wall_now=now),
        "A page of retention": lambda transaction: retention.old_keys(
            transaction, retention.EVENT_KEYS, retention.START, now
        ),
    }  # fmt: skip


def _page(wanted: EnrollmentFilter, transaction: Transaction) -> None:
    list_enrollments(transaction, wanted, after=None, newest_first=True, limit=_PAGE, paths=False)
