"""What people and machines read: tables and facts by rich, JSON for everything else.

Loaded only by commands that print something; rich itself only for people.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import click
import orjson

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.timestamp_pb2 import Timestamp
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_STYLES: Final = {
    "pending": "yellow",
    "running": "cyan",
    "waiting": "cyan",
    "paused": "yellow",
    "completed": "green",
    "failed": "bold red",
    "exited": "magenta",
    "cancelled": "dim",
    "active": "green",
    "ready": "yellow",
    "leased": "cyan",
    "unknown_outcome": "bold red",
    "enrolled": "green",
    "advanced": "green",
    "blocked": "yellow",
    "not_matched": "dim",
    "error": "bold red",
    "warning": "yellow",
}


def print_json(data: Any) -> None:
    """One JSON document: indented for a terminal, on one line for a pipe."""
    option = orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0
    print(orjson.dumps(data, option=option).decode())


def print_json_line(data: Any) -> None:
    """One JSON document on a line of its own, at once."""
    print(orjson.dumps(data).decode(), flush=True)


@cache
def console() -> Console:
    """Where people read. A pipe gets lines as long as they need to be."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 240)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """A table; the sentence `empty` when there is no row. Columns that are empty in every row are left out."""
    lines = [list(row) for row in rows]
    if not lines:
        console().print(empty, style="dim", markup=False)
        return
    kept = [index for index in range(len(columns)) if any(line[index] not in ("", None) for line in lines)]
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for index in kept:
        right = all(isinstance(line[index], int | float) for line in lines)
        whole = columns[index] in ("id", "enrollment", "time", "due")
        table.add_column(columns[index], justify="right" if right else "left", no_wrap=whole, overflow="fold")
    for line in lines:
        table.add_row(*(cell(line[index]) for index in kept))
    _print_trimmed(table)


def print_facts(facts: Iterable[tuple[str, Any]]) -> None:
    """Names and values, one per line; what is empty is left out."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        if value not in ("", None, {}, []):
            table.add_row(name, cell(value))
    _print_trimmed(table)


def _print_trimmed(table: Table) -> None:
    """A table without the blanks that fill its lines up."""
    with console().capture() as captured:
        console().print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def cell(value: Any) -> Text:
    """A value as text, words of state in their colour."""
    from rich.text import Text

    if isinstance(value, Text):
        return value
    if isinstance(value, dict | list):
        return Text(orjson.dumps(value).decode())
    text = "" if value is None else str(value)
    return Text(text, style=_STYLES.get(text.lower(), ""))


def written(value: Any) -> str:
    """Text as it is, everything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def note(text: str) -> None:
    """A line for people."""
    console().print(text, markup=False)


def instant(stamp: Timestamp) -> str:
    """An instant in the reader's zone: `2026-01-31 09:00:00`. `` when unset."""
    if not stamp.seconds and not stamp.nanos:
        return ""
    return stamp.ToDatetime(tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def due(stamp: Timestamp, now: datetime) -> str:
    """An instant with how far away it is: `2026-01-31 09:00:00 (in 1d 3h)`. `now` is of the same clock."""
    if not stamp.seconds and not stamp.nanos:
        return ""
    away = stamp.ToDatetime(tzinfo=UTC) - now
    return f"{instant(stamp)} ({f'in {span(away)}' if away > timedelta() else f'{span(-away)} ago'})"


def lasted(duration: Duration) -> str:
    """A Duration for people; `` when unset."""
    if not duration.seconds and not duration.nanos:
        return ""
    return span(timedelta(seconds=duration.seconds, microseconds=duration.nanos / 1000))


def span(length: timedelta) -> str:
    """The two largest units of a span: `12ms`, `1.4s`, `2m 5s`, `3h 12m`, `4d 2h`."""
    seconds = length.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.3g}ms" if seconds >= 0.001 else "0s" if not seconds else "<1ms"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    parts = []
    rest = round(seconds)
    for name, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{name}")
    return " ".join(parts[:2])
