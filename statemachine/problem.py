"""A problem: one thing that is wrong, or looks wrong, in a definition — where it is, and what would be right.

Problems are collected, not raised, so that an author sees all of them at once. The codes are stable: programs and
translations may rely on them; the messages may change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from statemachine.names import did_you_mean

Path = tuple[str | int, ...]
Severity = Literal["error", "warning"]
Place = tuple[int, int]
"""Line and column, both from 1."""

CODES: Final[Mapping[str, str]] = {
    # the text
    "too_large": "The text is longer than 1 MiB.",
    "not_text": "The text is not UTF-8, or holds a character that no text may hold (NUL, a lone surrogate).",
    "bad_syntax": "The text is not YAML 1.2 or not strict JSON.",
    "empty": "There is no document in the text.",
    "too_deep": "Lists and objects are nested more than 32 deep; the root counts as 1.",
    "too_many_nodes": "The document has more than 20,000 keys and values.",
    "alias_refused": "YAML anchors and aliases are not part of the language.",
    "tag_refused": "YAML tags (`!!str`, `!custom`) are not part of the language.",
    "merge_key_refused": "YAML merge keys (`<<`) are not part of the language.",
    "duplicate_key": "The same key stands twice in one object.",
    "bad_key": "A key is not text.",
    "bad_number": "A number that no format can hold exactly: infinity, NaN, or a whole number above 2^53.",
    # the shape
    "not_an_object": "The document, or a part of it, has to be an object.",
    "missing_key": "A required key is missing.",
    "unknown_key": "The language has no such key here.",
    "bad_value": "The value has the wrong type or is out of its range.",
    "bad_name": "A key, id or variable name has characters it may not have, or is too long.",
    "not_supported_yet": "The language has this, but this version of the software cannot run it.",
    "conflicting_keys": "Two keys that exclude each other stand side by side.",
    "not_applicable": "The key has no meaning for a step of this type.",
    # names
    "unknown_type": "There is no step type of this name.",
    "unknown_step": "A target, template or expression names a step that does not exist.",
    "unknown_outcome": "`branches` names an outcome that the step does not have.",
    "unknown_operator": "There is no comparison operator of this name.",
    "duplicate_id": "Two steps, or two triggers, have the same id.",
    "reserved_id": "The id has a meaning of its own in the language.",
    "too_many_steps": "The workflow has more than 500 steps.",
    "no_steps": "The workflow has no steps.",
    # values with a grammar of their own
    "bad_duration": "The duration cannot be read, is negative, or is over 5 years.",
    "bad_time": "The time or date cannot be read.",
    "bad_weekday": "There is no such day of the week.",
    "bad_timezone": "There is no such time zone.",
    "bad_template": "The template is not well-formed.",
    "bad_expression": "The CEL expression is not well-formed.",
    "bad_regex": "The pattern is not a linear-time regular expression (RE2).",
    "bad_condition": "The condition has none of the known forms.",
    "no_condition": "A condition is missing where the step needs one.",
    "bad_weight": "A weight is no number above zero, or does not go with its variant.",
    "single_variant": "A split needs at least two variants.",
    "read_only_path": "The path can be read but not written.",
    "reserved_field": "The name is a part of the contact itself, not one of its fields.",
    # the flow
    "pure_ring": "A ring of steps with neither a wait nor an effect would never end.",
    "ring_without_wait": "A ring of steps has effects but no wait: it may run away.",
    "unreachable_step": "No way leads to the step.",
    "wait_without_timeout": "The step waits for an event, and nothing ends the wait if it never comes.",
    "output_may_be_missing": "The output of a step is read where that step may not have run.",
    "exit_never_fires": "The exit rule can never apply.",
    "weights_not_100": "The weights look like percentages but do not add up to 100.",
    "no_worker": "Tasks of the step wait on a queue that nobody serves now (told at publish).",
    # the report itself
    "more_problems": "There are more problems than are shown.",
}
"""Every code and what it means in one line."""

MAX_PROBLEMS: Final = 200
"""How many errors, and how many warnings, one report shows."""

_MAX_GUESSES: Final = 50
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_ABOUT_KEYS: Final = frozenset({"unknown_key", "duplicate_key", "not_supported_yet", "merge_key_refused", "bad_key"})


@dataclass(frozen=True, slots=True)
class Problem:
    """`path` is spelled as the source spells it; `line` and `column` count from 1 and are None without a text."""

    code: str
    severity: Severity
    message: str
    path: str = ""
    line: int | None = None
    column: int | None = None
    suggestion: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}: " if self.line is not None else ""
        path = f"{self.path}: " if self.path else ""
        hint = f" ({self.suggestion})" if self.suggestion else ""
        return f"{where}{path}{self.message}{hint} [{self.code}]"


@dataclass(frozen=True, slots=True)
class Positions:
    """Where every node of a text stands: `values` by path, `keys` by the path of the entry that the key opens."""

    values: Mapping[Path, Place] = field(default_factory=dict)
    keys: Mapping[Path, Place] = field(default_factory=dict)

    def find(self, path: Path, *, key: bool = False) -> Place | None:
        """The place of a node, else of the nearest node around it."""
        for length in range(len(path), -1, -1):
            prefix = path[:length]
            place = (self.keys.get(prefix) if key else None) or self.values.get(prefix)
            if place is not None:
                return place
        return None


class Problems:
    """Collects problems. Paths come in the language's own spelling and leave in the source's (see `spelled`)."""

    def __init__(self, positions: Positions | None = None) -> None:
        self._positions = positions or Positions()
        self._origins: dict[Path, Path] = {}
        self._found: dict[Severity, dict[Problem, None]] = {"error": {}, "warning": {}}
        self._unshown: dict[Severity, int] = {"error": 0, "warning": 0}
        self._guesses = 0

    def add(self, code: str, path: Path, message: str, suggestion: str = "", severity: Severity = "error") -> None:
        found = self._found[severity]
        if len(found) >= MAX_PROBLEMS:
            self._unshown[severity] += 1
            return
        source_path = self.source_path(path)
        place = self._positions.find(source_path, key=code in _ABOUT_KEYS)
        line, column = place if place else (None, None)
        found[Problem(code, severity, message, format_path(source_path), line, column, suggestion)] = None

    def guess(self, word: str, options: Iterable[str]) -> str:
        """`did you mean …?`, or nothing. Guessing is slow, so that a long report goes without from some point on."""
        self._guesses += 1
        return did_you_mean(word, options) if self._guesses <= _MAX_GUESSES else ""

    def spelled(self, path: Path, source_path: Path) -> None:
        """Remember that the node at `path` stands at `source_path` in the source, and everything below it too."""
        self._origins[path] = source_path

    def source_path(self, path: Path) -> Path:
        spelled: Path = ()
        for length, key in enumerate(path, 1):
            spelled = self._origins.get(path[:length]) or (*spelled, key)
        return spelled

    @property
    def failed(self) -> bool:
        """Whether one of them is an error."""
        return bool(self._found["error"])

    def sorted(self) -> tuple[Problem, ...]:
        """All of them, in the order of the text."""
        found = [*self._found["error"], *self._found["warning"]]
        found.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
        for severity, count in self._unshown.items():
            if count:
                found.append(Problem("more_problems", severity, f"there are {count} more {severity}s"))
        return tuple(found)


def format_path(path: Path) -> str:
    """`("steps", 3, "config", "a b")` → `steps[3].config["a b"]`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif _PLAIN_KEY.match(key):
            text += f".{key}" if text else key
        else:
            text += f'["{key}"]'
    return text
