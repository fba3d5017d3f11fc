"""The garbage collector, on the beat."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from service import garbage
from service.garbage import Garbage


@pytest.fixture(autouse=True)
def _collector_as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


class _Ring:
    def __init__(self) -> None:
        self.itself = self


def _lost_ring() -> weakref.ref[_Ring]:
    return weakref.ref(_Ring())


async def test_a_beat_collects_young_rings_and_leaves_old_ones() -> None:
    collector = Garbage()
    old = _Ring()
    gc.collect()
    young, aged = _lost_ring(), weakref.ref(old)
    del old
    await collector.collect()
    assert young() is None
    assert aged() is not None


async def test_everything_is_collected_when_its_time_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "EVERYTHING_EVERY_S", 0.0)
    collector = Garbage()
    old = _Ring()
    gc.collect()
    aged = weakref.ref(old)
    del old
    await collector.collect()
    assert aged() is None


def test_a_batch_of_rows_makes_the_collector_look_at_no_more_than_the_newest() -> None:
    Garbage()
    before = [generation["collections"] for generation in gc.get_stats()[1:]]
    rows = [{"number": number} for number in range(100_000)]
    assert [generation["collections"] for generation in gc.get_stats()[1:]] == before
    assert len(rows) == 100_000
