"""Payloads: `google.protobuf.Struct` to plain data and back. The one place that knows that JSON numbers are doubles.

Whole doubles come in as ints, up to 2^53, which is as far as a double counts; whatever is larger stays a float. NUL,
NaN, infinities and nesting deeper than 32 are refused on every store alike (promise P13). Reading is on the hot path of
every event: it is one tight recursion, and only a payload that is refused is walked again to say where.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from math import isfinite
from typing import Any, Final

from google.protobuf.struct_pb2 import ListValue, NullValue, Struct, Value

from service.rpc.fields import check_size
from statemachine.errors import InvalidInput, LimitExceeded
from statemachine.limits import MAX_DEPTH

_MAX_WHOLE: Final = 2.0**53


class _Refused(Exception):  # noqa: N818 - a signal inside this module, never seen outside
    """Something in the payload may not be there; `faults` finds it again, with its place."""


def read_struct(struct: Struct, place: str) -> dict[str, Any]:
    """The object as plain data. Raises InvalidInput naming every fault below `place`."""
    try:
        return _object(struct, 1)
    except _Refused:
        raise _refusal(list(_faults_of_object(struct, place, 1))) from None


def read_value(value: Value, place: str) -> Any:
    """Any value as plain data. Raises InvalidInput naming every fault at or below `place`."""
    try:
        return _other(value, 1)
    except _Refused:
        raise _refusal(list(_faults(value, place, 1))) from None


def read_payload(place: str, struct: Struct, most: int, limit: str) -> dict[str, Any]:
    """The object as plain data. Raises LimitExceeded for more bytes than that, InvalidInput as `read_struct` does."""
    check_size(place, struct, most, limit)
    return read_struct(struct, place)


def write_struct(data: Mapping[str, Any], struct: Struct) -> None:
    """Fill an empty Struct; instants become ISO 8601 text."""
    fields = struct.fields
    for key, value in data.items():
        _write(fields[str(key)], value)


def write_value(value: Any, target: Value) -> None:
    """Fill an unset Value."""
    _write(target, value)


def write_any(value: Any, struct: Struct) -> None:
    """An object as it is; whatever is no object goes under `value`."""
    write_struct(value if isinstance(value, Mapping) else {"value": value}, struct)


def _object(struct: Struct, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise _Refused
    fields = struct.fields
    data: dict[str, Any] = {}
    for key in fields:  # twice as fast as its items()
        if "\0" in key:
            raise _Refused
        value = fields[key]
        text = value.string_value
        if text:  # reading a member costs half of asking which one is set, and most are texts
            if "\0" in text:
                raise _Refused
            data[key] = text
        else:
            data[key] = _other(value, depth)
    return data


def _list(values: ListValue, depth: int) -> list[Any]:
    if depth > MAX_DEPTH:
        raise _Refused
    return [_other(value, depth) for value in values.values]


def _other(value: Value, depth: int) -> Any:
    number = value.number_value
    if number:
        return _number(number)
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _object(value.struct_value, depth + 1)
    if kind == "list_value":
        return _list(value.list_value, depth + 1)
    if kind == "string_value":
        return _text(value.string_value)
    if kind == "number_value":
        return 0
    return value.bool_value if kind == "bool_value" else None


def _number(number: float) -> int | float:
    if number.is_integer():
        return int(number) if -_MAX_WHOLE <= number <= _MAX_WHOLE else number
    if not isfinite(number):
        raise _Refused
    return number


def _text(text: str) -> str:
    if "\0" in text:
        raise _Refused
    return text


def _faults_of_object(struct: Struct, place: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        yield place, f"nested deeper than {MAX_DEPTH}"
        return
    for key, value in struct.fields.items():
        if "\0" in key:
            yield place, "a name holds a NUL character"
        yield from _faults(value, f"{place}.{key}".replace("\0", "\\0"), depth)


def _faults(value: Value, place: str, depth: int) -> Iterator[tuple[str, str]]:
    kind = value.WhichOneof("kind")
    if kind == "string_value" and "\0" in value.string_value:
        yield place, "the text holds a NUL character"
    elif kind == "number_value" and not isfinite(value.number_value):
        yield place, "NaN and infinities are no JSON numbers"
    elif kind == "struct_value":
        yield from _faults_of_object(value.struct_value, place, depth + 1)
    elif kind == "list_value":
        if depth + 1 > MAX_DEPTH:
            yield place, f"nested deeper than {MAX_DEPTH}"
            return
        for index, item in enumerate(value.list_value.values):
            yield from _faults(item, f"{place}[{index}]", depth + 1)


def _refusal(faults: Sequence[tuple[str, str]]) -> InvalidInput:
    place, what = faults[0]
    message = f"{place}: {what}"
    if all(fault[1].startswith("nested") for fault in faults):
        return LimitExceeded(message, faults, limit="depth", maximum=str(MAX_DEPTH))
    return InvalidInput(message, faults)


def _write(target: Value, value: Any) -> None:
    if isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        _write_number(target, value)
    elif value is None:
        target.null_value = NullValue.NULL_VALUE
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        write_struct(value, target.struct_value)
    elif isinstance(value, date):
        target.string_value = value.isoformat()
    else:
        _write_list(target, value)


def _write_number(target: Value, value: float) -> None:
    """A whole number that a double cannot hold is written as text rather than wrongly."""
    if isinstance(value, int) and abs(value) > _MAX_WHOLE:
        target.string_value = str(value)
    else:
        target.number_value = value


def _write_list(target: Value, values: Iterable[Any]) -> None:
    target.list_value.SetInParent()
    items = target.list_value.values
    for value in values:
        _write(items.add(), value)
