"""Lookups go by index from the first day: plans are made while tables are empty, and kept."""

from __future__ import annotations

import pytest

from service.storage import enrollments, events
from service.storage.database import Database

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
