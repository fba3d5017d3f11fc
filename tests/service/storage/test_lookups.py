"""Lookups go by index from the first day: plans are made while tables are empty, and kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from service.storage import enrollments, events
from service.storage.chosen_runs import chosen_ids
from service.storage.contact_queries import list_contacts
from service.storage.database import Database
from service.storage.dialect import Kind
from service.storage.enrollment_queries import EnrollmentFilter, count_enrollments, page_query
from service.storage.event_queries import EventFilter, count_events, list_events
from service.storage.history_queries import history_page
from service.storage.summary_queries import count_levels, sum_up_steps

LOOKUPS = {
    "runs of a contact": (enrollments.BY_CONTACT, "contacts"),
    "past runs": (enrollments.PAST, "wanted"),
    "earlier events": (events.LOOK_BACK, "wanted"),
}


@pytest.mark.parametrize("name", LOOKUPS)
def test_every_row_is_looked_up_by_its_contact_though_the_table_is_empty(store: Database, name: str) -> None:
    if store.kind == "sqlite":
        pytest.skip("SQLite plans anew")
    sql, parameter = LOOKUPS[name]
    with store.reading() as transaction:
        plan = "\n".join(row[0] for row in transaction.rows(f"explain {sql}", **{parameter: [{"tenant_id": "t"}]}))
    assert "Index Scan" in plan
    assert "Seq Scan" not in plan
    assert all("contact_id" in line for line in plan.splitlines() if "Index Cond" in line), plan
    assert "Join Filter" not in plan, plan


PAGES = {
    "ix_enrollments_workflow": EnrollmentFilter("t", "w1"),
    "ix_enrollments_entry": EnrollmentFilter("t", contact_id="c1"),
    "ix_enrollments_children": EnrollmentFilter("t", parent_id="p"),
    "ix_enrollments_failed": EnrollmentFilter("t", "w1", statuses=("failed",)),
    "ix_enrollments_paused": EnrollmentFilter("t", statuses=("paused",)),
    "pk_enrollments": EnrollmentFilter("t"),
}
FILL = """
insert into enrollments (tenant_id, id, workflow, version, contact_id, entry_key, status, revision, trigger, state,
    started_at, transition_at)
with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 4000)
select 't', 'e' || (100000 + n), 'w' || (n - n / 4 * 4), 1, 'c' || n, '',
    case n - n / 100 * 100 when 0 then 'failed' when 1 then 'paused' else 'completed' end, 1, '{}', '{}',
    '2026-03-02T09:00:00+00:00', '2026-03-02T09:00:00+00:00' from numbers"""


def _fill(store: Database) -> None:
    store.run(lambda transaction: transaction.write(FILL))
    with store.plain_connection() as connection:
        connection.exec_driver_sql("analyze")
        connection.commit()


def test_a_page_of_enrollments_is_found_by_the_index_of_its_filter(store: Database) -> None:
    _fill(store)
    explain = "explain query plan" if store.kind == "sqlite" else "explain"
    for index, wanted in PAGES.items():
        sql, parameters = page_query(wanted, after="e101000", newest_first=False, limit=50)
        with store.reading() as transaction:
            plan = "\n".join(str(row[-1]) for row in transaction.rows(f"{explain} {sql}", **parameters))
        name = index.replace("pk_enrollments", "sqlite_autoindex_enrollments_1") if store.kind == "sqlite" else index
        assert name in plan, plan
        assert "Seq Scan on enrollments" not in plan
        assert "Sort" not in plan or index in ("ix_enrollments_entry", "ix_enrollments_children"), plan


class Listener:
    """Stands for a transaction and notes what it is asked."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def rows(self, sql: str, **parameters: Any) -> list[Any]:
        self.asked.append((sql, parameters))
        return []

    def row(self, sql: str, **parameters: Any) -> tuple[int]:
        self.asked.append((sql, parameters))
        return (1,)


OF_WORKFLOW = EnrollmentFilter("t", "w1")
LAST = ("2026-03-02T09:00:00+00:00", "x")
READS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "ListEvents": ("contact_id", lambda asked: list_events(asked, "t", EventFilter("c1", ("go",)), LAST, 50)),
    "ListEvents, first page": ("contact_id", lambda asked: list_events(asked, "t", EventFilter("c1"), None, 50)),
    "CountEvents": ("contact_id", lambda asked: count_events(asked, "t", EventFilter("c1"))),
    "GetHistory": ("enrollment_id", lambda asked: history_page(asked, "t", "e1", after=3, levels=("warn",), limit=50)),
    "GetSummary, steps": ("enrollment_id", lambda asked: sum_up_steps(asked, "t", "e1")),
    "GetSummary, levels": ("enrollment_id", lambda asked: count_levels(asked, "t", "e1")),
    "Count of a contact": ("contact_id", lambda asked: count_enrollments(asked, EnrollmentFilter("t", contact_id="c"))),
    "Count of a workflow": ("workflow", lambda asked: count_enrollments(asked, OF_WORKFLOW)),
    "Batch, a page": ("workflow", lambda asked: chosen_ids(asked, OF_WORKFLOW, "x", after="a", until="z", limit=50)),
    "List of contacts": ("id", lambda asked: list_contacts(asked, "t", after="c1", limit=50)),
}


def test_no_read_of_one_contact_run_or_workflow_goes_through_a_whole_table(store: Database) -> None:
    _fill(store)
    explain = "explain query plan" if store.kind == "sqlite" else "explain"
    for name, (key, read) in READS.items():
        asked = Listener(store.kind)
        read(asked)
        sql, parameters = asked.asked[-1]
        with store.reading() as transaction:
            plan = [str(row[-1]) for row in transaction.rows(f"{explain} {sql}", **parameters)]
        ways = [line for line in plan if "SEARCH" in line or "Index Cond" in line]
        assert any(re.search(rf"\b{key}\b", line) for line in ways), (name, plan)
        whole = [line for line in plan if "Seq Scan" in line or re.match(r"SCAN (?!json_each|r\b)", line)]
        assert not whole, (name, plan)
