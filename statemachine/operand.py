"""An operand of a condition: a field, a path, a template or a constant, and how it is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from statemachine.path import MISSING, Path, format_path, parse_path
from statemachine.scope import ROOTS, Scope
from statemachine.template import Value, compile_value
from statemachine.values import number

FieldNames = Literal["contact", "trigger", "operand"]
"""Where bare fields look: `contact` and `trigger` in contact, then event data; `operand` where templates look."""

_MAX_LABEL: Final = 120


@dataclass(frozen=True, slots=True)
class Operand:
    """`read` answers MISSING for what is not there; it raises only StepFailed. `label` is for people."""

    label: str
    read: Callable[[Scope], Any] = field(repr=False, compare=False)
    paths: frozenset[Path] = frozenset()
    constant: bool = False
    guarded: frozenset[Path] = frozenset()


def constant_operand(value: Any) -> Operand:
    return Operand(_shown(value), lambda _: value, constant=True)


def path_operand(path: Path, *, bare: bool = False) -> Operand:
    """`bare` reads the path as a field of a condition: contact, then event data."""
    if bare:
        return Operand(format_path(("contact", *path)), lambda scope: scope.field(path), frozenset({path}))
    return Operand(format_path(path), lambda scope: scope.value(path), frozenset({path}))


def field_operand(text: str, names: FieldNames) -> Operand:
    """What `field` names. A name with spaces is one custom field. Raises TemplateError."""
    if "{{" in text:
        return value_operand(text)
    path = parse_path(text.removeprefix("$")) or (text,)
    rooted = path[0] in ROOTS and len(path) > 1
    return path_operand(path, bare=not rooted and names != "operand")


def value_operand(raw: Any) -> Operand:
    """What a `value` is: a constant, or whatever holds templates. Raises TemplateError."""
    value = compile_value(raw)
    if value.constant:
        return constant_operand(raw)
    if value.path is not None:
        return Operand(_shown(raw), _reader(value.path), value.paths)
    return Operand(_shown(raw), value.resolve, value.paths, guarded=value.guarded)


def side_operand(raw: Any) -> Operand:
    """What `left` or `right` is: a path ($ or a known root), else a number, else true or false, else text."""
    if not isinstance(raw, str) or "{{" in raw or "{%" in raw:
        return value_operand(raw)
    text = raw.strip()
    path = parse_path(text.removeprefix("$"))
    if path is not None and (text.startswith("$") or (path[0] in ROOTS and (len(path) > 1 or path == ("now",)))):
        return path_operand(path)
    known = number(text)
    if known is not None:
        return constant_operand(known)
    return constant_operand({"true": True, "false": False}.get(text, raw))


def resolved(value: Value, scope: Scope) -> Any:
    """A value that may be one path: MISSING instead of the path as written when it leads nowhere."""
    return scope.value(value.path) if value.path is not None else value.resolve(scope)


def _reader(path: Path) -> Callable[[Scope], Any]:
    return lambda scope: scope.value(path)


def _shown(value: Any) -> str:
    shown = "missing" if value is MISSING else json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= _MAX_LABEL else f"{shown[: _MAX_LABEL - 1]}…"
