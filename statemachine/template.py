"""Values that may hold templates: texts with `{{ … }}`, and lists and objects of such.

Most texts never reach Liquid: plain ones are constants, a text that is exactly one `{{path}}` keeps the type of what
it names, and a text whose pieces are all plain paths is joined from its segments. Filters and tags go to python-liquid
(`liquid_text.py`), which takes a sixth of a second to load and is when the first of them is compiled. Rendered text is
never rendered again.

A path that leads nowhere follows the workflow's `on_missing`: `keep` leaves it as written, `empty` makes it "", `fail`
fails the step. A null is "" inside text and stays null as a whole value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from statemachine.errors import StepFailed
from statemachine.meter import spend
from statemachine.path import PATH_PATTERN, Path, format_path, parse_path
from statemachine.reads import Reads, reads_of
from statemachine.scope import MISSING, Scope
from statemachine.template_error import TemplateError
from statemachine.values import text

MAX_TEMPLATE_LENGTH: Final = 200_000
MAX_STATEMENT_LENGTH: Final = 2_000
_MAX_DEPTH: Final = 32
_WORK_PER_STATEMENT: Final = 60
_LITERALS: Final = frozenset({"true", "false", "nil", "null", "empty", "blank"})
_SOLE: Final = re.compile(rf"\{{\{{\s*({PATH_PATTERN})\s*\}}\}}")
_PIECE: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
"""An output statement, and what is in it."""
_OPENING: Final = re.compile(r"\{[{%]")
_LONG_SPACE: Final = re.compile(r"\s{100}")
_VERBATIM: Final = re.compile(r"\{%-?\s*(raw|comment|doc)\b")

Render = Callable[[Scope], Any]


@dataclass(frozen=True, slots=True)
class Value:
    """A value that may hold templates. `paths` are all names it may read, known without running it.

    `path` is set when the value is exactly one `{{path}}`: its result then has any type. `guarded` are paths that are
    asked for with care: they have a `default`, or an `if` looks at them first.
    """

    raw: Any
    constant: bool = True
    paths: frozenset[Path] = frozenset()
    path: Path | None = None
    render: Render | None = field(default=None, repr=False, compare=False)
    guarded: frozenset[Path] = frozenset()

    def resolve(self, scope: Scope) -> Any:
        """The value now. Raises StepFailed: `missing_value` under `on_missing: fail`, `template_failed` from Liquid."""
        return self.raw if self.render is None else self.render(scope)

    @property
    def reads(self) -> Reads:
        """What has to be loaded for it."""
        return reads_of(self.paths)


def compile_value(raw: Any) -> Value:
    """Compile a text, or the texts within a list or an object. Raises TemplateError."""
    return _compile(raw, 1)


def _compile(raw: Any, depth: int) -> Value:
    if isinstance(raw, str):
        return _compile_text(raw)
    if depth > _MAX_DEPTH:
        raise TemplateError(f"values may be nested {_MAX_DEPTH} levels deep at most")
    if isinstance(raw, Mapping):
        return _compile_object(raw, {key: _compile(item, depth + 1) for key, item in raw.items()})
    if isinstance(raw, (list, tuple)):
        return _compile_list(raw, [_compile(item, depth + 1) for item in raw])
    return Value(raw)


def _compile_object(raw: Mapping[Any, Any], parts: dict[Any, Value]) -> Value:
    if all(part.constant for part in parts.values()):
        return Value(raw)

    def render(scope: Scope) -> dict[Any, Any]:
        return {key: part.resolve(scope) for key, part in parts.items()}

    return Value(raw, False, _all_paths(parts.values()), None, render)


def _compile_list(raw: Any, parts: list[Value]) -> Value:
    if all(part.constant for part in parts):
        return Value(raw)

    def render(scope: Scope) -> list[Any]:
        return [part.resolve(scope) for part in parts]

    return Value(raw, False, _all_paths(parts), None, render)


def _all_paths(parts: Iterable[Value]) -> frozenset[Path]:
    return frozenset(path for part in parts for path in part.paths)


def _compile_text(raw: str) -> Value:
    if "{{" not in raw and "{%" not in raw:
        return Value(raw)
    if len(raw) > MAX_TEMPLATE_LENGTH:
        raise TemplateError(f"the template is {len(raw)} characters long; at most {MAX_TEMPLATE_LENGTH} are allowed")
    work = _check_statements(raw)
    sole = _SOLE.fullmatch(raw)
    path = _simple_path(sole[1]) if sole else None
    if path is not None:
        return Value(raw, False, frozenset({path}), path, _sole(raw, path))
    segments = None if "{%" in raw else _segments(raw)
    if segments is None:
        from statemachine.liquid_text import compile_liquid

        spend(work)
        made = compile_liquid(raw)
        return Value(raw, made.constant, made.paths, None, made.render, made.guarded)
    paths = frozenset(path for path, _ in segments if path is not None)
    return Value(raw, False, paths, None, _join(segments))


def _simple_path(inside: str) -> Path | None:
    path = parse_path(inside)
    return None if path is None or path[0] in _LITERALS else path


Segment = tuple[Path | None, str]
"""A path and how it is written, or None and the text around."""


def _segments(raw: str) -> list[Segment] | None:
    """The text cut at its pieces, or None when one of them is more than a path."""
    segments: list[Segment] = []
    end = 0
    for piece in _PIECE.finditer(raw):
        path = _simple_path(piece[1])
        if path is None:
            return None
        segments += [(None, raw[end : piece.start()]), (path, piece[0])]
        end = piece.end()
    return [segment for segment in [*segments, (None, raw[end:])] if segment != (None, "")]


def _check_statements(raw: str) -> int:
    """Every `{{` and `{%` has its end, near enough: what follows may then scan in linear time. Answers its work."""
    end, work = 0, 0
    while found := _OPENING.search(raw, end):
        start, opening = found.start(), found[0]
        closing = "}}" if opening == "{{" else "%}"
        end = raw.find(closing, start + 2) + 2
        if end < 2:
            raise TemplateError(f"{opening!r} has no {closing!r}", start + 1)
        if end - start > MAX_STATEMENT_LENGTH or _LONG_SPACE.search(raw, start, end):
            raise TemplateError(f"what is between {opening!r} and {closing!r} is too long", start + 1)
        work += _WORK_PER_STATEMENT + end - start
        verbatim = _VERBATIM.match(raw, start, end)
        if verbatim:
            end = max(end, raw.rfind("{%", end))
    return work


def _sole(raw: str, path: Path) -> Render:
    def render(scope: Scope) -> Any:
        found = scope.lookup(path)
        return _missing(scope, raw, path) if found is MISSING else found

    return render


def _join(segments: list[Segment]) -> Render:
    def render(scope: Scope) -> str:
        parts = []
        for path, written in segments:
            if path is None:
                parts.append(written)
                continue
            found = scope.lookup(path)
            parts.append(_missing(scope, written, path) if found is MISSING else text(found))
        return "".join(parts)

    return render


def _missing(scope: Scope, written: str, path: Path) -> str:
    if scope.on_missing == "fail":
        raise StepFailed("missing_value", f"{format_path(path)} has no value")
    return "" if scope.on_missing == "empty" else written
