"""The contract as it is written: every RPC, the errors its comment names, and which parts of a request are required."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from statewright import v1
from statewright.client import AsyncClient

from tests.e2e.api.calls import Refusal

PROTOS: Final = Path(__file__).parents[3] / "protos" / "statewright" / "v1"
_SERVICES: Final = ("admin", "agent", "contact", "enrollment", "outbox", "task", "variable", "workflow")

RPCS: Final[Mapping[str, MethodDescriptor]] = {
    f"{service.name}.{method.name}": method
    for name in _SERVICES
    for service in getattr(v1, f"{name}_service_pb2").DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
"""`Service.Method` → descriptor."""


async def answer_of(client: AsyncClient, rpc: str, request: Message | bytes) -> Any:
    """The answer of an RPC; of a stream the first message, or that of what is done. Raises AioRpcError."""
    method = RPCS[rpc]
    assert method.containing_service is not None
    channel: Any = client.channel
    path = f"/{method.containing_service.full_name}/{method.name}"
    read = message_factory.GetMessageClass(method.output_type).FromString
    data = request if isinstance(request, bytes) else request.SerializeToString()
    if not method.server_streaming:
        return await channel.unary_unary(path, response_deserializer=read)(data, timeout=20)
    call = (
        channel.stream_stream(path, response_deserializer=read)(_one(data), timeout=20)
        if method.client_streaming
        else channel.unary_stream(path, response_deserializer=read)(data, timeout=20)
    )
    async for message in call:
        if getattr(message, "done", True):
            call.cancel()
            return message
    return None


async def _one(data: bytes) -> AsyncIterator[bytes]:
    """A stream of one message that stays open."""
    yield data
    await asyncio.Event().wait()


async def refused(client: AsyncClient, rpc: str, request: Message | bytes) -> Refusal | None:
    """How an RPC refuses a request; None when it answers."""
    try:
        await answer_of(client, rpc, request)
    except grpc.aio.AioRpcError as error:
        return Refusal(error)
    return None


def empty_request(rpc: str) -> Message:
    return message_factory.GetMessageClass(RPCS[rpc].input_type)()


def required_parts(rpc: str) -> set[str]:
    """The fields and oneofs of a request whose comments begin with `Required.`"""
    return _required()[RPCS[rpc].input_type.name]


def not_found_reasons(rpc: str) -> set[str]:
    """The reasons that the comment of an RPC names for NOT_FOUND."""
    service, method = rpc.split(".")
    text = (PROTOS / f"{service.removesuffix('Service').lower()}_service.proto").read_text()
    found = re.search(rf"((?:  //[^\n]*\n)+)  rpc {method}\(", text)
    assert found is not None
    comment = re.sub(r"\s*\n\s*//\s*", " ", found[1])
    named = re.search(r"NOT_FOUND \(([A-Z_, ]+)\)", comment)
    return set(named[1].split(", ")) if named else set()


def _required() -> dict[str, set[str]]:
    """Message → its required parts."""
    found: dict[str, set[str]] = {}
    for path in PROTOS.glob("*.proto"):
        message, comment = "", ""
        for line in map(str.strip, path.read_text().splitlines()):
            if begun := re.match(r"message (\w+) \{", line):
                message = begun[1]
                found[message] = set()
            part = re.match(r"oneof (\w+) \{|(?:optional |repeated )?[\w.<>, ]+ (\w+) = \d+;", line)
            if part and comment.startswith(("Required.", "Required,")):
                found[message].add(part[1] or part[2])
            comment = f"{comment}{line[2:].strip()} " if line.startswith("//") else ""
    return found
