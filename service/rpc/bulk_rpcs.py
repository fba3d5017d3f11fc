"""Bulk control of enrollments, as a stream of its progress."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

from statewright.v1 import BatchRequest, BatchResponse

from service.engine.bulk import CONCERNED, Bulk, Reach, carry_on, rehearse, survey
from service.engine.rounds import DEFAULT_RATE, MAX_RATE, Pace, Progress
from service.rpc.enrollment_filter import read_filter
from service.rpc.enrollment_message import pause_policies
from service.rpc.fields import Violations
from service.rpc.payload import read_payload
from service.rpc.repeats import once, request_key
from service.rpc.rooms import Rooms
from service.storage.enrollment_queries import EnrollmentFilter
from statemachine.cause import Operation
from statemachine.errors import InvalidInput, Unavailable
from statemachine.limits import MAX_EVENT_BYTES, MAX_OUTPUT_BYTES

_ACTIONS: Final[dict[str, Operation]] = {
    "cancel": "cancel", "exit": "exit", "pause": "pause", "resume": "resume", "retry": "retry", "advance": "advance",
}  # fmt: skip


class BulkRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine
        self._leaving = rooms.leaving

    async def batch(self, request: BatchRequest) -> AsyncIterator[BatchResponse]:
        rate = request.rate if request.HasField("rate") else DEFAULT_RATE
        violations = Violations()
        violations.number("rate", rate, 1, MAX_RATE)
        bulk = violations.read(_bulk, request)
        violations.check()
        if not request.dry_run:
            await self._remember(request, bulk)
        reach = await self._engine.read(lambda transaction: survey(transaction, bulk))
        if request.dry_run:
            yield _message(bulk, reach, await rehearse(self._engine, bulk, reach))
            return
        yield _message(bulk, reach, Progress(reach.done))
        async for progress in carry_on(self._engine, bulk, reach, Pace(rate)):
            yield _message(bulk, reach, progress)
            if self._leaving.is_set() and not progress.done:
                raise Unavailable(f"the server is draining; repeat with request_id {bulk.id!r} elsewhere")

    async def _remember(self, request: BatchRequest, bulk: Bulk) -> None:
        """The id belongs to this request. Raises RequestIdReused for another."""
        clock, named = self._engine.clock, BatchResponse(request_id=bulk.id)
        await self._engine.write(
            lambda transaction: once(transaction, clock, "batch", request, lambda: named, BatchResponse)
        )


def _bulk(request: BatchRequest) -> Bulk:
    action = request.WhichOneof("action")
    violations = Violations()
    if action is None:
        violations.add("action", f"required: one of {', '.join(_ACTIONS)}")
    if not request.filter.ListFields():
        violations.add("filter", "at least one filter, such as workflow")
    wanted = violations.read(read_filter, request.filter, "filter.")
    violations.name("request_id", request.request_id)
    data = violations.read(_data, action, getattr(request, action)) if action else {}
    violations.check()
    assert action is not None
    operation = _ACTIONS[action]
    return Bulk(request_key(request.request_id), _concerned(wanted, operation), operation, data)


def _concerned(wanted: EnrollmentFilter, operation: Operation) -> EnrollmentFilter:
    """Narrowed to the statuses that the operation is for. Raises InvalidInput when none of those asked for is."""
    possible = tuple(status.value for status in CONCERNED[operation])
    statuses = tuple(status for status in possible if status in wanted.statuses) if wanted.statuses else possible
    if not statuses:
        text = f"what {operation} is for: {', '.join(possible)}"
        raise InvalidInput(f"filter.status: {text}", [("filter.status", text)])
    return replace(wanted, statuses=statuses)


def _data(action: str, given: Any) -> dict[str, Any]:
    """The data of each operation's cause, as the RPC for one enrollment has it."""
    violations = Violations()
    if action in ("cancel", "exit"):
        violations.name(f"{action}.reason", given.reason, required=action == "exit")
        violations.check()
        return {"reason": given.reason or "cancelled"}
    if action == "pause":
        return dict(pause_policies(given, "pause."))
    if action == "retry":
        edited = read_payload("retry.input", given.input, MAX_EVENT_BYTES, "input")
        return {"input": edited} if edited else {}
    if action == "advance":
        violations.name("advance.transition", given.transition, required=True)
        data = violations.read(read_payload, "advance.data", given.data, MAX_OUTPUT_BYTES, "output")
        violations.check()
        return {"transition": given.transition, "data": data}
    return {}


def _message(bulk: Bulk, reach: Reach, progress: Progress) -> BatchResponse:
    response = BatchResponse(
        request_id=bulk.id,
        total=reach.total,
        changed=progress.changed,
        left=progress.left.total(),
        done=progress.done,
    )
    if progress.done:
        for (step, reason), count in sorted(progress.left.items()):
            example, message = progress.examples[step, reason]
            response.groups.add(step=step, reason=reason, message=message, count=count, example_enrollment_id=example)
    return response
