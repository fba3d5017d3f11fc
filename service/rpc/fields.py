"""What single fields of a request may hold: ids, names, numbers and enums. All violations of a request come at once.

Limits are in bytes of UTF-8, as the protos state them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from statemachine.errors import InvalidInput

W = TypeVar("W", bound=str)
MAX_ID_BYTES: Final = 255
MAX_BATCH: Final = 1_000
_SURELY_SHORT: Final = MAX_ID_BYTES // 4
"""No character takes more than 4 bytes, so a text this short needs no counting."""


class Violations:
    """Collects what is wrong with a request; `check` raises InvalidInput with all of it."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []

    def add(self, place: str, wanted: str) -> None:
        self._found.append((place, wanted))

    def name(self, place: str, text: str, *, required: bool = False, most: int = MAX_ID_BYTES) -> None:
        """An id or a name: not too long, without NUL, not empty when required."""
        fault = text_fault(text, most)
        if fault:
            self._found.append((place, fault))
        elif required and not text:
            self._found.append((place, "required"))

    def number(self, place: str, number: int, least: int, most: int) -> None:
        if not least <= number <= most:
            self._found.append((place, f"a number from {least} to {most}"))

    def check(self) -> None:
        if self._found:
            place, wanted = self._found[0]
            more = f" (and {len(self._found) - 1} more)" if len(self._found) > 1 else ""
            raise InvalidInput(f"{place}: {wanted}{more}", self._found)


def text_fault(text: str, most: int) -> str:
    """What is wrong with a short text, or nothing."""
    if "\0" in text:
        return "no NUL character"
    if len(text) > _SURELY_SHORT and len(text.encode()) > most:
        return f"at most {most} bytes"
    return ""


def required_id(place: str, text: str) -> str:
    """An id that has to be there. Raises InvalidInput."""
    violations = Violations()
    violations.name(place, text, required=True)
    violations.check()
    return text


def check_names(names: Mapping[str, str], *, required: Iterable[str] = ()) -> None:
    """Several ids and names at once, by the place of each. Raises InvalidInput with all faults."""
    violations = Violations()
    needed = frozenset(required)
    for place, text in names.items():
        violations.name(place, text, required=place in needed)
    violations.check()


def check_batch(place: str, items: Any) -> None:
    """1 to 1,000 items. Raises InvalidInput."""
    if not 1 <= len(items) <= MAX_BATCH:
        wanted = f"1 to {MAX_BATCH:,} items"
        raise InvalidInput(f"{place} must have {wanted}, not {len(items):,}", [(place, wanted)])


def chosen(place: str, number: int, words: Mapping[int, W]) -> W:
    """The word an enum's value stands for. Raises InvalidInput for one that is not allowed here."""
    word = words.get(number)
    if word is None:
        wanted = f"one of {', '.join(map(str, words.values()))}"
        raise InvalidInput(f"{place} must be {wanted}", [(place, wanted)])
    return word
