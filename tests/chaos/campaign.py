"""Plays one after another, on both stores in turn, for a time or a number: what `make fuzz` does with `chaos`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.tally import Tally
from tests.chaos.theatre import Theatre
from tests.databases import Databases, Kind, PostgresServer, migrated, postgres_for_session

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
    folder: Path | None,
    kinds: tuple[Kind, ...] = KINDS,
    tell: Callable[[str], None] | None = None,
) -> ChaosReport:
    """Play the seeds from `number` on, until the time is over or so many are played (0: no limit)."""
    report = ChaosReport()
    started = told_at = time.monotonic()
    with theatres(kinds) as stages:
        for seed in range(number, number + (plays or 10**9)):
            report.seconds = time.monotonic() - started
            if seconds and report.seconds >= seconds:
                break
            if tell is not None and time.monotonic() - told_at >= _TOLD_EVERY_S:
                told_at = time.monotonic()
                tell(report.line())
            for kind, theatre in stages.items():
                try:
                    report.tally.add(theatre.play(seed))
                except Exception as error:
                    finding = f"seed {seed} on {kind}: {type(error).__name__}: {str(error)[:300]}"
                    report.findings.append(finding)
                    _keep(folder, seed, kind, finding)
    report.seconds = time.monotonic() - started
    return report


def _keep(folder: Path | None, seed: int, kind: Kind, finding: str) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"chaos.{kind}.{seed}").write_text(finding + "\n")


@contextmanager
def theatres(kinds: tuple[Kind, ...]) -> Iterator[dict[Kind, Theatre]]:
    """One for each kind of store."""
    with TemporaryDirectory(prefix="chaos-") as folder, _postgres(kinds) as server:
        databases = Databases(folder=Path(folder), postgres=lambda: _there(server))
        found = {kind: Theatre(databases.create(kind, Path(folder), migrated)) for kind in kinds}
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
