"""`k=v` is text, `k:=json` is typed, `{…}` is a whole object; dots in a key lead into objects (`address.city=Rome`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct

_EXAMPLE = "write k=text, or k:=json such as total:=49.9, paid:=true, items:='[1, 2]', or a whole '{…}'"


class Assignment(click.ParamType):  # type: ignore[type-arg]
    """One `k=v`, `k:=json` or `{…}`, read as (path, value); the path of a whole object is empty."""

    name = "k=v"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[str, ...], Any]:
        if isinstance(value, tuple):
            return value
        if str(value).startswith("{"):
            return (), self._read(str(value), str(value), param, ctx)
        key, equals, text = str(value).partition("=")
        typed = key.endswith(":")
        path = tuple(key.removesuffix(":").split("."))
        if not equals or not all(path):
            self.fail(f"{value!r} is no assignment: {_EXAMPLE}", param, ctx)
        return path, self._read(text, str(value), param, ctx) if typed else self._text(key, text, param, ctx)

    def _text(self, key: str, text: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return text

    def _read(self, text: str, whole: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return json.loads(text, parse_constant=_no_constant)
        except ValueError as error:
            self.fail(f"the JSON in {whole!r} cannot be read ({error}): {_EXAMPLE}", param, ctx)


class ResultAssignment(Assignment):
    """An assignment of an answer: an object or a list is never meant as text."""

    def _text(self, key: str, text: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if text.lstrip().startswith(("{", "[")):
            self.fail(f"{key}={text} would be text: write {key}:={text} for what the JSON says", param, ctx)
        return text


def struct_of(assignments: Sequence[tuple[tuple[str, ...], Any]]) -> Struct | None:
    """The object that the assignments make, later ones last; None without any.

    Raises click.BadParameter when one needs an object where another has put something else.
    """
    if not assignments:
        return None
    from google.protobuf.struct_pb2 import Struct

    made: dict[str, Any] = {}
    for path, value in assignments:
        _assign(made, path, value)
    struct = Struct()
    struct.update(made)
    return struct


def named_struct_of(assignments: Sequence[tuple[tuple[str, ...], Any]]) -> Struct:
    """The object with a key per assignment, dots and all: a patch of places rather than of whole objects."""
    from google.protobuf.struct_pb2 import Struct

    struct = Struct()
    for path, value in assignments:
        struct.update({".".join(path): value} if path else value)
    return struct


def _assign(made: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    if not path:
        made.update(value)
        return
    place = made
    for key in path[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise click.BadParameter(f"{'.'.join(path)!r} leads through {key!r}, which is no object")
    place[path[-1]] = value


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")
