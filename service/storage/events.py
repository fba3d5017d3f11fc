"""Events at rest: the deduplication keys, the log that waits and conditions look back into, and repeated requests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from service.storage.database import Row, Transaction
from service.storage.dialect import instant, instant_text, load
from statemachine.event import Event
from statemachine.limits import MAX_EVENTS_READ, MAX_RAISED_PER_MINUTE
from statemachine.record import record

EVENT_COLUMNS: Final = (
    "e.tenant_id, e.id, e.source, e.event_id, e.type, e.contact_id, e.conversation_id, e.key, e.data, e.occurred_at, "
    "e.accepted_at, e.priority, e.chain, e.taken_by"
)


def event_of(row: Row) -> Event:
    """The event of a row selected as EVENT_COLUMNS."""
    return Event(
        id=row[3],
        type=row[4],
        source=row[2],
        contact_id=row[5],
        conversation_id=row[6],
        key=row[7],
        data=load(row[8]),
        occurred_at=instant(row[9]),
        accepted_at=instant(row[10]),
        priority=row[11],
        chain=tuple(load(row[12]) or ()),
        taken_by=row[13] or "",
    )


INSERT: Final = """
insert into events (tenant_id, accepted_at, id, source, event_id, type, contact_id, conversation_id, key, data,
    occurred_at, priority, chain, pending, taken_by, blocked)
select tenant_id, accepted_at, id, source, event_id, type, contact_id, conversation_id, key, data, occurred_at,
    priority, chain, pending, taken_by, blocked
from {rows:rows; tenant_id text, accepted_at timestamptz, id text, source text, event_id text, type text,
    contact_id text, conversation_id text, key text, data json, occurred_at timestamptz, priority int, chain json,
    pending bool, taken_by text, blocked text} where true"""

TAKEN: Final = """
update events as e set taken_by = r.taken_by from {rows:rows; tenant_id text, contact_id text, accepted_at timestamptz,
    source text, event_id text, taken_by text}
where e.tenant_id = r.tenant_id and e.contact_id = r.contact_id and e.accepted_at = r.accepted_at
    and e.source = r.source and e.event_id = r.event_id"""
"""Events that lay in the log when a wait took them for itself alone."""

HANDLED: Final = """
update events as e set pending = false, blocked = r.blocked, taken_by = coalesce(r.taken_by, e.taken_by)
from {rows:rows; tenant_id text, id text, accepted_at timestamptz, blocked text, taken_by text}
where e.tenant_id = r.tenant_id and e.accepted_at = r.accepted_at and e.id = r.id and e.pending"""

INSERT_KEYS: Final = """
insert into event_keys (tenant_id, source, event_id, body_hash, verdicts, accepted_at)
select tenant_id, source, event_id, body_hash, verdicts, accepted_at
from {rows:rows; tenant_id text, source text, event_id text, body_hash text, verdicts json, accepted_at timestamptz}
where true"""

INSERT_REQUESTS: Final = """
insert into requests (tenant_id, method, request_id, body_hash, answer, created_at)
select tenant_id, method, request_id, body_hash, answer, created_at
from {rows:rows; tenant_id text, method text, request_id text, body_hash text, answer json, created_at timestamptz}
where true"""


@record
class Repeat:
    """What is known of a key that was used before: the hash of its body and the stored answer. Of a pending event: how
    many of its kind were raised within a minute up to it."""

    body_hash: str
    answer: Any
    at: datetime
    raised: int = 0


_KEYS: Final = """
select 'event', k.tenant_id, k.source, k.event_id, k.body_hash, k.verdicts, k.accepted_at
from {rows:keys; tenant_id text, source text, event_id text}
join event_keys as k on k.tenant_id = r.tenant_id and k.source = r.source and k.event_id = r.event_id"""

_REQUESTS: Final = """
select 'request', q.tenant_id, q.method, q.request_id, q.body_hash, q.answer, q.created_at
from {rows:requests; tenant_id text, method text, request_id text}
join requests as q on q.tenant_id = r.tenant_id and q.method = r.method and q.request_id = r.request_id"""

_PENDING: Final = f"""
select 'pending', p.tenant_id, '', p.id, case when r.since is null then '0' else cast((
    select count(*) from (
        select 1 from events as x where x.tenant_id = p.tenant_id and x.contact_id = p.contact_id
            and x.accepted_at > r.since and (x.accepted_at, x.id) <= (p.accepted_at, p.id) and x.chain is not null
        limit {MAX_RAISED_PER_MINUTE + 1}
    ) as raised) as text) end, null, p.accepted_at
from {{rows:pending; tenant_id text, id text, accepted_at timestamptz, since timestamptz}}
join events as p on p.tenant_id = r.tenant_id and p.accepted_at = r.accepted_at and p.id = r.id and p.pending"""


RepeatKey = tuple[str, str, str, str]
"""(`event` | `request` | `pending`, tenant, source | method | "", id)"""


def load_repeats(
    transaction: Transaction,
    keys: list[dict[str, Any]],
    requests: list[dict[str, Any]],
    pending: list[dict[str, Any]],
) -> dict[RepeatKey, Repeat]:
    """Which event ids and request ids were used before, and which stored events are still pending."""
    return ask_repeats(transaction, keys, requests, pending)()


def ask_repeats(
    transaction: Transaction,
    keys: list[dict[str, Any]],
    requests: list[dict[str, Any]],
    pending: list[dict[str, Any]],
) -> Callable[[], dict[RepeatKey, Repeat]]:
    """`load_repeats`, to be read later; one query."""
    queries = [sql for sql, wanted in ((_KEYS, keys), (_REQUESTS, requests), (_PENDING, pending)) if wanted]
    if not queries:
        return dict
    parameters = {name: rows for name, rows in (("keys", keys), ("requests", requests), ("pending", pending)) if rows}
    answer = transaction.ask(" union all ".join(queries), **parameters)
    return lambda: dict(_repeat(row) for row in answer.rows())


def _repeat(row: Row) -> tuple[RepeatKey, Repeat]:
    kind, tenant, scope, name, body_hash, answer, at = row
    when = instant(at)
    assert when is not None
    if kind == "pending":
        return (kind, tenant, scope, name), Repeat("", None, when, int(body_hash))
    return (kind, tenant, scope, name), Repeat(body_hash, load(answer), when)


LOOK_BACK: Final = f"""
select {EVENT_COLUMNS} from {{rows:wanted; tenant_id text, contact_id text, since timestamptz, type text}}
{{look up: events as e where e.tenant_id = r.tenant_id and e.contact_id = r.contact_id and e.type = r.type
    latest {MAX_EVENTS_READ} by accepted_at since r.since}}
order by e.accepted_at, e.id"""


def look_back(transaction: Transaction, wanted: list[dict[str, Any]]) -> list[tuple[str, Event]]:
    """(tenant, event) of earlier events in order of acceptance, by contact, type and since when: the latest of each."""
    return [(row[0], event_of(row)) for row in transaction.rows(LOOK_BACK, wanted=wanted)]


def count_blocked(transaction: Transaction, tenant: str, since: datetime) -> dict[str, int]:
    """How many events that steps raised, and dates of contacts, were kept from enrolling since then, by rule."""
    rows = transaction.rows(
        "select e.blocked, count(*) from events as e where e.blocked is not null and e.tenant_id = :tenant "
        "and e.accepted_at >= :since group by e.blocked order by e.blocked",
        tenant=tenant,
        since=instant_text(since),
    )
    return {row[0]: int(row[1]) for row in rows}
