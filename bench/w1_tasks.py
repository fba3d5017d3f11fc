"""W1 with three tasks: each step is work for a worker outside, so each has its own commit, as with the peers."""

from __future__ import annotations

from typing import Final

from bench.figures import STEPWISE, Figure
from bench.stand import Stand

NAME: Final = "W1 three tasks"
TRANSITIONS: Final = 4
TASKS: Final = 3
WORKFLOW: Final = """
key: bench_tasks
name: Tasks
triggers: [{type: bench_ordered}]
entry: {reentry: always}
steps:
  - {id: first, type: task, config: {queue: bench, input: {plan: "{{trigger.data.plan}}"}}}
  - {id: second, type: task, config: {queue: bench}}
  - {id: third, type: task, config: {queue: bench}}
"""


def run(stand: Stand) -> list[Figure]:
    stand.publish(WORKFLOW)
    return stand.in_turn([lambda: _stepwise(stand), lambda: _worked(stand)])


def _stepwise(stand: Stand) -> list[Figure]:
    items = stand.sizes.floor
    stand.floor.begin()
    return [stand.beside(NAME, STEPWISE, items, lambda: stand.floor.stepwise(items))]


def _worked(stand: Stand) -> list[Figure]:
    items = stand.sizes.tasks
    before = stand.store.completed("bench_tasks")
    figure = stand.ours(
        NAME,
        "TriggerBatch of 100, two polls of 500",
        items,
        floor=STEPWISE,
        transitions=TRANSITIONS,
        way="tasks",
        run=stand.run_name(),
        event="bench_ordered",
        data={"plan": "gold"},
        size=100,
        in_flight=4,
        queue="bench",
        tasks=TASKS * items,
    )
    stand.expect_completed("bench_tasks", before + items)
    return [figure]
