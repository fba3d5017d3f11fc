"""What reading a definition has in common, whatever its format: the limits, the numbers, the record of places."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from statemachine.problem import MAX_PROBLEMS, Path, Place, Positions, Problem, format_path

Format = Literal["yaml", "json", "canvas"]
"""The spelling of a definition: a list of steps in YAML or JSON, or nodes and edges (in either)."""
TextFormat = Literal["yaml", "json"]

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
MAX_NODES: Final = 20_000
MAX_WHOLE: Final = 2**53
FORBIDDEN: Final = re.compile("[\x00\ud800-\udfff]")
"""Characters that no text may hold."""


@dataclass(frozen=True, slots=True)
class Source:
    """`data` is dicts, lists and scalars; None when the text cannot be read at all. `problems` says what is wrong."""

    data: Any
    format: TextFormat
    positions: Positions = field(default_factory=Positions)
    problems: tuple[Problem, ...] = ()


class SourceError(Exception):
    """Something that is not read. What leaves the rest readable is noted; anything else ends the reading."""

    def __init__(self, code: str, message: str, place: Place | None = None, path: Path = ()) -> None:
        super().__init__(message)
        self.code = code
        self.place = place
        self.path = path

    def problem(self) -> Problem:
        line, column = self.place or (None, None)
        return Problem(self.code, "error", str(self), format_path(self.path), line, column)


class Reader:
    """What both formats share: limits, numbers, and the record of places."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._nodes = 0
        self.values: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}
        self._broken: set[Path] = set()
        self._problems: list[Problem] = []

    def count(self, place: Place) -> None:
        """One more key or value."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise SourceError("too_many_nodes", f"the document has more than {MAX_NODES:,} keys and values", place)

    def enter(self, place: Place, path: Path) -> None:
        """A list or object opens at `path`."""
        if len(path) >= MAX_DEPTH:
            raise SourceError("too_deep", f"lists and objects may be nested {MAX_DEPTH} deep", place)

    def note(self, error: SourceError) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(error.problem())
        elif len(self._problems) == MAX_PROBLEMS:
            message = "there are more problems in the text, from here on"
            self._problems.append(Problem("more_problems", "error", message, "", *(error.place or (None, None))))

    def refuse(self, code: str, message: str, place: Place, path: Path) -> None:
        """Something that is not read; what stands there instead is not what the author wrote."""
        self.note(SourceError(code, message, place, path))
        self._broken.add(path)

    def number(self, read: Callable[[str], int | float], text: str, place: Place, path: Path) -> int | float | str:
        """A number, or its text and a note when it is none that can be kept exactly."""
        try:
            return read(text)
        except ValueError as error:
            self.note(SourceError("bad_number", str(error), place, path))
            return text

    def allowed(self, text: str, place: Place, path: Path) -> str:
        """Escapes can bring in characters that may not stand in the text itself."""
        bad = FORBIDDEN.search(text)
        if bad:
            raise SourceError("not_text", f"the character U+{ord(bad[0]):04X} may not stand in a text", place, path)
        return text

    def source(self, data: Any, known: TextFormat) -> Source:
        return Source(
            data, known, Positions(self.values, self.keys, self.text, frozenset(self._broken)), tuple(self._problems)
        )


def whole_number(digits: str, base: int) -> int:
    value = int(digits, base) if len(digits) <= 64 else MAX_WHOLE + 1
    if abs(value) > MAX_WHOLE:
        shown = digits if len(digits) <= 40 else f"{digits[:20]}…"
        raise ValueError(f"the whole number {shown} is above 2^53: write it as text, in quotes")
    return value


def fraction(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is too large")
    return value
