"""A request with several things wrong is told of all of them at once, by every RPC.

Each request is spoilt in every part that has a right and a wrong, also those of its items and of the members of its
oneofs; so whatever part is added to a request, its faults have to come with the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from statewright.client import AsyncClient

from tests.e2e.api.calls import Refusal
from tests.e2e.api.every_rpc import RPCS, answer_of, empty_request

_MOST_MEMBERS: Final = 6
"""As many members as a oneof has at most."""
_BATCHES: Final = {
    "ContactService.UpsertBatch",
    "EnrollmentService.EnrollBatch",
    "EnrollmentService.TriggerBatch",
    "EnrollmentService.TriggerStream",
    "TaskService.CompleteBatch",
}
"""They answer for each item."""
_NOT_CHECKED: Final[Mapping[str, set[str]]] = {
    "": {"expected_revision", "from_version", "to_version"},
    "Agent": {"open", "revision", "create_time", "update_time"},
    "Contact": {"consents", "do_not_contact", "revision", "create_time", "update_time"},
    "ChannelConsent": {"source", "said_time"},
    "ValidateRequest": {"source"},
    "PublishRequest": {"source"},
    "RenderRequest": {"source"},
    "SimulateRequest": {"source", "with_sources"},
    "RunTestsRequest": {"source", "tests"},
    "StreamRequest": {"credit", "complete", "fail", "throw", "extend"},
    "TriggerStreamRequest": {"sequence"},
}
"""Message, or any, → what is looked up, read as a definition, set by the server, or no first message of a stream:
nothing is wrong with it alone."""


async def test_every_rpc_names_all_that_is_wrong_with_a_request(client: AsyncClient) -> None:
    untold = {}
    told = 0
    for rpc in RPCS:
        for turn in range(_turns(rpc)):
            request = empty_request(rpc)
            wrong = set(_spoil(request, turn))
            places = await _places(client, rpc, request) if wrong else set()
            told += len(wrong & places)
            if wrong - places:
                untold[rpc, turn] = wrong - places
    assert not untold
    assert told > 300


async def _places(client: AsyncClient, rpc: str, request: Message) -> set[str]:
    try:
        answer = await answer_of(client, rpc, request)
    except grpc.aio.AioRpcError as error:
        return set(Refusal(error).places)
    return set(_named(answer.results[0].error)) if rpc in _BATCHES else set()


def _named(status: Status) -> Iterator[str]:
    for detail in status.details:
        bad = BadRequest()
        if detail.Unpack(bad):
            yield from (violation.field for violation in bad.field_violations)


# --- spoiling ---


def _turns(rpc: str) -> int:
    """Once, or as often as it takes to have had every member of every oneof."""
    wrongs = {tuple(_spoil(empty_request(rpc), turn)) for turn in range(_MOST_MEMBERS)}
    return _MOST_MEMBERS if len(wrongs) > 1 else 1


def _spoil(message: Message, turn: int, at: str = "") -> Iterator[str]:
    """Put something wrong into every part of a message, and answer the paths of these parts."""
    left = _NOT_CHECKED[""] | _NOT_CHECKED.get(message.DESCRIPTOR.name, set())
    for field in message.DESCRIPTOR.fields:
        oneof = field.containing_oneof
        if field.name in left or (oneof and oneof.fields[turn % len(oneof.fields)] is not field):
            continue
        if field.name == "version" and message.DESCRIPTOR.name != "EnrollRequest":
            continue
        yield from _spoil_field(message, field, turn, f"{at}{field.name}")


def _spoil_field(message: Message, field: Any, turn: int, place: str) -> Iterator[str]:
    part = getattr(message, field.name)
    if field.message_type is None:
        yield from _spoil_scalar(message, field, place)
    elif field.message_type.name in _WRONG_MESSAGES:
        _WRONG_MESSAGES[field.message_type.name](part)
        yield f"{place}.a" if field.message_type.name == "Struct" else place
    elif field.is_repeated and not field.message_type.GetOptions().map_entry:
        yield from _spoil(part.add(), turn, f"{place}[0].")
    elif not field.is_repeated:
        part.SetInParent()
        yield from _spoil(part, turn, f"{place}.")


def _spoil_scalar(message: Message, field: FieldDescriptor, place: str) -> Iterator[str]:
    wrong = _WRONG.get(field.type)
    if wrong is None:
        return
    if field.is_repeated:
        getattr(message, field.name).append(wrong)
        yield f"{place}[0]"
    else:
        setattr(message, field.name, wrong)
        yield place


_WRONG: Final[Mapping[int, Any]] = {
    FieldDescriptor.TYPE_STRING: "\0",
    FieldDescriptor.TYPE_ENUM: 99,
    FieldDescriptor.TYPE_INT32: -1_000_000,
    FieldDescriptor.TYPE_INT64: -1_000_000,
    FieldDescriptor.TYPE_DOUBLE: 1e300,
}
_WRONG_MESSAGES: Final[Mapping[str, Any]] = {
    "Struct": lambda struct: struct.update({"a": "\0"}),
    "Value": lambda value: value.MergeFrom(type(value)(string_value="\0")),
    "Timestamp": lambda instant: instant.MergeFrom(type(instant)(seconds=10**12)),
    "Duration": lambda span: span.MergeFrom(type(span)(seconds=10**12)),
    "FieldMask": lambda mask: mask.paths.append("nothing"),
}
