"""What parked enrollments cost, as there are more and more of them: nothing, it is hoped.

One enrollment is parked by an event and copied inside the database, with its contact: a million arrive in seconds. What
PostgreSQL would tidy up after such an arrival by itself is done before anything is measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench import w2_timers
from bench.processes import Meter, place, rss_mib
from bench.stand import Sizes, Stand, stand

LEVELS: Final = (10_000, 100_000, 1_000_000)
_IDLE_S: Final = 10.0
_TIMERS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Growth:
    """`idle_cpu_ms_per_s` is what server and database use while nothing is due; `drained_per_s` and `p99_ms` are of
    2,000 timers among the parked ones.
    """

    database: str
    parked: int
    rss_mib: float
    idle_cpu_ms_per_s: float
    drained_per_s: float
    p99_ms: float | None


def measure(kind: str, through: str, levels: Sequence[int] = LEVELS, idle_s: float = _IDLE_S) -> Iterator[Growth]:
    with place(kind) as at, stand(at, through, Sizes(_TIMERS), 1) as there:
        there.publish(w2_timers.WORKFLOW)
        w2_timers.park_one(there)
        parked = 1
        for level in levels:
            _copy(there, parked, level)
            parked = level
            yield _level(there, level, idle_s)


def _level(stand: Stand, level: int, idle_s: float) -> Growth:
    drained = w2_timers.drain_at_once(stand)[-1]
    meter = Meter(stand.server_pid, stand.place.database_pid)
    cpu_s = meter.cpu_s()
    time.sleep(idle_s)
    idle = (meter.cpu_s() - cpu_s) / idle_s * 1000
    p99 = drained.spread.p99_ms if drained.spread else None
    return Growth(stand.database, level, rss_mib(stand.server_pid), idle, drained.rate, p99)


def _copy(stand: Stand, parked: int, level: int) -> None:
    for statement in (_contacts(stand.database, parked, level), _enrollments(stand.database, parked, level)):
        stand.store.execute(statement)
    stand.store.tidy()


def _contacts(kind: str, first: int, last: int) -> str:
    return f"""{_numbers(kind, first, last)}
insert into contacts (tenant_id, id, profile, revision, created_at, updated_at)
select tenant_id, 'copy-' || n, profile, revision, created_at, updated_at from numbers
cross join (select * from contacts where id = 'original-0') as c"""


def _enrollments(kind: str, first: int, last: int) -> str:
    number = "lpad(to_hex(n), 12, '0')" if kind == "postgresql" else "printf('%012x', n)"
    columns = (
        "workflow, version, entry_key, status, step, due_at, waiting_for, priority, revision, open_children, trigger, "
        "variables, outputs, state, started_at, transition_at, failures"
    )
    return f"""{_numbers(kind, first, last)}
insert into enrollments (tenant_id, id, contact_id, {columns})
select tenant_id, substr(id, 1, 24) || {number}, 'copy-' || n, {columns} from numbers
cross join (select * from enrollments where contact_id = 'original-0') as e"""


def _numbers(kind: str, first: int, last: int) -> str:
    if kind == "postgresql":
        return f"with numbers as (select generate_series({first}, {last - 1}) as n)"
    return f"with recursive numbers(n) as (select {first} union all select n + 1 from numbers where n < {last - 1})"
