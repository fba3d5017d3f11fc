"""Differences between what a test expects and what came of it, put so that a person sees at once where they part."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import Any, Final

from statemachine.problem import Place
from statemachine.scalars import kind_of
from statemachine.wording import span

NOTHING: Final = "—"
_WIDEST: Final = 300


@dataclass(frozen=True, slots=True)
class Difference:
    """`path` names the expectation (`expect.status`); `expected` and `actual` are JSON-ready; `text` says it in words,
    with an aligned table in the lines after the first where lists part."""

    path: str
    expected: Any
    actual: Any
    text: str
    place: Place | None = None


def shown(value: Any) -> str:
    """A value as a test would write it, shortened."""
    if value is None:
        return NOTHING
    value = plain(value)
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def plain(value: Any) -> Any:
    """JSON-ready."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def simple(name: str, expected: Any, actual: Any) -> str:
    if shown(expected) == shown(actual):
        return f"{name}: expected {_kind(expected)}, was {_kind(actual)}"
    return f"{name}: expected {shown(expected)}, was {shown(actual)}"


def _kind(value: Any) -> str:
    """A value with its kind, for two that look the same."""
    return f"{shown(value)} ({kind_of(plain(value))})"


def aligned(name: str, expected: Sequence[str], actual: Sequence[str]) -> str:
    """Two lists side by side, with a mark where they part."""
    rows = list(_rows(expected, actual))
    first = next((number for number, (one, other) in enumerate(rows, 1) if one != other), 0)
    width = max([len("expected"), *(len(one) for one, _ in rows)])
    lines = [f"{name}: they part at {first} of {len(rows)}", f"      {'expected':<{width}}  actual"]
    for one, other in rows:
        mark = " " if one == other else "✗"
        lines.append(f"    {mark} {one:<{width}}  {other}".rstrip())
    return "\n".join(lines)


def _rows(expected: Sequence[str], actual: Sequence[str]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    matcher = SequenceMatcher(a=expected, b=actual, autojunk=False)
    for _, low, high, other_low, other_high in matcher.get_opcodes():
        left, right = list(expected[low:high]), list(actual[other_low:other_high])
        length = max(len(left), len(right))
        left += [NOTHING] * (length - len(left))
        right += [NOTHING] * (length - len(right))
        rows.extend(zip(left, right, strict=True))
    return rows
