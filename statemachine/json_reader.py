"""Strict JSON (RFC 8259) with the place of every node."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]
from typing import Any, Final

from statemachine.problem import Path, Place
from statemachine.reader import Reader, Source, SourceError, fraction, whole_number

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_SPACE: Final = re.compile(r"[ \t\n\r]*")


class JsonReader(Reader):
    """Recursive, and safe to be: depth is checked before each descent."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def read(self) -> Source:
        start = self._skip(0)
        if start == len(self.text):
            raise SourceError("empty", "there is no document in the text", (1, 1))
        data, end = self._read(start, ())
        end = self._skip(end)
        if end != len(self.text):
            raise self._wrong("nothing more may follow the document", end)
        return self.source(data, "json")

    def _place(self, index: int) -> Place:
        line = bisect_right(self._lines, index)
        return line, index - self._lines[line - 1] + 1

    def _wrong(self, message: str, index: int, path: Path = ()) -> SourceError:
        return SourceError("bad_syntax", f"this is not JSON: {message}", self._place(index), path)

    def _skip(self, index: int) -> int:
        match = _SPACE.match(self.text, index)
        return match.end() if match else index

    def _read(self, index: int, path: Path) -> tuple[Any, int]:
        place = self._place(index)
        first = self.text[index : index + 1]
        self.count(place)
        if first == "{" or first == "[":
            self.enter(place, path)
            self.values[path] = self.keys.get(path, place)
            return self._read_object(index, path) if first == "{" else self._read_list(index, path)
        self.values[path] = place
        if first == '"':
            return self._read_text(index, path)
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self.text.startswith(word, index):
                return value, index + len(word)
        return self._read_number(index, place, path)

    def _read_object(self, index: int, path: Path) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        index = self._skip(index + 1)
        if self.text[index : index + 1] == "}":
            return found, index + 1
        while True:
            key, index = self._read_key(index, path, found)
            found[key], index = self._read(self._skip(index), (*path, key))
            index = self._skip(index)
            mark = self.text[index : index + 1]
            if mark == "}":
                return found, index + 1
            if mark != ",":
                raise self._wrong("a comma or } is missing", index, path)
            index = self._skip(index + 1)

    def _read_key(self, index: int, path: Path, found: Mapping[str, Any]) -> tuple[str, int]:
        place = self._place(index)
        if self.text[index : index + 1] != '"':
            raise self._wrong("a key in double quotes has to stand here", index, path)
        self.count(place)
        key, end = self._read_text(index, path)
        if key in found:
            self.note(SourceError("duplicate_key", f"the key {key!r} stands twice", place, (*path, key)))
        self.keys[(*path, key)] = place
        end = self._skip(end)
        if self.text[end : end + 1] != ":":
            raise self._wrong("a colon is missing after the key", end, path)
        return key, end + 1

    def _read_list(self, index: int, path: Path) -> tuple[list[Any], int]:
        found: list[Any] = []
        index = self._skip(index + 1)
        if self.text[index : index + 1] == "]":
            return found, index + 1
        while True:
            value, index = self._read(index, (*path, len(found)))
            found.append(value)
            index = self._skip(index)
            mark = self.text[index : index + 1]
            if mark == "]":
                return found, index + 1
            if mark != ",":
                raise self._wrong("a comma or ] is missing", index, path)
            index = self._skip(index + 1)

    def _read_text(self, index: int, path: Path) -> tuple[str, int]:
        try:
            value, end = scanstring(self.text, index + 1, True)
        except JSONDecodeError as error:
            raise self._wrong(error.msg[:1].lower() + error.msg[1:], error.pos, path) from None
        return self.allowed(value, self._place(index), path), end

    def _read_number(self, index: int, place: Place, path: Path) -> tuple[Any, int]:
        match = _NUMBER.match(self.text, index)
        if not match:
            raise self._wrong("a value is missing", index, path)
        return self.number(_json_number, match[0], place, path), match.end()


def _json_number(text: str) -> int | float:
    return whole_number(text, 10) if text.lstrip("-").isdigit() else fraction(text)
