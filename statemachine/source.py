"""Text → plain data, with the place of every node. YAML 1.2 (core scalars) or strict JSON.

The text comes from strangers, so everything that can blow up is refused before it is built: size, depth, number of
nodes, aliases (they grow exponentially), tags, merge keys, duplicate keys. YAML is read from parser *events*: composing
a deep document first would crash libyaml's caller before any limit could be checked.

Scalars follow the YAML 1.2 core schema, so `no`, `on` and `12:30` stay text. One difference: a number with leading
zeros (`017`) stays text too, because it is a code or a phone number, never a quantity. Keys are always text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]
from typing import Any, Final, Literal

import yaml

from statemachine.problem import Path, Place, Positions, Problem, format_path

Format = Literal["yaml", "json"]

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
MAX_NODES: Final = 20_000
MAX_WHOLE: Final = 2**53

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONSTANTS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_RADIX: Final = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FRACTION: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)|(?:0|[1-9][0-9]*)\.[0-9]*)\Z"
    r"|[-+]?\.[0-9]+[eE][-+]?[0-9]+\Z"
)
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_JSON_SPACE: Final = re.compile(r"[ \t\n\r]*")
_JSON_START: Final = re.compile(r"\s*(?:\[|\{\s*[\"}])")
_FORBIDDEN: Final = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Source:
    """`data` is dicts, lists and scalars; None when the text cannot be read at all. `problems` says what is wrong."""

    data: Any
    format: Format
    positions: Positions = field(default_factory=Positions)
    problems: tuple[Problem, ...] = ()


class SourceError(Exception):
    """Something that is not read. A repeated key or a bad number is noted; anything else ends the reading."""

    def __init__(self, code: str, message: str, place: Place | None = None, path: Path = ()) -> None:
        super().__init__(message)
        self.code = code
        self.place = place
        self.path = path

    def problem(self) -> Problem:
        line, column = self.place or (None, None)
        return Problem(self.code, "error", str(self), format_path(self.path), line, column)


def read_source(text: str | bytes, format: Format | None = None) -> Source:  # noqa: A002
    """Read a definition. Never raises: what cannot be read comes back as a problem."""
    known: Format = format or "yaml"
    try:
        decoded = _decode(text)
        known = format or detect_format(decoded)
        return (_JsonReader if known == "json" else _YamlReader)(decoded).read()
    except SourceError as error:
        return Source(None, known, problems=(error.problem(),))


def detect_format(text: str) -> Format:
    """JSON when the text opens as JSON does (`[`, `{"` or `{}`), else YAML."""
    return "json" if _JSON_START.match(text[:10_000]) else "yaml"


def _decode(text: str | bytes) -> str:
    if len(text) > MAX_BYTES:
        raise SourceError("too_large", f"the text has {len(text):,} bytes; at most {MAX_BYTES:,} are read")
    if isinstance(text, bytes):
        text = _from_utf8(text)
    bad = _FORBIDDEN.search(text)
    if bad:
        place = (text.count("\n", 0, bad.start()) + 1, bad.start() - text.rfind("\n", 0, bad.start()))
        raise SourceError("not_text", f"the character U+{ord(bad[0]):04X} may not stand in a text", place)
    if not text.isascii() and len(text.encode()) > MAX_BYTES:
        raise SourceError("too_large", f"the text is longer than {MAX_BYTES:,} bytes")
    return text.removeprefix("\ufeff")


def _from_utf8(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise SourceError("not_text", f"byte {error.start} is not UTF-8", (line, 1)) from None


class _Reader:
    """What both formats share: limits, numbers, and the record of places."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._nodes = 0
        self._values: dict[Path, Place] = {}
        self._keys: dict[Path, Place] = {}
        self._problems: list[Problem] = []

    def _count(self, place: Place, path: Path) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise SourceError("too_many_nodes", f"the document has more than {MAX_NODES:,} keys and values", place)
        if len(path) > MAX_DEPTH:
            raise SourceError("too_deep", f"lists and objects may be nested {MAX_DEPTH} deep", place)

    def _note(self, error: SourceError) -> None:
        self._problems.append(error.problem())

    def _number(self, read: Callable[[str], int | float], text: str, place: Place, path: Path) -> int | float | str:
        """A number, or its text and a note when it is none that can be kept exactly."""
        try:
            return read(text)
        except ValueError as error:
            self._note(SourceError("bad_number", str(error), place, path))
            return text

    def _allowed(self, text: str, place: Place, path: Path) -> str:
        """Escapes can bring in characters that may not stand in the text itself."""
        bad = _FORBIDDEN.search(text)
        if bad:
            raise SourceError("not_text", f"the character U+{ord(bad[0]):04X} may not stand in a text", place, path)
        return text

    def _source(self, data: Any, known: Format) -> Source:
        return Source(data, known, Positions(self._values, self._keys), tuple(self._problems))


@dataclass(slots=True)
class _Open:
    """A list or object that is being filled; `key` is the entry under way."""

    container: dict[str, Any] | list[Any]
    path: Path
    key: str | None = None


class _YamlReader(_Reader):
    """Builds the data from parser events with an explicit stack: no recursion, so no depth can hurt it."""

    def read(self) -> Source:
        stack: list[_Open] = []
        root: list[Any] = []
        try:
            for event in self._events():
                self._take(event, stack, root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = (mark.line + 1, mark.column + 1) if mark else None
            message = " ".join(part for part in (error.context, error.problem) if part)
            raise SourceError("bad_syntax", f"this is not YAML: {message}", place) from None
        except yaml.YAMLError as error:
            raise SourceError("bad_syntax", f"this is not YAML: {' '.join(str(error).split())}") from None
        if not root:
            raise SourceError("empty", "there is no document in the text", (1, 1))
        return self._source(root[0], "yaml")

    def _events(self) -> Iterator[Any]:
        documents = 0
        for event in yaml.parse(self._text, Loader=_Loader):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise SourceError("bad_syntax", "one text holds one document", _place(event))
            yield event

    def _take(self, event: Any, stack: list[_Open], root: list[Any]) -> None:
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise SourceError("alias_refused", "write the value out: aliases are not read", _place(event))
        elif isinstance(event, yaml.NodeEvent):
            self._take_node(event, stack, root)

    def _take_node(self, event: Any, stack: list[_Open], root: list[Any]) -> None:
        place = _place(event)
        top = stack[-1] if stack else None
        if isinstance(top, _Open) and isinstance(top.container, dict) and top.key is None:
            self._take_key(event, top, place)
            return
        path = _next_path(top)
        _refuse_extras(event, place, path)
        self._count(place, (*path, 0) if isinstance(event, yaml.CollectionStartEvent) else path[:MAX_DEPTH])
        value = self._value(event, place, path)
        if isinstance(value, dict | list):
            stack.append(_Open(value, path))
            self._values[path] = self._keys.get(path, place)
        else:
            self._values[path] = place
        _put(top, value, root)

    def _take_key(self, event: Any, top: _Open, place: Place) -> None:
        _refuse_extras(event, place, top.path)
        if not isinstance(event, yaml.ScalarEvent):
            raise SourceError("bad_key", "a key has to be text", place, top.path)
        if event.value == "<<" and event.implicit[0]:
            raise SourceError("merge_key_refused", "write the keys out: merge keys are not read", place, top.path)
        key = self._allowed(event.value, place, top.path)
        path = (*top.path, key)
        self._count(place, top.path)
        if key in top.container:
            self._note(SourceError("duplicate_key", f"the key {key!r} stands twice", place, path))
        top.key = key
        self._keys[path] = place

    def _value(self, event: Any, place: Place, path: Path) -> Any:
        if isinstance(event, yaml.MappingStartEvent):
            return {}
        if isinstance(event, yaml.SequenceStartEvent):
            return []
        text = self._allowed(event.value, place, path)
        return self._number(_plain_scalar, text, place, path) if event.implicit[0] else text


def _place(event: Any) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _next_path(top: _Open | None) -> Path:
    if top is None:
        return ()
    if isinstance(top.container, list):
        return (*top.path, len(top.container))
    return (*top.path, top.key or "")


def _put(top: _Open | None, value: Any, root: list[Any]) -> None:
    if top is None:
        root.append(value)
    elif isinstance(top.container, list):
        top.container.append(value)
    else:
        top.container[top.key or ""] = value
        top.key = None


def _refuse_extras(event: Any, place: Place, path: Path) -> None:
    if event.anchor is not None:
        raise SourceError("alias_refused", "anchors are not read", place, path)
    if event.tag is not None:
        message = f"the tag {event.tag!r} is not read: quote the value to make it text"
        raise SourceError("tag_refused", message, place, path)


def _plain_scalar(text: str) -> Any:
    """An unquoted YAML scalar as the 1.2 core schema sees it. Raises ValueError for numbers that cannot be kept."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _WHOLE.match(text):
        return _whole(text, 10)
    if _RADIX.match(text):
        return _whole(text[2:], 8 if text[1] == "o" else 16)
    if _NOT_FINITE.match(text):
        raise ValueError(f"{text} is no number that can be compared or stored")
    return _fraction(text) if _FRACTION.match(text) else text


def _whole(digits: str, base: int) -> int:
    value = int(digits, base) if len(digits) <= 64 else MAX_WHOLE + 1
    if abs(value) > MAX_WHOLE:
        shown = digits if len(digits) <= 40 else f"{digits[:20]}…"
        raise ValueError(f"the whole number {shown} is above 2^53: write it as text, in quotes")
    return value


def _fraction(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is too large")
    return value


def _json_number(text: str) -> int | float:
    return _whole(text, 10) if text.lstrip("-").isdigit() else _fraction(text)


class _JsonReader(_Reader):
    """Strict JSON (RFC 8259). Recursive, and safe to be: depth is checked before each descent."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def read(self) -> Source:
        start = self._skip(0)
        if start == len(self._text):
            raise SourceError("empty", "there is no document in the text", (1, 1))
        data, end = self._read(start, ())
        end = self._skip(end)
        if end != len(self._text):
            raise self._wrong("nothing more may follow the document", end)
        return self._source(data, "json")

    def _place(self, index: int) -> Place:
        line = bisect_right(self._lines, index)
        return line, index - self._lines[line - 1] + 1

    def _wrong(self, message: str, index: int, path: Path = ()) -> SourceError:
        return SourceError("bad_syntax", f"this is not JSON: {message}", self._place(index), path)

    def _skip(self, index: int) -> int:
        match = _JSON_SPACE.match(self._text, index)
        return match.end() if match else index

    def _read(self, index: int, path: Path) -> tuple[Any, int]:
        place = self._place(index)
        first = self._text[index : index + 1]
        self._count(place, (*path, 0) if first in ("{", "[") and first else path[:MAX_DEPTH])
        self._values[path] = self._keys.get(path, place) if first in ("{", "[") else place
        if first == "{":
            return self._read_object(index, path)
        if first == "[":
            return self._read_list(index, path)
        if first == '"':
            return self._read_text(index, path)
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self._text.startswith(word, index):
                return value, index + len(word)
        return self._read_number(index, place, path)

    def _read_object(self, index: int, path: Path) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        index = self._skip(index + 1)
        if self._text[index : index + 1] == "}":
            return found, index + 1
        while True:
            key, index = self._read_key(index, path, found)
            found[key], index = self._read(self._skip(index), (*path, key))
            index = self._skip(index)
            mark = self._text[index : index + 1]
            if mark == "}":
                return found, index + 1
            if mark != ",":
                raise self._wrong("a comma or } is missing", index, path)
            index = self._skip(index + 1)

    def _read_key(self, index: int, path: Path, found: Mapping[str, Any]) -> tuple[str, int]:
        place = self._place(index)
        if self._text[index : index + 1] != '"':
            raise self._wrong("a key in double quotes has to stand here", index, path)
        self._count(place, path)
        key, end = self._read_text(index, path)
        if key in found:
            self._note(SourceError("duplicate_key", f"the key {key!r} stands twice", place, (*path, key)))
        self._keys[(*path, key)] = place
        end = self._skip(end)
        if self._text[end : end + 1] != ":":
            raise self._wrong("a colon is missing after the key", end, path)
        return key, end + 1

    def _read_list(self, index: int, path: Path) -> tuple[list[Any], int]:
        found: list[Any] = []
        index = self._skip(index + 1)
        if self._text[index : index + 1] == "]":
            return found, index + 1
        while True:
            value, index = self._read(index, (*path, len(found)))
            found.append(value)
            index = self._skip(index)
            mark = self._text[index : index + 1]
            if mark == "]":
                return found, index + 1
            if mark != ",":
                raise self._wrong("a comma or ] is missing", index, path)
            index = self._skip(index + 1)

    def _read_text(self, index: int, path: Path) -> tuple[str, int]:
        try:
            value, end = scanstring(self._text, index + 1, True)
        except JSONDecodeError as error:
            raise self._wrong(error.msg[:1].lower() + error.msg[1:], error.pos, path) from None
        return self._allowed(value, self._place(index), path), end

    def _read_number(self, index: int, place: Place, path: Path) -> tuple[Any, int]:
        match = _JSON_NUMBER.match(self._text, index)
        if not match:
            raise self._wrong("a value is missing", index, path)
        return self._number(_json_number, match[0], place, path), match.end()
