"""How a run is told: a table for people, JSON for programs, the section of docs/performance.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
import psycopg
from rich.console import Console
from rich.table import Table

from bench.figures import Rounds, Summary
from bench.growth import Growth
from bench.targets import Verdict, judge

LATEST: Final = Path(__file__).parent / "results" / "latest.json"
DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "performance.md"
_FROM, _TO = "<!-- figures -->", "<!-- /figures -->"


def _number(value: float | None, form: str = ",.0f") -> str:
    return "" if value is None else format(value, form)


_COLUMNS: Final[tuple[tuple[str, Callable[[Summary], str]], ...]] = (
    ("/s", lambda summary: _number(summary.rate)),
    ("of floor", lambda summary: _number(summary.ratio, ".3f")),
    ("by CPU", lambda summary: _number(summary.cpu_ratio, ".3f")),
    ("p50 ms", lambda summary: _number(summary.p50_ms, ",.1f")),
    ("p99 ms", lambda summary: _number(summary.p99_ms, ",.1f")),
    ("p99 of floor", lambda summary: _number(summary.p99_ratio, ".2f")),
    ("CPU s per 1,000", lambda summary: _number(summary.cpu_s_per_1000, ".3f")),
    ("RSS MiB", lambda summary: _number(summary.rss_mib)),
    ("SQL a batch", lambda summary: _number(summary.statements_per_batch, ".1f")),
    ("items a batch", lambda summary: _number(summary.items_per_batch)),
    ("WAL B a transition", lambda summary: _number(summary.bytes_per_transition)),
)


def show(console: Console, summaries: Sequence[Summary], growth: Sequence[Growth]) -> None:
    """Print what was measured, by database and workload, and which targets are met."""
    for database in dict.fromkeys(summary.database for summary in summaries):
        console.print(_figures([summary for summary in summaries if summary.database == database], database))
    if growth:
        console.print(_growth(growth))
    console.print(_verdicts(judge(summaries)))


def _figures(summaries: Sequence[Summary], database: str) -> Table:
    table = Table(title=f"{database}, medians of {summaries[0].runs}", title_justify="left")
    table.add_column("workload", style="bold")
    table.add_column("way")
    for name, _ in _COLUMNS:
        table.add_column(name, justify="right")
    shown = ""
    for summary in summaries:
        if shown and summary.workload != shown:
            table.add_section()
        table.add_row(
            summary.workload if summary.workload != shown else "",
            summary.way,
            *(write(summary) for _, write in _COLUMNS),
            style="dim" if summary.floor is None else "",
        )
        shown = summary.workload
    return table


def _growth(growth: Sequence[Growth]) -> Table:
    table = Table(title="Parked enrollments", title_justify="left")
    for name in _GROWTH_COLUMNS:
        table.add_column(name, justify="right")
    for row in growth:
        table.add_row(*_growth_row(row))
    return table


_GROWTH_COLUMNS: Final = ("database", "parked", "RSS MiB", "CPU ms a second, idle", "drained/s", "p99 late ms")


def _growth_row(row: Growth) -> tuple[str, ...]:
    return (
        row.database,
        _number(row.parked),
        _number(row.rss_mib),
        _number(row.idle_cpu_ms_per_s, ".1f"),
        _number(row.drained_per_s),
        _number(row.p99_ms, ",.0f"),
    )


def _verdicts(verdicts: Sequence[Verdict]) -> Table:
    table = Table(title="Targets of the first landing, PostgreSQL", title_justify="left")
    for name in ("target", "wanted", "measured", "met"):
        table.add_column(name, justify="right" if name == "measured" else "left")
    for verdict in verdicts:
        table.add_row(
            verdict.target.name, verdict.target.wanted, _measured(verdict), _met(verdict),
            style={True: "green", False: "red", None: "dim"}[verdict.met],
        )  # fmt: skip
    return table


def _measured(verdict: Verdict) -> str:
    if verdict.measured is None:
        return ""
    return f"{verdict.measured:,.3f}" if verdict.measured < 1 else f"{verdict.measured:,.4g}"


def _met(verdict: Verdict) -> str:
    return {True: "yes", False: "no", None: "not measured"}[verdict.met]


# --- for programs ---


def document(rounds: Rounds, summaries: Sequence[Summary], growth: Sequence[Growth]) -> dict[str, Any]:
    """Everything of a run, as JSON."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "summaries": [asdict(summary) for summary in summaries],
        "targets": [
            {
                "target": verdict.target.name,
                "wanted": verdict.target.wanted,
                "measured": verdict.measured,
                "met": verdict.met,
            }
            for verdict in judge(summaries)
        ],
        "growth": [asdict(row) for row in growth],
        "rounds": [[asdict(figure) for figure in figures] for figures in rounds],
    }


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "psycopg": f"{psycopg.__version__} ({psycopg.pq.__impl__})",
    }


def write_json(path: Path, told: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))


# --- for docs/performance.md ---


def write_document(summaries: Sequence[Summary], growth: Sequence[Growth]) -> None:
    """Replace the figures in docs/performance.md by those of this run."""
    text = DOCUMENT.read_text()
    before, rest = text.split(_FROM, 1)
    after = rest.split(_TO, 1)[1]
    DOCUMENT.write_text(f"{before}{_FROM}\n\n{_markdown(summaries, growth)}\n\n{_TO}{after}")


def _markdown(summaries: Sequence[Summary], growth: Sequence[Growth]) -> str:
    facts = machine()
    parts = [f"{datetime.now(UTC):%Y-%m-%d}, {facts['cores']} cores, Python {facts['python']}."]
    verdicts = [
        [verdict.target.name, verdict.target.wanted, _measured(verdict), _met(verdict)] for verdict in judge(summaries)
    ]
    parts.append("### Targets\n\n" + _grid(["target", "wanted", "measured", "met"], verdicts))
    for database in dict.fromkeys(summary.database for summary in summaries):
        rows = [
            [summary.workload, summary.way, *(write(summary) for _, write in _COLUMNS)]
            for summary in summaries
            if summary.database == database
        ]
        parts.append(f"### {database}\n\n" + _grid(["workload", "way", *(name for name, _ in _COLUMNS)], rows))
    if growth:
        parts.append("### Parked\n\n" + _grid(list(_GROWTH_COLUMNS), [list(_growth_row(row)) for row in growth]))
    return "\n\n".join(parts)


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
