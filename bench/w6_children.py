"""W6: journeys with a parallel loop over ten items: a round is an enrollment of its own, and the journey goes on when
all of them have ended.

The floor writes the same enrollments in the commit that accepts each journey, eleven for each, without telling parents.
"""

from __future__ import annotations

from typing import Final

from bench.figures import FUSED, Figure
from bench.stand import Stand

NAME: Final = "W6 ten children"
CHILDREN: Final = 10
_MOST: Final = 2_000
TRANSITIONS: Final = 2 + 3 * CHILDREN
"""The journey's own, and those of each round: into it, its step, and out of it."""
WORKFLOW: Final = """
key: bench_children
name: Children
triggers: [{type: bench_listed}]
entry: {reentry: always}
steps:
  - id: each
    type: for_each
    config: {items: trigger.data.items, parallel: true, concurrency: 10}
    body: [{id: note, type: set_variable, config: {path: seen, value: "{{loop.item}}"}}]
"""


def run(stand: Stand) -> list[Figure]:
    stand.publish(WORKFLOW)
    journeys = min(_MOST, stand.sizes.n)
    return stand.in_turn([lambda: _floor(stand, journeys), lambda: _sent(stand, journeys)])


def _floor(stand: Stand, journeys: int) -> list[Figure]:
    """Told by journey: one of eleven enrollments."""
    stand.floor.begin()
    return [stand.beside(NAME, FUSED, journeys, lambda: stand.floor.fused(journeys * (CHILDREN + 1)))]


def _sent(stand: Stand, journeys: int) -> list[Figure]:
    before = stand.store.completed("bench_children")
    figure = stand.ours(
        NAME,
        "TriggerBatch of 100, 4 at once",
        journeys,
        floor=FUSED,
        transitions=TRANSITIONS,
        way="batch",
        run=stand.run_name(),
        event="bench_listed",
        data={"items": list(range(CHILDREN))},
        size=100,
        in_flight=4,
    )
    stand.expect_completed("bench_children", before + journeys * (CHILDREN + 1))
    return [figure]
