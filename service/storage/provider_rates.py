"""The lines of messages before providers: a row per tenant and channel, read and written under a lock of its own.

Who takes a slot of a channel is serialised by an advisory lock, held to the commit and taken last in a batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from service.storage.database import Transaction
from service.storage.dialect import load
from statemachine.sending.rate import Line

LineName = tuple[str, str]
"""(tenant, channel)"""

KEEP: Final = """
insert into provider_rates (tenant_id, channel, state)
select tenant_id, channel, state from {rows:rows; tenant_id text, channel text, state json} where true
on conflict (tenant_id, channel) do update set state = excluded.state"""

_LOCK: Final = "select pg_advisory_xact_lock(hashtextextended(r.name, 12)) from {rows:names; name text}"

_READ: Final = """
select p.tenant_id, p.channel, p.state from {rows:names; tenant_id text, channel text}
join provider_rates as p on p.tenant_id = r.tenant_id and p.channel = r.channel"""


def lock_lines(transaction: Transaction, names: Iterable[LineName]) -> None:
    """Nobody else takes slots of these channels until the commit; SQLite has one writer anyway."""
    ordered = [{"name": f"{tenant}/{channel}"} for tenant, channel in sorted(names)]
    if transaction.kind == "postgresql" and ordered:
        transaction.rows(_LOCK, names=ordered)


def read_lines(transaction: Transaction, names: Iterable[LineName]) -> dict[LineName, Line]:
    """Those that exist."""
    wanted = [{"tenant_id": tenant, "channel": channel} for tenant, channel in names]
    return {(row[0], row[1]): _line(load(row[2])) for row in transaction.rows(_READ, names=wanted)} if wanted else {}


def line_row(tenant: str, channel: str, line: Line) -> dict[str, Any]:
    state = {"left": line.left, "waiting": line.waiting, "keep": line.keep}
    return {"tenant_id": tenant, "channel": channel, "state": state}


def _line(state: dict[str, Any]) -> Line:
    return Line(tuple(state["left"]), tuple(state["waiting"]), state["keep"])
