"""What became of every visit of every step, from history alone, in SQL; `funnel_queries.py` says what a visit is.

The queries are over a table `runs` (id, version, goal, …) of enrollments that their callers choose.
"""

from __future__ import annotations

from typing import Final

_SETTLED: Final = "h.kind in ('step_completed', 'step_failed')"
_RESTED: Final = "h.kind in ('step_started', 'waiting')"
_MOVED: Final = "h.kind = 'migrated' and h.step is not null"
_ENDED: Final = "h.kind in ('completed', 'exited', 'cancelled', 'failed')"

_VISITS: Final = f"""
visits as (
    select h.enrollment_id, h.visit,
        max(case when {_SETTLED} then h.sequence end) as settled,
        max(case when {_SETTLED} then h.step end) as settled_step,
        max(case when h.kind = 'step_failed' then 1 else 0 end) as has_failed,
        max(case when {_RESTED} or {_MOVED} then h.sequence end) as rested,
        max(case when {_RESTED} then h.step end) as rested_step,
        max(case when {_MOVED} then h.sequence end) as moved,
        max(case when {_ENDED} then h.kind end) as ending,
        max(case when h.kind = 'exited' and h.position > 0 then h.sequence end) as exited_at
    from runs as r join history as h on h.tenant_id = :tenant and h.enrollment_id = r.id
    where {_SETTLED} or {_RESTED} or {_MOVED} or {_ENDED}
    group by h.enrollment_id, h.visit
)"""
"""An exit step is the one whose completion and the run's exit are neighbours, of one cause."""

_PLACES: Final = """
places as (
    select v.enrollment_id, coalesce(v.settled, v.rested) as decided,
        coalesce(v.settled_step, case when v.moved is not null then (select m.step from history as m
            where m.tenant_id = :tenant and m.enrollment_id = v.enrollment_id and m.sequence = v.moved) end,
            v.rested_step) as step,
        case when v.settled is null then coalesce(v.ending, 'waiting') when v.has_failed = 1 then 'failed'
            when v.exited_at = v.settled + 1 then 'exited' else 'passed' end as state
    from visits as v where v.settled is not null or v.rested is not null
)"""
"""Whoever was moved to another step while in it is in that one."""

_SPANS: Final = """
moves as (
    select h.enrollment_id, h.sequence, cast(h.entry -> 'metadata' ->> 'from_version' as integer) as from_version,
        cast(h.entry -> 'metadata' ->> 'to_version' as integer) as to_version,
        lag(h.sequence) over (partition by h.enrollment_id order by h.sequence) as before,
        lead(h.sequence) over (partition by h.enrollment_id order by h.sequence) as later
    from runs as r join history as h on h.tenant_id = :tenant and h.enrollment_id = r.id and h.kind = 'migrated'
),
spans as (
    select enrollment_id, from_version as version, coalesce(before, -1) as begins, sequence as ends from moves
    union all
    select enrollment_id, to_version, sequence, 2147483647 from moves where later is null
)"""
"""Between which lines of history (the first included, the last not) a migrated run was on which version."""

_COUNTED: Final = """count(*) as entered,
        sum(case when p.state = 'waiting' then 1 else 0 end) as waiting,
        sum(case when p.state in ('passed', 'completed') then 1 else 0 end) as passed,
        sum(case when p.state in ('exited', 'cancelled') then 1 else 0 end) as exited,
        sum(case when p.state = 'failed' then 1 else 0 end) as failed,
        sum(case when p.state = 'cancelled' then 1 else 0 end) as cancelled"""

STAYS: Final = f"""{_VISITS}, {_PLACES},
stays as (
    select p.enrollment_id, p.step, {_COUNTED}
    from places as p group by p.enrollment_id, p.step
)"""
"""A row for each step that a run came to: how many of its visits are in which state."""

STAYS_BY_VERSION: Final = f"""{_SPANS}, {_VISITS}, {_PLACES},
stays as (
    select p.enrollment_id, coalesce(s.version, r.version) as version, p.step, {_COUNTED}
    from places as p join runs as r on r.id = p.enrollment_id
    left join spans as s on s.enrollment_id = p.enrollment_id and s.begins <= p.decided and p.decided < s.ends
    group by p.enrollment_id, coalesce(s.version, r.version), p.step
)"""
"""The same, for each version on which the visits were made."""
