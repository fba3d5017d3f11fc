"""A server for tests of the command line: answers what it was told to, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from statewright import v1

_SERVICES = ("Admin", "Contact", "Enrollment", "Outbox", "Task", "Workflow")


class Refusal:
    """What the fake answers instead of a message."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str = "",
        metadata: dict[str, str] | None = None,
        violations: tuple[tuple[str, str, str], ...] = (),
    ) -> None:
        self.code = code
        details: list[Message] = []
        if reason:
            details.append(error_details_pb2.ErrorInfo(reason=reason, domain="statewright", metadata=metadata or {}))
        if violations:
            bad = error_details_pb2.BadRequest()
            for field, code_name, description in violations:
                bad.field_violations.add(field=field, reason=code_name, description=description)
            details.append(bad)
        self.status = status_pb2.Status(
            code=code.value[0], message=message, details=[_packed(each) for each in details]
        )


def _packed(detail: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed


class FakeServer:
    """`answers["Get"] = response | Refusal | function`; streams answer lists. `asked` has every request, in order."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[Any] = []
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        for service in _SERVICES:
            self._add(service)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    def _add(self, service: str) -> None:
        base = getattr(v1, f"{service}ServiceServicer")
        methods = {name: self._method(f"{service}.{name}") for name in vars(base) if not name.startswith("_")}
        servicer = type(f"Fake{service}", (base,), methods)()
        getattr(v1, f"add_{service}ServiceServicer_to_server")(servicer, self._server)

    def _method(self, name: str) -> Callable[[Any, Any, grpc.ServicerContext], Any]:
        def answer(_: Any, request: Any, context: grpc.ServicerContext) -> Any:
            self.asked.append(request)
            given = self.answers[name]
            if callable(given):
                given = given(request)
            if isinstance(given, Refusal):
                context.abort_with_status(rpc_status.to_status(given.status))
            return iter(given) if isinstance(given, list) else given

        return answer
