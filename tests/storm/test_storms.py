"""Storms over both stores, at once: faults under load, and everything promised still holds (P1 to P8).

`STATEWRIGHT_STORM=full` (`make storm`) kills at least 30 times per store and stops PostgreSQL 10 times; otherwise there
are a few of each. `STATEWRIGHT_STORM_SEED` repeats the choices of an earlier run.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import pytest

from tests.databases import Kind
from tests.faults import tell
from tests.storm.storm import Fault, Report, run_storm

FULL: Final = os.environ.get("STATEWRIGHT_STORM") == "full"
KILLS: Final = 30 if FULL else 5
STOPS: Final = 10 if FULL else 1

Storms = dict[Kind, Future[Report]]


def plan(kind: Kind) -> tuple[Fault, ...]:
    """Kills, on PostgreSQL of one replica or of both, with immediate stops of the database among them; one more of each
    than must hit."""
    faults: list[Fault] = ["kill"] * (KILLS + 1)
    if kind == "postgresql":
        faults[2::4] = ["kill all"] * len(faults[2::4])
        for number in range(STOPS + FULL):
            faults.insert(2 + 3 * number, "stop")
    return tuple(faults)


@pytest.fixture(scope="module")
def storms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storms]:
    seed = int(os.environ.get("STATEWRIGHT_STORM_SEED") or secrets.randbelow(10**6))
    print(f"seed {seed}")  # shown when a storm fails
    kinds: tuple[Kind, ...] = ("sqlite", "postgresql")
    with ThreadPoolExecutor(len(kinds)) as threads:
        yield {kind: threads.submit(run_storm, kind, tmp_path_factory.mktemp(kind), plan(kind), seed) for kind in kinds}


@pytest.mark.timeout(1500 if FULL else 300)
def test_everything_promised_holds_after_a_storm(
    storms: Storms, database_kind: Kind, record_property: Callable[[str, object], None]
) -> None:
    report = storms[database_kind].result()
    tell(record_property, str(report))
    assert report.kills >= KILLS, f"invalid, too few kills hit anything: {report}"
    assert report.counts["events answered by streams"] > 0, "invalid, no stream was answered"
    if database_kind == "postgresql":
        assert report.effective["kill"] > 0, "invalid, no replica was killed alone"
        assert report.effective["kill all"] > 0, "invalid, the replicas were never killed together"
        assert report.jumps > 0, "invalid, no clock jumped"
        assert report.effective["stop"] >= STOPS, f"invalid, too few stops hit anything: {report}"
    assert report.counts["acknowledged events repeated"] > 0, "invalid, nothing was repeated"
    assert report.expired > 0, "invalid, no lease expired"
