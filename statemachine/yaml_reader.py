"""YAML 1.2 with core scalars, built from parser events under limits.

`no`, `on` and `12:30` stay text, as in the core schema. One difference: a number with leading zeros (`017`) stays text
too, because it is a code or a phone number, never a quantity. Keys are always text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from statemachine.problem import Path, Place
from statemachine.reader import Reader, Source, SourceError, fraction, whole_number

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


@dataclass(slots=True)
class _Open:
    """A list or object that is being filled; `key` is the entry under way."""

    container: dict[str, Any] | list[Any]
    path: Path
    key: str | None = None


class YamlReader(Reader):
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
        return self.source(root[0], "yaml")

    def _events(self) -> Iterator[Any]:
        documents = 0
        for event in yaml.parse(self.text, Loader=_Loader):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise SourceError("bad_syntax", "one text holds one document", _place(event))
            yield event

    def _take(self, event: Any, stack: list[_Open], root: list[Any]) -> None:
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
        elif isinstance(event, yaml.AliasEvent):
            self._take_alias(event, stack, root)
        elif isinstance(event, yaml.NodeEvent):
            self._take_node(event, stack, root)

    def _take_node(self, event: Any, stack: list[_Open], root: list[Any]) -> None:
        place = _place(event)
        top = stack[-1] if stack else None
        if isinstance(top, _Open) and isinstance(top.container, dict) and top.key is None:
            self._take_key(event, top, place)
            return
        path = _next_path(top)
        self._refuse_extras(event, place, path)
        self.count(place)
        value = self._value(event, place, path)
        if isinstance(value, dict | list):
            self.enter(place, path)
            stack.append(_Open(value, path))
            self.values[path] = self.keys.get(path, place)
        else:
            self.values[path] = place
        _put(top, value, root)

    def _take_alias(self, event: Any, stack: list[_Open], root: list[Any]) -> None:
        """Nothing stands in its place, and nothing more is said about that."""
        top = stack[-1] if stack else None
        if isinstance(top, _Open) and isinstance(top.container, dict) and top.key is None:
            raise SourceError("bad_key", "a key has to be text", _place(event), top.path)
        path, place = _next_path(top), _place(event)
        self.count(place)
        self.values[path] = place
        self.refuse("alias_refused", "write the value out: aliases are not read", place, path)
        _put(top, None, root)

    def _refuse_extras(self, event: Any, place: Place, path: Path) -> None:
        if event.anchor is not None:
            self.note(SourceError("alias_refused", "anchors are not read", place, path))
        if event.tag is not None:
            message = f"the tag {event.tag!r} is not read: quote the value to make it text"
            self.refuse("tag_refused", message, place, path)

    def _take_key(self, event: Any, top: _Open, place: Place) -> None:
        self._refuse_extras(event, place, top.path)
        if not isinstance(event, yaml.ScalarEvent):
            raise SourceError("bad_key", "a key has to be text", place, top.path)
        if event.value == "<<" and event.implicit[0]:
            self.refuse("merge_key_refused", "write the keys out: merge keys are not read", place, (*top.path, "<<"))
        key = self.allowed(event.value, place, top.path)
        path = (*top.path, key)
        self.count(place)
        if key in top.container:
            self.note(SourceError("duplicate_key", f"the key {key!r} stands twice", place, path))
        top.key = key
        self.keys[path] = place

    def _value(self, event: Any, place: Place, path: Path) -> Any:
        if isinstance(event, yaml.MappingStartEvent):
            return {}
        if isinstance(event, yaml.SequenceStartEvent):
            return []
        text = self.allowed(event.value, place, path)
        return self.number(_plain_scalar, text, place, path) if event.implicit[0] else text


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


def _plain_scalar(text: str) -> Any:
    """An unquoted YAML scalar as the 1.2 core schema sees it. Raises ValueError for numbers that cannot be kept."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _WHOLE.match(text):
        return whole_number(text, 10)
    if _RADIX.match(text):
        return whole_number(text[2:], 8 if text[1] == "o" else 16)
    if _NOT_FINITE.match(text):
        raise ValueError(f"{text} is no number that can be compared or stored")
    return fraction(text) if _FRACTION.match(text) else text
