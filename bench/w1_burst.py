"""W1: a burst of new contacts, each through a workflow of three steps that have no effect outside.

The engine runs them to the end in the commit that accepts the event, so the fused floor is what it is compared with.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from bench.figures import ECHO, FUSED, STEPWISE, Figure
from bench.processes import Meter
from bench.stand import Stand

NAME: Final = "W1 three steps"
TRANSITIONS: Final = 4
WORKFLOW: Final = """
key: bench_burst
name: Burst
triggers: [{type: bench_arrived}]
entry: {reentry: always}
steps:
  - {id: set_plan, type: set_variable, config: {path: plan, value: "{{trigger.data.plan}}"}}
  - {id: set_source, type: update_field, config: {field: plan, value: "{{variables.plan}}"}}
  - {id: tag, type: add_tag, config: {tag: new}}
"""

_DATA: Final = {"plan": "gold", "source": "bench"}
_CALLERS: Final = 128


def run(stand: Stand) -> list[Figure]:
    stand.publish(WORKFLOW)
    ways = [
        lambda: _fused(stand),
        lambda: _sent(stand, "TriggerBatch of 100, 8 at once", FUSED, way="batch", size=100, in_flight=8),
        lambda: _sent(stand, "TriggerBatch of 500, 3 at once", FUSED, way="batch", size=500, in_flight=3),
        lambda: _sent(stand, f"Trigger, {_CALLERS} at once", ECHO, way="unary", in_flight=_CALLERS),
        lambda: _echoed(stand),
    ]
    if stand.through == "grpc":
        ways.insert(3, lambda: _sent(stand, "TriggerStream, 100 in a message", FUSED, way="stream", size=100))
    return stand.in_turn(ways)


def _fused(stand: Stand) -> list[Figure]:
    items = stand.sizes.floor
    figures: list[Figure] = []
    for way, work in ((FUSED, stand.floor.fused), (STEPWISE, stand.floor.stepwise)):
        stand.floor.begin()
        figures.append(stand.beside(NAME, way, items, partial(work, items)))
    return figures


def _sent(stand: Stand, name: str, floor: str, *, way: str, size: int = 1, in_flight: int = 1) -> list[Figure]:
    items = stand.sizes.unary if way == "unary" else stand.sizes.n
    before = stand.store.completed("bench_burst")
    figure = stand.ours(
        NAME,
        name,
        items,
        floor=floor,
        transitions=TRANSITIONS,
        way=way,
        run=stand.run_name(),
        event="bench_arrived",
        data=_DATA,
        size=size,
        in_flight=in_flight,
    )
    stand.expect_completed("bench_burst", before + items)
    return [figure]


def _echoed(stand: Stand) -> list[Figure]:
    """What the same calls cost when nothing is done."""
    items = stand.sizes.unary
    stand.load.ask(
        "prepare", way="unary", run="echo", event="bench_arrived", items=items, data=_DATA, in_flight=_CALLERS,
        address=stand.echo_address,
    )  # fmt: skip
    meter = Meter(stand.echo_pid)
    cpu_s = meter.cpu_s()
    seconds = stand.load.ask("go")["seconds"]
    return [Figure(stand.database, NAME, ECHO, items, seconds, cpu_s=meter.cpu_s() - cpu_s)]
