"""W3: enrollments that wait for an event, and the events that wake them."""

from __future__ import annotations

from typing import Final

from bench.figures import FLOOR, Figure
from bench.stand import Stand

NAME: Final = "W3 events wake"
WORKFLOW: Final = """
key: bench_events
name: Events
triggers: [{type: bench_asked}]
entry: {reentry: always}
steps:
  - {id: hold, type: wait, config: {on: [{event: bench_answered}], timeout: 1d}, branches: {timeout: end}}
"""

_CALLERS: Final = 64


def run(stand: Stand) -> list[Figure]:
    stand.publish(WORKFLOW)
    many = stand.sizes.n
    ways = [
        lambda: _floor(stand),
        lambda: _woken(stand, "TriggerBatch of 100, 4 at once", many, way="batch", size=100, in_flight=4),
        lambda: _woken(stand, f"Trigger, {_CALLERS} at once", stand.sizes.unary, way="unary", in_flight=_CALLERS),
    ]
    if stand.through == "grpc":
        ways.insert(2, lambda: _woken(stand, "TriggerStream, 100 in a message", many, way="stream", size=100))
    return stand.in_turn(ways)


def _floor(stand: Stand) -> list[Figure]:
    items = stand.sizes.floor
    stand.floor.begin()
    stand.floor.park(items, None)
    return [stand.beside(NAME, FLOOR, items, lambda: stand.floor.wake(items))]


def _woken(stand: Stand, name: str, items: int, *, way: str, size: int = 1, in_flight: int = 1) -> list[Figure]:
    parked, before = stand.run_name(), stand.store.completed("bench_events")
    stand.load.ask("prepare", way="batch", run=parked, event="bench_asked", items=items, size=500, in_flight=3)
    stand.load.ask("go")
    figure = stand.ours(
        NAME,
        name,
        items,
        floor=FLOOR,
        transitions=1,
        way=way,
        run=stand.run_name(),
        contacts=parked,
        event="bench_answered",
        size=size,
        in_flight=in_flight,
    )
    stand.expect_completed("bench_events", before + items)
    return [figure]
