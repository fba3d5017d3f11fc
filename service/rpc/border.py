"""The border: bytes in, a servicer's method, bytes out. Every error of any call is answered here and nowhere else.

grpc.aio would answer undecodable bytes and unexpected exceptions with UNKNOWN and their text; so handlers take raw
bytes and parse them here. A servicer's method takes a request (or an async iterator of them) and returns a response
(or is an async generator of them); it raises WorkflowError to refuse. The error is gone before the refusal is sent:
kept beside its own traceback it would hold the request until the garbage collector came, and a flood fill the memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, cast

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from service.rpc.errors import DeadlinePassed, refuse, status_of
from statemachine.errors import LimitExceeded, Saturated, Unavailable, Undecodable
from statemachine.limits import MAX_MESSAGE_BYTES
from statemachine.names import snake_case

Context = grpc.aio.ServicerContext[Any, Any]
_LEAST_S: Final = 0.002
"""A call whose deadline is nearer than this is refused at once: its answer would come too late."""


class Border:
    """Wraps servicers into handlers, and counts the calls under way: more than `max_calls` are refused, fast."""

    def __init__(self, *, max_calls: int) -> None:
        self._max_calls = max_calls
        self.calls = 0
        self.closed = False
        """Set when the server drains: calls under way go on, new ones are sent elsewhere."""

    def handler(self, service: ServiceDescriptor, servicers: tuple[object, ...]) -> grpc.GenericRpcHandler:
        """All RPCs of a service; each must be a method, in snake_case, of exactly one of the servicers."""
        handlers = {method.name: self._method(method, servicers) for method in service.methods}
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _method(self, method: MethodDescriptor, servicers: tuple[object, ...]) -> grpc.RpcMethodHandler[Any, Any]:
        name = _python_name(method.name)
        owners = [servicer for servicer in servicers if hasattr(servicer, name)]
        if len(owners) != 1:
            raise LookupError(f"{method.full_name} is implemented {len(owners)} times, not once")
        shape = (method.client_streaming, method.server_streaming)
        read = _reader(GetMessageClass(method.input_type))
        wrap, make = _SHAPES[shape]
        handler: grpc.RpcMethodHandler[Any, Any] = make(wrap(self, getattr(owners[0], name), read))
        return handler

    def _unary(self, method: Callable[[Any], Awaitable[Message]], read: Callable[[bytes], Message]) -> Any:
        async def call(raw: bytes, context: Context) -> bytes:
            self.calls += 1
            try:
                self._admit(context)
                return (await method(read(raw))).SerializeToString()
            except Exception as error:
                status = status_of(error)
            finally:
                self.calls -= 1
            return await refuse(context, status)

        return call

    def _server_stream(self, method: Callable[[Any], AsyncIterator[Message]], read: Callable[[bytes], Message]) -> Any:
        async def call(raw: bytes, context: Context) -> AsyncIterator[bytes]:
            async for response in self._answers(lambda: method(read(raw)), context):
                yield response

        return call

    def _both_streams(self, method: Callable[[Any], AsyncIterator[Message]], read: Callable[[bytes], Message]) -> Any:
        async def call(raws: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
            async def requests() -> AsyncIterator[Message]:
                async for raw in raws:
                    yield read(raw)

            async for response in self._answers(lambda: method(requests()), context):
                yield response

        return call

    async def _answers(self, start: Callable[[], AsyncIterator[Message]], context: Context) -> AsyncIterator[bytes]:
        self.calls += 1
        try:
            self._admit(context)
            async for response in start():
                yield response.SerializeToString()
            return
        except Exception as error:
            status = status_of(error)
        finally:
            self.calls -= 1
        await refuse(context, status)

    def _admit(self, context: Context) -> None:
        if self.closed:
            raise Unavailable("the server is shutting down; ask another replica")
        if self.calls > self._max_calls:
            raise Saturated(f"{self._max_calls} calls are under way")
        remaining = cast(float | None, context.time_remaining())
        if remaining is not None and remaining < _LEAST_S:
            raise DeadlinePassed("the deadline has passed")


_SHAPES: Final[Mapping[tuple[bool, bool], tuple[Callable[..., Any], Callable[..., Any]]]] = {
    (False, False): (Border._unary, grpc.unary_unary_rpc_method_handler),
    (False, True): (Border._server_stream, grpc.unary_stream_rpc_method_handler),
    (True, True): (Border._both_streams, grpc.stream_stream_rpc_method_handler),
}
"""(client streams, server streams) → how it is wrapped. Without serialisers, grpc hands bytes through."""


def _reader(kind: type[Message]) -> Callable[[bytes], Message]:
    def read(raw: bytes) -> Message:
        if len(raw) > MAX_MESSAGE_BYTES:
            limit = f"at most {MAX_MESSAGE_BYTES:,} bytes"
            message = f"the message has {len(raw):,} bytes; it may have {limit}"
            raise LimitExceeded(message, [("", limit)], limit="message", maximum=str(MAX_MESSAGE_BYTES))
        try:
            return kind.FromString(raw)
        except DecodeError:
            raise Undecodable(f"the bytes are no {kind.DESCRIPTOR.full_name}") from None

    return read


def _python_name(rpc: str) -> str:
    """`TriggerBatch` → `trigger_batch`, `Get` → `get`."""
    return snake_case(rpc[0].lower() + rpc[1:])
