"""Values that may hold templates: texts with `{{ … }}`, and lists and objects of such.

Most texts never reach Liquid: plain ones are constants, a text that is exactly one `{{path}}` keeps the type of what
it names, and a text whose pieces are all plain paths is joined from its segments. Filters and tags go to python-liquid,
with limits on everything that could grow. Rendered text is never rendered again.

A path that leads nowhere follows the workflow's `on_missing`: `keep` leaves it as written, `empty` makes it "", `fail`
fails the step. A null is "" inside text and stays null as a whole value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final, TextIO
from zoneinfo import ZoneInfo

from liquid import BoundTemplate, Environment, Mode, RenderContext, Undefined
from liquid.ast import ConditionalBlockNode, Node
from liquid.builtin.expressions import FilteredExpression
from liquid.builtin.expressions import Path as LiquidPath
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.case_tag import CaseNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.exceptions import FilterArgumentError, LiquidError, ResourceLimitError
from liquid.expression import Expression
from liquid.token import Token
from liquid.undefined import UNDEFINED
from liquid.utils import ReadOnlyChainMap

from statemachine.errors import StepFailed
from statemachine.meter import spend
from statemachine.path import PATH_PATTERN, Path, format_path, parse_path
from statemachine.problem import Within, at_offset
from statemachine.reads import reads_of
from statemachine.scope import MISSING, Scope
from statemachine.step import Reads
from statemachine.values import text

MAX_TEMPLATE_LENGTH: Final = 200_000
MAX_STATEMENT_LENGTH: Final = 2_000
MAX_RENDERED_LENGTH: Final = 1_000_000
_MAX_DEPTH: Final = 32
_MAX_RANGE: Final = 10_000
_FILTER_BUDGET: Final = 50_000
_WORK_PER_STATEMENT: Final = 60
_WORK_REFUSED: Final = 150
_LITERALS: Final = frozenset({"true", "false", "nil", "null", "empty", "blank"})
_SOLE: Final = re.compile(rf"\{{\{{\s*({PATH_PATTERN})\s*\}}\}}")
_PIECE: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_OPENING: Final = re.compile(r"\{[{%]")
_LONG_SPACE: Final = re.compile(r"\s{100}")
_VERBATIM: Final = re.compile(r"\{%-?\s*(raw|comment|doc)\b")

Render = Callable[[Scope], Any]


class TemplateError(ValueError):
    """A template that cannot be compiled. `column` counts from 1 within its text; None when unknown."""

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.column = column

    def within(self, raw: Any) -> Within | None:
        """Where in the template the mistake is."""
        return at_offset(raw, self.column - 1) if isinstance(raw, str) and self.column else None


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
        """The contact fields it may read."""
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
        spend(work)
        return _compile_liquid(raw)
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


def _compile_liquid(raw: str) -> Value:
    template = _parse_liquid(raw)
    analysis = template.analyze(include_partials=False)
    for name, uses in analysis.filters.items():
        if name not in _LIQUID.filters:
            spend(_WORK_REFUSED)
            near = get_close_matches(name, _LIQUID.filters, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TemplateError(f"unknown filter {name!r}{hint}", uses[0].index + 1)
    paths = frozenset(
        _static_path(variable.segments)
        for name, variables in analysis.globals.items()
        for variable in variables
        if name not in ("forloop", "tablerowloop")
    )

    def render(scope: Scope) -> str:
        return _render_liquid(template, scope)

    constant = not paths and not analysis.filters and not analysis.tags
    return Value(raw, constant, paths, None, render, _guarded(template) & paths)


def _guarded(template: BoundTemplate) -> frozenset[Path]:
    """The paths that some statement gives a default, or that decide whether something is shown."""
    context = _Context(template)
    found: set[Path] = set()
    waiting: list[Node] = list(template.nodes)
    while waiting:
        node = waiting.pop()
        waiting.extend(node.children(context, include_partials=False))
        for expression in node.expressions() if isinstance(node, (_Piece, *_DECIDING)) else ():
            if not isinstance(node, _Piece) or (
                isinstance(expression, FilteredExpression) and _has_default(expression)
            ):
                found.update(_paths_in(expression))
    return frozenset(found)


def _paths_in(expression: Expression) -> Iterator[Path]:
    if isinstance(expression, LiquidPath):
        yield _static_path(expression.path)
    for child in expression.children():
        yield from _paths_in(child)


def _parse_liquid(raw: str) -> BoundTemplate:
    try:
        return _LIQUID.from_string(raw)
    except LiquidError as error:
        where = error.context()
        raise TemplateError(str(error.message), _offset(raw, *where[:2]) + 1 if where else None) from error
    except (RecursionError, ValueError) as error:
        raise TemplateError(f"the template cannot be read: {error}") from error


def _offset(raw: str, line: int, column: int) -> int:
    """The offset of a column (from 0) in a line (from 1)."""
    return sum(len(each) for each in raw.splitlines(keepends=True)[: line - 1]) + column


def _static_path(segments: Iterable[Any]) -> Path:
    path: list[str | int] = []
    for segment in segments:
        if not isinstance(segment, (str, int)):
            break
        path.append(segment)
    return tuple(path)


def _render_liquid(template: BoundTemplate, scope: Scope) -> str:
    context = _Context(template)
    context.run = scope
    context.scope = ReadOnlyChainMap(context.locals, context.counters)
    buffer = context.get_buffer()
    try:
        template.render_with_context(context, buffer)
    except LiquidError as error:
        raise StepFailed("template_failed", f"the template failed: {error.message}") from error
    except (ArithmeticError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        # Filters of the library let these through on values they do not expect.
        raise StepFailed("template_failed", f"the template failed: {error}") from error
    return buffer.getvalue()


class _Undefined(Undefined):
    """What Liquid works with where a path leads nowhere; it remembers the path for the message."""

    __slots__ = ()


class _Context(RenderContext):
    """Liquid's view of a scope: the template's own names first, then the scope. Filters run on a budget."""

    __slots__ = ("run", "spent")
    run: Scope

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        parts = tuple(part if isinstance(part, (str, int)) else text(part) for part in path)
        if parts[0] in self.scope:
            return super().get(path, token=token, default=default)
        found = self.run.lookup(parts) if isinstance(parts[0], str) else MISSING
        if found is not MISSING:
            return found
        return _Undefined(format_path(parts), token=token) if default is UNDEFINED else default

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        apply = super().filter(name, token)

        def run(*args: Any, **kwargs: Any) -> object:
            self.spend(name, args)
            return self.spend(name, (apply(*args, **kwargs),))[0]

        return run

    def spend(self, name: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Charge the budget for values going into a filter or coming out of it."""
        sizes = [_size(value) for value in values]
        if name == "replace" and len(sizes) == 3 and values[1] is not UNDEFINED:
            sizes.append(text(values[0]).count(text(values[1])) * sizes[2] if text(values[1]) else sizes[0] * sizes[2])
        if name == "join" and len(sizes) == 2 and isinstance(values[0], (list, tuple, range)):
            sizes.append(len(values[0]) * sizes[1])
        self.spent = getattr(self, "spent", 0) + 1 + sum(sizes) // 100
        if max(sizes) > MAX_RENDERED_LENGTH or self.spent > _FILTER_BUDGET:
            raise ResourceLimitError(f"the filter {name!r} makes too much of it", token=None)
        return values


def _size(value: Any) -> int:
    if isinstance(value, range):
        return len(value) if len(value) <= _MAX_RANGE else MAX_RENDERED_LENGTH + 1
    if isinstance(value, (str, list, tuple, dict)):
        return len(value)
    if isinstance(value, int):
        return 0 if value.bit_length() <= 1024 else MAX_RENDERED_LENGTH + 1
    return 0


class _Piece(OutputNode):
    """An output statement that knows what to do when its path leads nowhere."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        assert isinstance(context, _Context)
        expression = self.expression
        if isinstance(expression, FilteredExpression) and not _has_default(expression):
            left = expression.left.evaluate(context)
            if isinstance(left, _Undefined):
                return buffer.write(_missing_piece(context.run, self.token, left.name))
        value = expression.evaluate(context)
        return buffer.write("" if isinstance(value, Undefined) else _shown(value))


def _has_default(expression: FilteredExpression) -> bool:
    return any(applied.name == "default" for applied in expression.filters or ())


def _missing_piece(scope: Scope, token: Token, name: str) -> str:
    if scope.on_missing == "fail":
        raise StepFailed("missing_value", f"{name} has no value")
    if scope.on_missing == "empty":
        return ""
    written = _PIECE.search(token.source, token.start_index)
    return written[0] if written else ""


def _shown(value: Any) -> str:
    if isinstance(value, range):
        value = list(value[: _MAX_RANGE + 1])
    return text(value)


class _Output(Output):
    node_class = _Piece


class _Liquid(Environment):
    block_nesting_limit = 20
    loop_iteration_limit = _MAX_RANGE
    local_namespace_limit = 200_000
    output_stream_limit = MAX_RENDERED_LENGTH


def _date(value: Any, pattern: Any = "", *, context: RenderContext) -> str:
    """Liquid's `date`, on the workflow's clock: `now` and instants are shown in the zone that local times mean."""
    assert isinstance(context, _Context)
    if isinstance(value, Undefined):
        return ""
    instant = _instant(value, context.run.now)
    if instant is None or not isinstance(pattern, str) or not pattern:
        return text(value)
    if len(pattern) > 1000:
        raise FilterArgumentError("a date pattern may be 1000 characters long at most", token=None)
    return (instant if instant.tzinfo is None else instant.astimezone(ZoneInfo(context.run.zone))).strftime(pattern)


def _instant(value: Any, now: datetime) -> datetime | None:
    if value in ("now", "today"):
        return now
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None


_date.with_context = True  # type: ignore[attr-defined]


def _make_environment() -> Environment:
    environment = _Liquid(tolerance=Mode.STRICT, strict_filters=True, undefined=_Undefined)
    environment.add_tag(_Output)
    environment.add_filter("date", _date)
    # A template is one text: nothing to include, and no lines of another template.
    for tag in ("include", "render"):
        del environment.tags[tag]
    return environment


_LIQUID: Final = _make_environment()
_DECIDING: Final = (IfNode, UnlessNode, CaseNode, ConditionalBlockNode)
