"""W4: 50 workflows of one step in a second, whether or not those before are done: what a single caller waits."""

from __future__ import annotations

import time
from typing import Final

from bench.figures import FLOOR, Figure
from bench.stand import Stand

NAME: Final = "W4 open loop, 50/s"
RATE: Final = 50.0
WORKFLOW: Final = """
key: bench_single
name: Single
triggers: [{type: bench_single}]
entry: {reentry: always}
steps:
  - {id: set_plan, type: set_variable, config: {path: plan, value: "{{trigger.data.plan}}"}}
"""


def run(stand: Stand) -> list[Figure]:
    stand.publish(WORKFLOW)
    return stand.in_turn([lambda: _floor(stand), lambda: _called(stand)])


def _floor(stand: Stand) -> list[Figure]:
    items = stand.sizes.open_loop
    stand.floor.begin()
    return [stand.beside(NAME, FLOOR, items, lambda: _paced(stand, items))]


def _paced(stand: Stand, items: int) -> list[float]:
    waits: list[float] = []
    first = time.perf_counter()
    for number in range(items):
        at = first + number / RATE
        time.sleep(max(0.0, at - time.perf_counter()))
        stand.floor.one(number)
        waits.append(time.perf_counter() - at)
    return waits


def _called(stand: Stand) -> list[Figure]:
    items = stand.sizes.open_loop
    before = stand.store.completed("bench_single")
    figure = stand.ours(
        NAME,
        "Trigger",
        items,
        floor=FLOOR,
        transitions=2,
        paced=True,
        way="open",
        run=stand.run_name(),
        event="bench_single",
        data={"plan": "gold"},
        rate=RATE,
    )
    stand.expect_completed("bench_single", before + items)
    return [figure]
