"""What single fields of a request may hold: ids, names, numbers and enums. All violations of a request come at once.

Limits are in bytes of UTF-8, as the protos state them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, ParamSpec, TypeVar, cast

from google.protobuf.message import Message

from statemachine.errors import InvalidInput, LimitExceeded

P = ParamSpec("P")
T = TypeVar("T")
W = TypeVar("W", bound=str)
MAX_ID_BYTES: Final = 255
MAX_BATCH: Final = 1_000
_SURELY_SHORT: Final = MAX_ID_BYTES // 4
"""No character takes more than 4 bytes, so a text this short needs no counting."""


class Violations:
    """Collects what is wrong with a request; `check` raises InvalidInput with all of it."""

    __slots__ = ("_found", "_refusals")

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []
        self._refusals: list[InvalidInput] = []

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

    def required_id(self, place: str, text: str) -> str:
        """An id that has to be there."""
        self.name(place, text, required=True)
        return text

    def read(self, reader: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a reader answers. If it refuses, its violations are kept, and the answer is not to be used: `check`
        comes first."""
        try:
            return reader(*args, **kwargs)
        except InvalidInput as refusal:
            self._found.extend(refusal.violations)
            self._refusals.append(refusal)
            return cast(T, None)

    def check(self) -> None:
        if self._found:
            raise self._refusal()

    def _refusal(self) -> InvalidInput:
        """The only one there is as it is; several limits as the first of them."""
        place, wanted = self._found[0]
        more = f" (and {len(self._found) - 1} more)" if len(self._found) > 1 else ""
        told = sum(len(refusal.violations) for refusal in self._refusals)
        if told < len(self._found) or not self._refusals:
            return InvalidInput(f"{place}: {wanted}{more}", self._found)
        first = self._refusals[0]
        if len(self._refusals) == 1:
            return first
        kind = LimitExceeded if all(isinstance(one, LimitExceeded) for one in self._refusals) else InvalidInput
        metadata = first.metadata if kind is LimitExceeded else {}
        return kind(f"{place}: {wanted}{more}", self._found, **metadata)


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


def check_size(place: str, payload: Message, most: int, limit: str) -> None:
    """Raises LimitExceeded for a payload of more bytes."""
    if payload.ByteSize() > most:
        wanted = f"at most {most // 1024} KiB"
        raise LimitExceeded(f"{place} may have {wanted}", [(place, wanted)], limit=limit, maximum=str(most))


def chosen(place: str, number: int, words: Mapping[int, W]) -> W:
    """The word an enum's value stands for. Raises InvalidInput for one that is not allowed here."""
    word = words.get(number)
    if word is None:
        wanted = f"one of {', '.join(map(str, words.values()))}"
        raise InvalidInput(f"{place} must be {wanted}", [(place, wanted)])
    return word


def all_chosen(place: str, numbers: Iterable[int], words: Mapping[int, W]) -> tuple[W, ...]:
    """The words of several. Raises InvalidInput with every one that is not allowed here."""
    violations = Violations()
    found = tuple(violations.read(chosen, f"{place}[{index}]", one, words) for index, one in enumerate(numbers))
    violations.check()
    return found
