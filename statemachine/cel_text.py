"""An author's expression, made into CEL text: `AND`, `===`, `.length`, `{{path}}` become what CEL reads.

Every path that can be read off the text (`contact.email`, `items[0].name`) becomes one variable, a *slot*, so that a
run hands CEL the values it needs and nothing else. `has(path)` becomes a slot too: present and not null.

`NOT` binds looser than a comparison, as in SQL: `NOT a == b` is `!(a == b)`. All number literals become doubles.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from statemachine.path import PATH_PATTERN, Path, parse_path
from statemachine.problem import Within, at_offset

Kind = Literal["value", "has", "instant"]
MAX_SLOTS: Final = 128
_MAX_WHOLE: Final = 2**53
_TOKEN: Final = re.compile(
    r"(?P<space>\s+|//[^\n]*)"
    r"|(?P<text>(?:[rR][bB]?|[bB][rR]?)?"
    r"(?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'))"
    rf"|(?P<template>\{{\{{\s*{PATH_PATTERN}\s*\}}\}})"
    r"|(?P<number>0[xX][0-9a-fA-F]+[uU]?|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[uU]?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<open>[\"'])"
    r"|(?P<sign>===|!==|&&|\|\||==|!=|<=|>=|[\s\S])"
)
_KEYWORDS: Final = frozenset({"true", "false", "null", "in"})
_WORDS: Final = {"AND": "&&", "OR": "||", "===": "==", "!==": "!="}
_MACROS: Final = frozenset({"all", "exists", "exists_one", "map", "filter"})
_NAMESPACES: Final = frozenset({"math"})
_ENDS_NOT: Final = frozenset({"AND", "OR", "&&", "||", "?", ":", ",", ")", "]", "}"})


class ExpressionError(ValueError):
    """An expression that cannot be compiled, or that errs. `column` counts from 1; None when unknown."""

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.column = column

    def within(self, text: str) -> Within | None:
        """Where in the expression the mistake is."""
        return at_offset(text, self.column - 1) if self.column else None


@dataclass(frozen=True, slots=True)
class CelText:
    """`slots` are the variables p0, p1, …: what to pass for each. `columns` maps places in `cel` to the author's.

    `macros`, `nesting` and `sums` say how it can grow: iterating macros, how deep they nest, and additions.
    """

    cel: str
    slots: tuple[tuple[Path, Kind], ...]
    columns: tuple[tuple[int, int], ...]
    macros: int = 0
    nesting: int = 0
    sums: int = 0
    tokens: int = 0

    def column(self, cel_column: int) -> int | None:
        """The author's column (from 1) for a column of the CEL text (from 1)."""
        at = bisect_right(self.columns, (cel_column - 1, 10**9)) - 1
        return self.columns[at][1] + 1 if at >= 0 else None


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


def rewrite(text: str) -> CelText:
    """The CEL text of an expression. Raises ExpressionError for what can never be CEL."""
    return _Rewriter(text).run()


def _tokens(text: str) -> list[_Token]:
    found = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "open":
            raise ExpressionError("a text has no end", match.start() + 1)
        if match.lastgroup != "space":
            found.append(_Token(match.lastgroup or "", match[0], match.start()))
    return found


class _Rewriter:
    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0
        self.out: list[str] = []
        self.length = 0
        self.columns: list[tuple[int, int]] = []
        self.slots: dict[tuple[Path, Kind], int] = {}
        self.bound: list[tuple[str, int]] = []
        self.nots: list[int] = []
        self.macros = self.nesting = 0

    def run(self) -> CelText:
        while self.at < len(self.tokens):
            self.step(self.tokens[self.at])
        self.close_nots()
        sums = sum(token.text == "+" for token in self.tokens)
        text, slots, columns = "".join(self.out), tuple(self.slots), tuple(self.columns)
        return CelText(text, slots, columns, self.macros, self.nesting, sums, len(self.tokens))

    def step(self, token: _Token) -> None:
        if token.text in _ENDS_NOT:
            self.close_nots()
        if token.kind == "name":
            self.name(token)
        elif token.kind == "number":
            self.emit(_double(token), token)
        elif token.kind == "template":
            self.slot(parse_path(token.text[2:-2]) or (), "value", token)
        else:
            self.sign(token)

    def sign(self, token: _Token) -> None:
        if token.text in ("(", "[", "{"):
            self.depth += 1
        elif token.text in (")", "]", "}"):
            self.bound = [bound for bound in self.bound if bound[1] < self.depth]
            self.depth -= 1
        self.emit(_WORDS.get(token.text, token.text), token)

    def name(self, token: _Token) -> None:
        previous, following = self.peek(-1), self.peek(1)
        if previous == ".":
            self.member(token, following)
        elif token.text in _WORDS:
            self.emit(_WORDS[token.text], token)
        elif token.text == "NOT":
            self.nots.append(self.depth)
            self.emit("!(", token)
        elif token.text in _KEYWORDS or self.is_bound(token.text):
            self.emit(token.text, token)
        elif token.text == "has" and following == "(":
            self.has(token)
        elif following == "(" or (token.text in _NAMESPACES and following == "." and self.peek(3) == "("):
            self.emit(token.text, token)
        else:
            path, end = self.path(self.at)
            self.slot(path, "instant" if path == ("now",) else "value", token, end)

    def member(self, token: _Token, following: str) -> None:
        if token.text == "length" and following != "(":
            self.emit("size()", token)
            return
        self.emit(token.text, token)
        variable = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else None
        if token.text in _MACROS and following == "(" and variable is not None and self.peek(2) == ",":
            self.bound.append((variable.text, self.depth + 1))
            self.macros += 1
            self.nesting = max(self.nesting, len(self.bound))

    def has(self, token: _Token) -> None:
        argument = self.tokens[self.at + 2] if self.at + 2 < len(self.tokens) else None
        if argument is not None and argument.kind == "name" and not self.is_bound(argument.text):
            path, end = self.path(self.at + 2)
            if end < len(self.tokens) and self.tokens[end].text == ")":
                self.slot(path, "has", token, end + 1)
                return
        self.emit("has", token)

    def path(self, start: int) -> tuple[Path, int]:
        """The longest path that begins with the name at `start`, and where it ends; a method call ends it too."""
        parts: list[str | int] = [self.tokens[start].text]
        at = start + 1
        while True:
            texts = [token.text for token in self.tokens[at : at + 3]]
            kinds = [token.kind for token in self.tokens[at : at + 3]]
            if texts[:1] == ["."] and kinds[1:2] == ["name"] and texts[2:3] != ["("]:
                parts.append(texts[1])
                at += 2
            elif texts[:1] == ["["] and texts[2:3] == ["]"] and _is_key(kinds[1], texts[1]):
                parts.append(int(texts[1]) if kinds[1] == "number" else texts[1][1:-1])
                at += 3
            else:
                return tuple(parts), at

    def slot(self, path: Path, kind: Kind, token: _Token, end: int | None = None) -> None:
        number = self.slots.setdefault((path, kind), len(self.slots))
        if number >= MAX_SLOTS:
            raise ExpressionError(f"an expression may read {MAX_SLOTS} different names at most", token.start + 1)
        self.emit(f"timestamp(p{number})" if kind == "instant" else f"p{number}", token)
        if end is not None:
            self.at = end

    def emit(self, text: str, token: _Token) -> None:
        spaced = text if self.peek(-1) == "." or text == "." else f" {text}"
        self.columns.append((self.length, token.start))
        self.out.append(spaced)
        self.length += len(spaced)
        self.at += 1

    def close_nots(self) -> None:
        while self.nots and self.nots[-1] >= self.depth:
            self.nots.pop()
            self.out.append(")")
            self.length += 1

    def is_bound(self, name: str) -> bool:
        return any(bound == name for bound, _ in self.bound)

    def peek(self, offset: int) -> str:
        at = self.at + offset
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""


def _is_key(kind: str, text: str) -> bool:
    if kind == "number":
        return text.isdigit() and len(text) < 10
    return kind == "text" and text[0] in "\"'" and "\\" not in text and not text.startswith(('"""', "'''"))


def _double(token: _Token) -> str:
    text = token.text.rstrip("uU")
    if text[:2] in ("0x", "0X"):
        text = str(int(text, 16)) if len(text) < 20 else text
    if text.isdigit():
        if len(text) > 16 or int(text) > _MAX_WHOLE:
            raise ExpressionError(f"{text[:40]} is too large to be exact; write it as text", token.start + 1)
        return f"{text}.0"
    return text


def slot_names(slots: tuple[tuple[Path, Kind], ...]) -> Mapping[str, tuple[Path, Kind]]:
    """The slots by their variable names."""
    return {f"p{number}": slot for number, slot in enumerate(slots)}
