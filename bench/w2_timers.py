"""W2: enrollments that wait for an instant: how fast they park, what they cost parked, how late they fire.

Lateness is read from history: the database's time when the timer was claimed, less the time it was due.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from bench.figures import FLOOR, TUNED, Figure, spread_of
from bench.stand import Stand
from service.storage.dialect import instant

PARK: Final = "W2 park"
DRAIN: Final = "W2 drain, all due at once"
PACED: Final = "W2 1,000 timers a second"
DRAINED: Final = "timers"
TRICKLED: Final = "timers, 1 ms apart"
WORKFLOW: Final = """
key: bench_timers
name: Timers
triggers: [{type: bench_parked}]
entry: {reentry: always}
steps:
  - {id: hold, type: wait, config: {until: "{{trigger.data.due}}"}}
"""

_LEFT: Final = (
    "select 1 from enrollments where due_at < :soon and due_at is not null and contact_id is not null limit 1"
)
"""In the words of the index, or it would be the question that is measured among a million parked ones."""
_PACE_S: Final = 0.001
_FAR: Final = timedelta(days=1).total_seconds()
_LOOK_S: Final = 0.01
_EARLY_S: Final = 0.1
_TRIES: Final = 3


def run(stand: Stand) -> list[Figure]:
    stand.publish(WORKFLOW)
    return stand.in_turn([lambda: _floor(stand), lambda: drain_at_once(stand), lambda: _paced(stand)])


def _floor(stand: Stand) -> list[Figure]:
    items = stand.sizes.floor
    figures: list[Figure] = []
    for way, tuned in ((FLOOR, False), (TUNED, True)):
        stand.floor.begin()
        due = datetime.now(UTC) - timedelta(seconds=1)
        parked = stand.beside(PARK, FLOOR, items, partial(_park_floor, stand, items, due))
        figures += [] if tuned else [parked]
        figures.append(stand.beside(DRAIN, way, items, partial(stand.floor.drain, tuned=tuned)))
    return figures


def _park_floor(stand: Stand, items: int, due: datetime) -> float:
    return stand.floor.park(items, due).seconds


def drain_at_once(stand: Stand) -> list[Figure]:
    """How fast they park, and how fast they fire."""
    items = stand.sizes.n
    run, first, parked = _park(stand, items, 0.0)
    _sleep_until(first - _EARLY_S)
    with stand.watched() as watch:
        finished = _finish(stand, first)
    ats = _fired(stand, run)
    assert len(ats) == items, f"{len(ats)} of {items} timers left history"
    spread = spread_of(at - first for _, at in ats)
    return [parked, stand.figure(DRAIN, DRAINED, items, finished - first, watch, floor=FLOOR, spread=spread)]


def park_one(stand: Stand) -> None:
    """One enrollment, of the contact `original-0`, that waits for a day."""
    stand.load.ask(
        "prepare", way="batch", run="original", event="bench_parked", items=1, due=(time.time() + _FAR, 0.0)
    )  # fmt: skip
    stand.load.ask("go")


def _paced(stand: Stand) -> list[Figure]:
    items = stand.sizes.paced
    run, first, _ = _park(stand, items, _PACE_S)
    _sleep_until(first - _EARLY_S)
    with stand.watched() as watch:
        finished = _finish(stand, first)
    spread = spread_of(at - (first + number * _PACE_S) for number, at in _fired(stand, run))
    return [stand.figure(PACED, TRICKLED, items, finished - first, watch, floor=None, spread=spread)]


def _park(stand: Stand, items: int, pace_s: float) -> tuple[str, float, Figure]:
    """Park them all before the first is due, as a rate found by parking a few far ahead allows."""
    pilot = _send(stand, stand.run_name(), max(1, items // 10), time.time() + _FAR, 0.0)
    lead_s = 1.5 + 1.5 * items / pilot.rate
    for _ in range(_TRIES):
        run, first = stand.run_name(), time.time() + lead_s
        parked = _send(stand, run, items, first, pace_s)
        if time.time() < first:
            return run, first, parked
        _finish(stand, first)
        lead_s *= 2
    raise RuntimeError("timers were due before all were parked")


def _send(stand: Stand, run: str, items: int, first: float, pace_s: float) -> Figure:
    return stand.ours(
        PARK,
        "TriggerBatch of 500, 3 at once",
        items,
        floor=FLOOR,
        transitions=1,
        way="batch",
        run=run,
        event="bench_parked",
        due=(first, pace_s),
        size=500,
        in_flight=3,
    )


def _finish(stand: Stand, first: float) -> float:
    """Wait until no timer of this run is left; answers when that was."""
    _sleep_until(first)
    soon = _sql_instant(time.time() + _FAR / 2)
    while stand.store.rows(_LEFT, soon=soon):
        time.sleep(_LOOK_S)
    return time.time()


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.time()))


def _fired(stand: Stand, run: str) -> list[tuple[int, float]]:
    """(number, when it fired) of every timer of a run."""
    rows = stand.store.rows(
        "select e.contact_id, h.at from enrollments as e join history as h on h.tenant_id = e.tenant_id "
        "and h.enrollment_id = e.id where e.contact_id like :run and h.kind = 'step_completed' and h.step = 'hold'",
        run=f"{run}-%",
    )
    return [(int(contact.rsplit("-", 1)[1]), _seconds(at)) for contact, at in rows]


def _sql_instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "+00:00"


def _seconds(at: datetime | str) -> float:
    found = instant(at)
    assert found is not None
    return found.timestamp()
