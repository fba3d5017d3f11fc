"""W7: messages before a provider that takes so many in a span, from one replica and from two at once.

The same workflow without a rate is what the others are compared with besides the floor. A rate that is never reached
tells what counting costs, one that holds nearly all what the line does.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bench.figures import FUSED, Figure
from bench.processes import Talker, served
from bench.stand import Stand

NAME: Final = "W7 messages"
TRANSITIONS: Final = 2
MOST: Final = 1_000
"""The largest rate: so many in a second are counted and not held."""
_SIZE: Final = 100
_IN_FLIGHT: Final = 4
_WORKFLOW: Final = """
key: bench_{name}
name: {name}
triggers: [{{type: bench_{name}}}]
entry: {{reentry: always}}
sending: {sending}
steps:
  - {{id: text, type: {type}, config: {{to: "+491", body: Hi}}}}
"""


def run(stand: Stand) -> list[Figure]:
    """Always in the same order: a rate, once published, is asked for by all who send by its channel."""
    stand.publish(_WORKFLOW.format(name="free", type="send_email", sending="{}"))
    rate = f"{{rates: {{count: {MOST}, per: 1s, channel: sms}}}}"
    stand.publish(_WORKFLOW.format(name="counted", type="send_sms", sending=rate))
    with served(stand.place, stand.through) as (second, _):
        loads = [stand.load, second]
        figures = [*_floor(stand), *_both(stand, "free", "no rate", loads)]
        figures += _both(stand, "counted", "a rate never reached", loads)
        rate = f"{{rates: {{count: {MOST}, per: 1d, channel: email}}}}"
        stand.publish(_WORKFLOW.format(name="held", type="send_email", sending=rate))
        return figures + _both(stand, "held", "a rate that holds", loads)


def _floor(stand: Stand) -> list[Figure]:
    stand.floor.begin()
    items = stand.sizes.floor
    return [stand.beside(NAME, FUSED, items, lambda: stand.floor.fused(items))]


def _both(stand: Stand, name: str, said: str, loads: Sequence[Talker]) -> list[Figure]:
    return [
        _sent(stand, name, f"{said}, one replica", loads[:1]),
        _sent(stand, name, f"{said}, two replicas", loads),
    ]


def _sent(stand: Stand, name: str, way: str, loads: Sequence[Talker]) -> Figure:
    """Waves of as many as a second counts, each in a second of its own."""
    wave = min(MOST, stand.sizes.n)
    waves = max(1, stand.sizes.n // wave)
    workflow = f"bench_{name}"
    before = stand.store.number("select count(*) from enrollments where workflow = :key", key=workflow)
    seconds = 0.0
    with stand.watched() as watch:
        for _ in range(waves):
            if 2 * wave > MOST:
                time.sleep(1.1)
            seconds += _wave(stand, workflow, wave, loads)
    found = stand.store.number("select count(*) from enrollments where workflow = :key", key=workflow)
    assert found == before + wave * waves, f"{found - before} runs of {workflow}, {wave * waves} were started"
    return stand.figure(NAME, way, wave * waves, seconds, watch, floor=FUSED, transitions=TRANSITIONS)


def _wave(stand: Stand, event: str, items: int, loads: Sequence[Talker]) -> float:
    """So many messages, shared among the replicas; answers the seconds until the last was answered."""
    shares = [items // len(loads)] * (len(loads) - 1)
    for load, share in zip(loads, [*shares, items - sum(shares)], strict=True):
        load.ask(
            "prepare", way="batch", run=stand.run_name(), event=event, items=share, size=_SIZE, in_flight=_IN_FLIGHT
        )  # fmt: skip
    with ThreadPoolExecutor(len(loads)) as pool:
        started = time.perf_counter()
        list(pool.map(lambda load: load.ask("go"), loads))
        return time.perf_counter() - started
