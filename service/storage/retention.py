"""Forgetting what is over: keys that made repeats recognisable, once their window has passed.

One goes along the primary key a page at a time, so that no transaction is long and no lock held for more than a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.storage.database import Transaction
from service.storage.dialect import instant, instant_text

PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class KeyTable:
    """A table of keys by age: its primary key has three columns, of which `tenant_id` is the first."""

    name: str
    key: tuple[str, str, str]
    at: str


EVENT_KEYS: Final = KeyTable("event_keys", ("tenant_id", "source", "event_id"), "accepted_at")
REQUESTS: Final = KeyTable("requests", ("tenant_id", "method", "request_id"), "created_at")

Place = tuple[str, str, str]
"""How far one got: the key of the last row of the page before."""

START: Final[Place] = ("", "", "")


def old_keys(
    transaction: Transaction, table: KeyTable, after: Place, before: datetime
) -> tuple[list[Place], Place | None]:
    """What is older than `before` among the page of rows behind `after`; and where the next page begins, if any."""
    columns = ", ".join(table.key)
    page = transaction.rows(
        f"select {columns}, {table.at} from {table.name} where ({columns}) > (:k1, :k2, :k3) "
        f"order by {columns} limit {PAGE}",
        k1=after[0],
        k2=after[1],
        k3=after[2],
    )
    old = [_key(row) for row in page if _is_before(row[3], before)]
    return old, _key(page[-1]) if len(page) == PAGE else None


def delete_keys(transaction: Transaction, table: KeyTable, keys: Sequence[Place], before: datetime) -> int:
    """Delete those of `keys` that still are older than `before`; answers how many."""
    columns = ", ".join(table.key)
    source = ", ".join(f"{column} text" for column in table.key)
    return transaction.write(
        f"delete from {table.name} where {table.at} < :before and ({columns}) in "
        f"(select {columns} from {{rows:rows; {source}}})",
        rows=[dict(zip(table.key, key, strict=True)) for key in keys],
        before=instant_text(before),
    )


def _key(row: Sequence[Any]) -> Place:
    return str(row[0]), str(row[1]), str(row[2])


def _is_before(value: datetime | str, before: datetime) -> bool:
    at = instant(value)
    return at is not None and at < before
