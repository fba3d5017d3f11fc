"""The ceiling of unary calls: a server of the same make whose Trigger does nothing. `python -m bench.echo PORT`"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc.aio
from statewright.v1 import TriggerRequest, TriggerResponse

from service.event_loop import run_loop


async def trigger(request: TriggerRequest, _context: Any) -> TriggerResponse:
    return TriggerResponse(event_id=request.event.id)


_HANDLER = grpc.unary_unary_rpc_method_handler(trigger, TriggerRequest.FromString, TriggerResponse.SerializeToString)


async def main(port: str) -> int:
    server = grpc.aio.server()
    service = grpc.method_handlers_generic_handler("statewright.v1.EnrollmentService", {"Trigger": _HANDLER})
    server.add_generic_rpc_handlers((service,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    while await asyncio.to_thread(sys.stdin.readline):
        print("{}", flush=True)
    await server.stop(None)
    return 0


if __name__ == "__main__":
    run_loop(main(sys.argv[1]))
