"""Plays one after another, for a time or a number: what `make fuzz` does with `chaos`.

Each seed is played on both stores, one actor at a time, and once more on PostgreSQL with threads, who is faster first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.findings import again, keep
from tests.chaos.tally import Tally
from tests.chaos.theatre import Theatre
from tests.databases import Databases, Kind, PostgresServer, migrated, postgres_for_session
from tests.properties import FOUND

KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")
_TOLD_EVERY_S = 60.0


@dataclass(slots=True)
class ChaosReport:
    """`findings` are all: a campaign goes on after one."""

    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)

    def line(self) -> str:
        found = "; ".join(self.findings[:3]) or "nothing found"
        return f"{'chaos':<11}{self.tally.line()} in {self.seconds:.0f} s: {found}"


def run(
    number: int,
    *,
    seconds: float,
    plays: int,
    folder: Path = FOUND,
    kinds: tuple[Kind, ...] = KINDS,
    tell: Callable[[str], None] | None = None,
) -> ChaosReport:
    """Play the seeds from `number` on, until the time is over or so many are played (0: no limit)."""
    report = ChaosReport()
    started = told_at = time.monotonic()
    with theatres(kinds) as one_by_one, theatres(kinds, alone=False) as threaded:
        stages = [*one_by_one.items(), *((kind, threaded[kind]) for kind in kinds if kind == "postgresql")]
        for seed in range(number, number + (plays or 10**9)):
            report.seconds = time.monotonic() - started
            if seconds and report.seconds >= seconds:
                break
            if tell is not None and time.monotonic() - told_at >= _TOLD_EVERY_S:
                told_at = time.monotonic()
                tell(report.line())
            for kind, theatre in stages:
                _play(report, theatre, seed, kind, folder)
    report.seconds = time.monotonic() - started
    return report


def _play(report: ChaosReport, theatre: Theatre, seed: int, kind: Kind, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    running = folder / "chaos.running"
    running.write_text(f"{again(seed, kind, alone=theatre.alone)}\n")
    try:
        report.tally.add(theatre.play(seed))
    except Exception as error:
        file = keep(error, seed, kind, alone=theatre.alone, folder=folder)
        report.findings.append(f"seed {seed} on {kind}: {type(error).__name__}: {str(error)[:300]} -> {file}")
    running.unlink()


@contextmanager
def theatres(kinds: tuple[Kind, ...], *, alone: bool = True) -> Iterator[dict[Kind, Theatre]]:
    """One for each kind of store."""
    with TemporaryDirectory(prefix="chaos-") as folder, _postgres(kinds) as server:
        databases = Databases(folder=Path(folder), postgres=lambda: _there(server))
        found = {kind: Theatre(databases.create(kind, Path(folder), migrated), alone=alone) for kind in kinds}
        try:
            yield found
        finally:
            for theatre in found.values():
                theatre.close()


@contextmanager
def _postgres(kinds: tuple[Kind, ...]) -> Iterator[PostgresServer | None]:
    if "postgresql" not in kinds:
        yield None
        return
    with postgres_for_session() as server:
        yield server


def _there(server: PostgresServer | None) -> PostgresServer:
    assert server is not None
    return server
