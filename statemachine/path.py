"""Paths into data, as authors write them: `contact.email`, `items[0].name`, `steps.check-reply.output["a b"]`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

Path = tuple[str | int, ...]

NAME_PATTERN: Final = r"[^\W\d]\w*(?:-+\w+)*"
PATH_PATTERN: Final = (
    rf"{NAME_PATTERN}(?:\s*\.\s*(?:{NAME_PATTERN}|\d+)|\[\s*(?:-?\d+|\"[^\"\\{{}}]*\"|'[^'\\{{}}]*')\s*\])*"
)
_PATH: Final = re.compile(PATH_PATTERN)
_PART: Final = re.compile(rf"({NAME_PATTERN})|\.\s*(\d+)|\[\s*(-?\d+)\s*\]|\[\s*(?:\"([^\"]*)\"|'([^']*)')\s*\]")
_PLAIN_NAME: Final = re.compile(NAME_PATTERN)
_MAX_INDEX_DIGITS: Final = 9


class Missing:
    """The type of MISSING: what a path leads to when there is nothing, not even null. It is false."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


def parse_path(text: str) -> Path | None:
    """The parts of a path, or None when the text is no path."""
    text = text.strip()
    if _PATH.fullmatch(text) is None:
        return None
    parts: list[str | int] = []
    for match in _PART.finditer(text):
        name, dotted, index, double, single = match.groups()
        digits = dotted or index
        if digits is not None:
            if len(digits) > _MAX_INDEX_DIGITS:
                return None
            parts.append(int(digits))
        else:
            parts.append(next(part for part in (name, double, single) if part is not None))
    return tuple(parts)


def format_path(path: Iterable[str | int]) -> str:
    """The path as an author would write it."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not text:
            text = part
        else:
            text += f".{part}" if _PLAIN_NAME.fullmatch(part) else f'["{part}"]'
    return text


def walk(value: Any, path: Path, start: int = 0) -> Any:
    """What `path[start:]` leads to from a value; MISSING when a part is not there.

    Lists take an index, and `size` (or `length`), `first`, `last`; text takes `size`.
    """
    for position in range(start, len(path)):
        part = path[position]
        if isinstance(value, dict):
            value = value.get(part, MISSING)
        elif isinstance(value, (list, tuple)):
            value = _list_part(value, part)
        elif isinstance(value, Mapping):
            value = value.get(part, MISSING)
        elif isinstance(value, str) and part in ("size", "length"):
            value = len(value)
        else:
            return MISSING
    return value


def _list_part(items: list[Any] | tuple[Any, ...], part: str | int) -> Any:
    if isinstance(part, int):
        return items[part] if -len(items) <= part < len(items) else MISSING
    if part in ("size", "length"):
        return len(items)
    if items and part in ("first", "last"):
        return items[0 if part == "first" else -1]
    return MISSING
