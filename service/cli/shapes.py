"""The JSON shapes of the command line: messages of the API as plain data with the API's own field names.

Enum values are lower-case words (`waiting`), verdicts upper-case (`ENROLLED`). Instants are RFC 3339 in UTC; a Duration
`x` is a number `x_ms`; whole doubles are ints; what is unset is null, and text is always text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from google.protobuf import struct_pb2
from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from statewright.v1 import HistoryEntry, VerdictKind

_HISTORY_FIRST: Final = ("sequence", "time", "kind", "step", "outcome", "attempt", "duration_ms", "error")


def plain(message: Message) -> dict[str, Any]:
    """A message as plain data; nested messages too."""
    convert: Callable[[Any], Any] = _SPECIAL.get(message.DESCRIPTOR.full_name, _fields)
    shape: dict[str, Any] = convert(message)
    return shape


def plain_list(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """A repeated field as plain data."""
    return [plain(message) for message in messages]


def _fields(message: Message) -> dict[str, Any]:
    return {_key(field): _field(message, field) for field in message.DESCRIPTOR.fields}


def history_line(entry: HistoryEntry) -> dict[str, Any]:
    """A history entry, the usual keys first."""
    shape = plain(entry)
    return {key: shape[key] for key in _HISTORY_FIRST} | shape


def word(enum: EnumDescriptor, number: int) -> str:
    """The value of an enum as a word: ENROLLMENT_STATUS_WAITING → `waiting`; unspecified → ``."""
    value = enum.values_by_number.get(number)
    if value is None:
        return str(number)
    name = value.name.removeprefix(_upper_snake(enum.name) + "_")
    return "" if name == "UNSPECIFIED" else name.lower()


def number_of(enum: EnumDescriptor, text: str) -> Any:
    """The other way round. Raises KeyError."""
    return enum.values_by_name[f"{_upper_snake(enum.name)}_{text.upper()}"].number


def words(enum: EnumDescriptor) -> list[str]:
    """Every word of an enum but unspecified."""
    return [word(enum, value.number) for value in enum.values if value.number]


def _upper_snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def _key(field: Any) -> str:
    kind = field.message_type.full_name if field.message_type else ""
    return f"{field.name}_ms" if kind == "google.protobuf.Duration" else str(field.name)


def _field(message: Message, field: Any) -> Any:
    if field.has_presence and not message.HasField(field.name):
        return None
    value = getattr(message, field.name)
    if field.message_type and field.message_type.GetOptions().map_entry:
        return dict(sorted(value.items()))
    if field.is_repeated:
        return [_single(field, item) for item in value]
    return _single(field, value)


def _single(field: Any, value: Any) -> Any:
    if field.message_type:
        return plain(value)
    if field.enum_type:
        return word(field.enum_type, value)
    return value


def _enrollment(enrollment: Any) -> dict[str, Any]:
    shape = _fields(enrollment)
    return shape | {"variables": shape["variables"] or {}}


def _counts(counts: Any) -> dict[str, Any]:
    statuses = plain_list(counts.statuses)
    return {
        "total": counts.total,
        "statuses": {each["status"]: each["count"] for each in statuses},
        "steps": {each.step: each.count for each in counts.steps},
        "exits": plain_list(counts.exits),
    }


def _verdict(verdict: Any) -> dict[str, Any]:
    kind = VerdictKind.Name(verdict.kind).removeprefix("VERDICT_KIND_")
    rest = {key: value for key, value in _fields(verdict).items() if key not in ("workflow", "kind")}
    return {"workflow": verdict.workflow, "verdict": kind} | rest


def _instant(stamp: Any) -> Any:
    return stamp.ToJsonString()


def _milliseconds(duration: Any) -> int | float:
    return _whole(round(duration.seconds * 1000 + duration.nanos / 1e6, 3))


def struct_data(struct: struct_pb2.Struct) -> dict[str, Any]:
    """A Struct as plain data, its keys in order (a Struct has none of its own), whole numbers as ints."""
    return {key: value_data(value) for key, value in sorted(struct.fields.items())}


def value_data(value: struct_pb2.Value) -> Any:
    """A Value as plain data, whole numbers as ints."""
    match value.WhichOneof("kind"):
        case "struct_value":
            return struct_data(value.struct_value)
        case "list_value":
            return [value_data(item) for item in value.list_value.values]
        case "number_value":
            return _whole(value.number_value)
        case "bool_value":
            return value.bool_value
        case "string_value":
            return value.string_value
        case _:
            return None


def _whole(number: float) -> int | float:
    return int(number) if float(number).is_integer() else number


_SPECIAL: Final[Mapping[str, Callable[[Any], Any]]] = {
    "google.protobuf.Timestamp": _instant,
    "google.protobuf.Duration": _milliseconds,
    "google.protobuf.Struct": struct_data,
    "google.protobuf.Value": value_data,
    "google.rpc.Status": lambda status: {"code": status.code, "message": status.message},
    "statewright.v1.Enrollment": _enrollment,
    "statewright.v1.EnrollmentCounts": _counts,
    "statewright.v1.Verdict": _verdict,
}
