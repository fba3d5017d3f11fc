"""The text functions of expressions. None makes text longer than its limit: no expression can fill the memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MAX_TEXT: Final = 1_000_000
"""The longest text a function may make."""
MAX_ITERATED_TEXT: Final = 20_000
"""The same inside an expression that iterates, where it may be made ten thousand times."""


@dataclass(frozen=True, slots=True)
class TextFunctions:
    """The functions as methods of text (`join` of a list), by name; `limit` is the longest text they make."""

    limit: int

    def replace(self, text: str, old: str, new: str) -> str:
        found = text.count(old) if old else len(text) + 1
        self._check("replace", len(text) + found * (len(new) - len(old)))
        return text.replace(old, new)

    def join(self, items: Sequence[Any], separator: str = "") -> str:
        if not all(isinstance(item, str) for item in items):
            raise ValueError("join needs a list of texts; write items.map(i, string(i)).join(…)")
        self._check("join", sum(map(len, items)) + len(separator) * len(items))
        return separator.join(items)

    def split(self, text: str, separator: str) -> list[str]:
        self._check("split", len(text))
        return text.split(separator) if separator else list(text)

    def substring(self, text: str, start: float, end: float | None = None) -> str:
        return text[max(0, int(start)) :] if end is None else text[max(0, int(start)) : max(0, int(end))]

    def char_at(self, text: str, index: float) -> str:
        return text[int(index)] if 0 <= index < len(text) else ""

    def _check(self, name: str, length: int) -> None:
        if length > self.limit:
            raise ValueError(f"{name} makes or reads text of more than {self.limit} characters")

    def table(self) -> Mapping[str, tuple[Callable[..., Any], str]]:
        """Name → function and its types, the result first: t text, d number as a double, i number as an int, l list."""
        return {
            "replace": (self.replace, "tttt"),
            "join": (self.join, "tl"),
            "join ": (self.join, "tlt"),
            "split": (self.split, "ltt"),
            "substring": (self.substring, "ttd"),
            "substring ": (self.substring, "ttdd"),
            "charAt": (self.char_at, "ttd"),
            "trim": (str.strip, "tt"),
            "lowerAscii": (str.lower, "tt"),
            "upperAscii": (str.upper, "tt"),
            "toLowerCase": (str.lower, "tt"),
            "toUpperCase": (str.upper, "tt"),
            "indexOf": (str.find, "itt"),
            "lastIndexOf": (str.rfind, "itt"),
        }
