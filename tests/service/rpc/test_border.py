"""The border: what a refused call leaves behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any, NoReturn, cast

import pytest
from google.protobuf.message import Message
from statewright.v1 import TriggerRequest, TriggerResponse

from service.rpc.border import Border
from statemachine.errors import Saturated


class Aborted(Exception):  # noqa: N818 - as grpc.aio calls it
    """What `abort` raises."""


class Context:
    def time_remaining(self) -> None:
        return None

    async def abort(self, *_: Any, **__: Any) -> NoReturn:
        raise Aborted


class Full(Saturated):
    """A refusal that can be watched."""


class Servicer:
    def __init__(self) -> None:
        self.refusals: list[weakref.ref[Full]] = []

    def _refusal(self) -> Full:
        refusal = Full("full")
        self.refusals.append(weakref.ref(refusal))
        return refusal

    async def trigger(self, request: TriggerRequest) -> TriggerResponse:
        raise self._refusal()

    async def trigger_stream(self, requests: AsyncIterator[Message]) -> AsyncIterator[TriggerResponse]:
        async for _ in requests:
            raise self._refusal()
        yield TriggerResponse()


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _read(raw: bytes) -> TriggerRequest:
    return TriggerRequest.FromString(raw)


@pytest.mark.usefixtures("no_collector")
async def test_a_refused_call_leaves_nothing_to_the_garbage_collector() -> None:
    servicer, border = Servicer(), Border(max_calls=5)
    call = border._unary(servicer.trigger, _read)
    with pytest.raises(Aborted):
        await call(b"", Context())
    assert [refusal() for refusal in servicer.refusals] == [None]
    assert border.calls == 0


@pytest.mark.usefixtures("no_collector")
async def test_a_refused_stream_leaves_nothing_to_the_garbage_collector() -> None:
    async def raws() -> AsyncIterator[bytes]:
        yield b""

    servicer, border = Servicer(), Border(max_calls=5)
    call = border._both_streams(cast(Any, servicer.trigger_stream), _read)
    with pytest.raises(Aborted):
        async for _ in call(raws(), Context()):
            pass
    assert [refusal() for refusal in servicer.refusals] == [None]
