"""Plays one after another, on both stores in turn, for a time or a number: what `make fuzz` does with `chaos`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.stage import Tally, play, wipe
from tests.databases import Databases, Kind, PostgresServer, postgres_for_session
from tests.service.engine.house import prepare

KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")
HANG_S = 120.0
"""How long a play may take: a second or two on an idle machine."""


@dataclass(slots=True)
class ChaosReport:
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    finding: str = ""

    def line(self) -> str:
        return f"{'chaos':<11}{self.tally.line()} in {self.seconds:.0f} s: {self.finding or 'nothing found'}"


def run(
    number: int, *, seconds: float, plays: int, folder: Path | None, kinds: tuple[Kind, ...] = KINDS
) -> ChaosReport:
    """Play the seeds from `number` on, until the time is over or so many are played (0: no limit), or one fails."""
    report = ChaosReport()
    started = time.monotonic()
    with stores(kinds) as urls:
        while not report.finding and not (plays and report.tally.plays >= plays):
            report.seconds = time.monotonic() - started
            if seconds and report.seconds >= seconds:
                break
            seed = number + report.tally.plays
            kind = kinds[seed % len(kinds)]
            wipe(urls[kind])
            try:
                report.tally.add(asyncio.run(asyncio.wait_for(play(urls[kind], seed), HANG_S)))
            except Exception as error:
                report.finding = f"seed {seed} on {kind}: {type(error).__name__}: {str(error)[:300]}"
                _keep(folder, seed, kind, report.finding)
    report.seconds = time.monotonic() - started
    return report


def _keep(folder: Path | None, seed: int, kind: Kind, finding: str) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"chaos.{kind}.{seed}").write_text(finding + "\n")


@contextmanager
def stores(kinds: tuple[Kind, ...]) -> Iterator[dict[Kind, str]]:
    """A migrated store of each kind."""
    with TemporaryDirectory(prefix="chaos-") as folder:
        if "postgresql" not in kinds:
            yield _made(kinds, Path(folder), None)
            return
        with postgres_for_session() as server:
            yield _made(kinds, Path(folder), server)


def _made(kinds: tuple[Kind, ...], folder: Path, server: PostgresServer | None) -> dict[Kind, str]:
    def postgres() -> PostgresServer:
        assert server is not None
        return server

    databases = Databases(folder=folder, postgres=postgres)
    return {kind: databases.create(kind, folder, prepare) for kind in kinds}
