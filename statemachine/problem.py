"""A problem: one thing that is wrong, or looks wrong, in a definition — where it is, and what would be right.

Problems are collected, not raised, so that an author sees all of them at once. `problem_codes.py` has every code.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from statemachine.names import did_you_mean
from statemachine.problem_codes import CODES, Severity

__all__ = [
    "CODES",
    "MAX_PROBLEMS",
    "Path",
    "Place",
    "Positions",
    "Problem",
    "Problems",
    "Severity",
    "Within",
    "at_offset",
    "format_path",
    "in_order",
]

Path = tuple[str | int, ...]
Place = tuple[int, int]
"""Line and column, both from 1."""

MAX_PROBLEMS: Final = 200
"""How many errors, and how many warnings, one report shows."""

_MAX_GUESSES: Final = 50
_MAX_COMPARED: Final = 4_000
_MAX_TEXT: Final = 1_000
_MAX_SHOWN_KEY: Final = 100
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_ABOUT_KEYS: Final = frozenset({"unknown_key", "duplicate_key", "not_supported_yet", "merge_key_refused", "bad_key"})


@dataclass(frozen=True, slots=True)
class Problem:
    """`path` is spelled as the source spells it; `line` and `column` count from 1 and are None without a text.

    `suggestion` says what would be right; without one of its own, a problem has that of its code.
    """

    code: str
    severity: Severity
    message: str
    path: str = ""
    line: int | None = None
    column: int | None = None
    suggestion: str = ""

    def __post_init__(self) -> None:
        if not self.suggestion:
            object.__setattr__(self, "suggestion", CODES[self.code].mend)

    @property
    def own_suggestion(self) -> str:
        """What would be right in this very place; "" when there is only the advice that goes with the code."""
        return "" if self.suggestion == CODES[self.code].mend else self.suggestion

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}: " if self.line is not None else ""
        path = f"{self.path}: " if self.path else ""
        hint = f" ({self.own_suggestion})" if self.own_suggestion else ""
        return f"{where}{path}{self.message}{hint} [{self.code}]"


Within = tuple[str, int]
"""A place inside a value: a part of its text as the source has it, and the offset in it, from 0."""


@dataclass(frozen=True)
class Positions:
    """Where every node of a text stands: `values` by path, `keys` by the path of the entry that the key opens.

    `broken` are nodes that could not be read: nothing more is said about them.
    """

    values: Mapping[Path, Place] = field(default_factory=dict)
    keys: Mapping[Path, Place] = field(default_factory=dict)
    text: str = ""
    broken: frozenset[Path] = frozenset()

    def is_broken(self, path: Path) -> bool:
        """Whether a node, or one around it, could not be read."""
        return bool(self.broken) and any(path[:length] in self.broken for length in range(len(path) + 1))

    def find(self, path: Path, *, key: bool = False) -> Place | None:
        """The place of a node, else of the nearest node around it."""
        for length in range(len(path), -1, -1):
            prefix = path[:length]
            place = (self.keys.get(prefix) if key else None) or self.values.get(prefix)
            if place is not None:
                return place
        return None

    def find_within(self, path: Path, within: Within) -> Place | None:
        """The place inside a value; None when the source writes it otherwise (escapes, folded lines)."""
        place = self.values.get(path)
        if place is None:
            return None
        fragment, offset = within
        at = self.text.find(fragment, self._index(place), self._end(path, place))
        if not fragment or at < 0:
            return None
        line = bisect_right(self._lines, at + offset)
        return line, at + offset - self._lines[line - 1] + 1

    def _index(self, place: Place) -> int:
        line, column = place
        return self._lines[min(line, len(self._lines)) - 1] + column - 1

    def _end(self, path: Path, place: Place) -> int:
        """Where the next node begins that is no part of this one."""
        first = bisect_right(self._in_order, place, key=lambda node: node[0])
        for number in range(first, len(self._in_order)):
            following, other = self._in_order[number]
            if other[: len(path)] != path:
                return self._index(following)
        return len(self.text)

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    @cached_property
    def _in_order(self) -> list[tuple[Place, Path]]:
        """Keys and values by place."""
        nodes = [(place, path) for places in (self.values, self.keys) for path, place in places.items()]
        return sorted(nodes, key=lambda node: node[0])


class Problems:
    """Collects problems. Paths come in the language's own spelling and leave in the source's (see `spelled`)."""

    def __init__(self, positions: Positions | None = None) -> None:
        self._positions = positions or Positions()
        self._origins: dict[Path, Path] = {}
        self._found: dict[Severity, dict[Problem, None]] = {"error": {}, "warning": {}}
        self._unshown: dict[Severity, list[Place | None]] = {"error": [], "warning": []}
        self._guesses = 0
        self._compared = 0

    def add(
        self,
        code: str,
        path: Path,
        message: str,
        suggestion: str = "",
        severity: Severity | None = None,
        within: Within | None = None,
    ) -> None:
        """Report a problem, as grave as its code says unless `severity` is given; `within` is where in the value."""
        if self._positions.is_broken(self.source_path(path)):
            return
        severity = severity or CODES[code].severity
        found = self._found[severity]
        spelled, place = self.locate(path, key=code in _ABOUT_KEYS)
        if len(found) >= MAX_PROBLEMS:
            self._unshown[severity].append(place)
            return
        if within is not None:
            place = self._positions.find_within(self.source_path(path), within) or place
        line, column = place or (None, None)
        message, suggestion = _cut(message, _MAX_TEXT), _cut(suggestion, _MAX_TEXT)
        found[Problem(code, severity, message, spelled, line, column, suggestion)] = None

    def locate(self, path: Path, *, key: bool = False) -> tuple[str, Place | None]:
        """How the source spells a path, and where it stands there."""
        source_path = self.source_path(path)
        return format_path(source_path), self._positions.find(source_path, key=key)

    def guess(self, word: str, options: Collection[str]) -> str:
        """`did you mean …?`, or nothing. Guessing is slow, so that a long report goes without from some point on."""
        self._guesses += 1
        self._compared += len(options)
        return did_you_mean(word, options) if self._guesses <= _MAX_GUESSES and self._compared <= _MAX_COMPARED else ""

    def spelled(self, path: Path, source_path: Path) -> None:
        """Remember that the node at `path` stands at `source_path` in the source, and everything below it too."""
        self._origins[path] = source_path

    def place(self, path: Path) -> Place | None:
        """Where the node at `path` (else the nearest around it) begins in the source."""
        return self._positions.find(self.source_path(path), key=True)

    def source_path(self, path: Path) -> Path:
        spelled: Path = ()
        for length, key in enumerate(path, 1):
            spelled = self._origins.get(path[:length]) or (*spelled, key)
        return spelled

    @property
    def failed(self) -> bool:
        """Whether one of them is an error, or a part of the text could not be read."""
        return bool(self._found["error"] or self._positions.broken)

    def sorted(self) -> tuple[Problem, ...]:
        """All of them, in the order of the text."""
        found = list(in_order([*self._found["error"], *self._found["warning"]]))
        for severity, places in self._unshown.items():
            if places:
                message = f"there are {len(places)} more {severity}s, from here on"
                found.append(Problem("more_problems", severity, message, "", *(places[0] or (None, None))))
        return tuple(found)


def at_offset(text: str, offset: int) -> Within:
    """The place of one character of a text, by the line that it is in: indentation may differ in the source."""
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = text[start : end if end >= 0 else len(text)]
    indent = len(line) - len(line.lstrip())
    return line.strip(), max(0, offset - start - indent)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems in the order of the text; those without a place come first, the count of the rest last."""
    return tuple(sorted(problems, key=lambda one: (one.code == "more_problems", one.line or 0, one.column or 0)))


def format_path(path: Path) -> str:
    """`("steps", 3, "config", "a b")` → `steps[3].config["a b"]`. Keys too long to be read are cut."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif len(key) <= _MAX_SHOWN_KEY and _PLAIN_KEY.match(key):
            text += f".{key}" if text else key
        else:
            text += f'["{_cut(key, _MAX_SHOWN_KEY)}"]'
    return text


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
