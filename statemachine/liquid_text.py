"""Texts with filters and tags, the part of templates that python-liquid does: limits stand on everything that grows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
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
from statemachine.path import Path, format_path
from statemachine.scope import MISSING, Scope
from statemachine.template_error import TemplateError
from statemachine.values import text

MAX_RENDERED_LENGTH: Final = 1_000_000
_MAX_RANGE: Final = 10_000
_FILTER_BUDGET: Final = 50_000
_WORK_REFUSED: Final = 150
_WRITTEN: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LiquidText:
    """A compiled text. It is `constant` when nothing in it can change; `paths` and `guarded` are as in `Value`."""

    render: Callable[[Scope], str]
    constant: bool
    paths: frozenset[Path]
    guarded: frozenset[Path]


def compile_liquid(raw: str) -> LiquidText:
    """Raises TemplateError."""
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
    return LiquidText(render, constant, paths, _guarded(template) & paths)


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
    written = _WRITTEN.search(token.source, token.start_index)
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
