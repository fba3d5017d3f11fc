"""TaskService for people: claim, release, decide, reassign."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar, cast

from statewright.v1 import (
    ClaimRequest,
    ClaimResponse,
    DecideRequest,
    DecideResponse,
    ReassignRequest,
    ReassignResponse,
    ReleaseRequest,
    ReleaseResponse,
)

from service.engine import claims
from service.engine.commands import DEFAULT_TENANT, DecideTask, FinishAnswer
from service.rpc.fields import Violations, check_names
from service.rpc.payload import read_payload
from service.rpc.repeats import body_hash, request_key, write_once
from service.rpc.rooms import Rooms
from service.rpc.task_rpcs import write_stored
from service.storage.database import Transaction
from statemachine.limits import MAX_OUTPUT_BYTES

_MOST_SKILLS: Final = 100
R = TypeVar("R", ClaimResponse, ReleaseResponse, ReassignResponse)


class HumanTaskRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine

    async def claim(self, request: ClaimRequest) -> ClaimResponse:
        return await self._hand_on("claim", request, ClaimResponse, claims.claim)

    async def release(self, request: ReleaseRequest) -> ReleaseResponse:
        return await self._hand_on("release", request, ReleaseResponse, claims.release)

    async def decide(self, request: DecideRequest) -> DecideResponse:
        violations = Violations()
        for name in ("task_id", "agent_id", "decision"):
            violations.required_id(name, getattr(request, name))
        violations.name("request_id", request.request_id)
        data = violations.read(read_payload, "data", request.data, MAX_OUTPUT_BYTES, "data")
        violations.check()
        command = DecideTask(
            DEFAULT_TENANT,
            request.task_id,
            request.agent_id,
            request.decision,
            data,
            request_key(request.request_id),
            body_hash(request),
        )
        answer = cast(FinishAnswer, await self._engine.ask(command))
        response = DecideResponse()
        await self._engine.read(lambda transaction: write_stored(transaction, answer.task_id, response.task))
        return response

    async def reassign(self, request: ReassignRequest) -> ReassignResponse:
        to = _target(request)
        queue = request.queue if to == "queue" else ""
        wanted = claims.wanted_of(request.agent_id, request.group, request.skills)

        def work(transaction: Transaction, now: datetime) -> ReassignResponse:
            claims.reassign(transaction, now, DEFAULT_TENANT, request.task_id, wanted, queue)
            response = ReassignResponse()
            write_stored(transaction, request.task_id, response.task)
            return response

        return await write_once(self._engine, "reassign", request, work, ReassignResponse)

    async def _hand_on(
        self,
        method: str,
        request: ClaimRequest | ReleaseRequest,
        kind: type[R],
        do: Callable[[Transaction, datetime, str, str, str], object],
    ) -> R:
        names = {name: getattr(request, name) for name in ("task_id", "agent_id", "request_id")}
        check_names(names, required=("task_id", "agent_id"))

        def work(transaction: Transaction, now: datetime) -> R:
            do(transaction, now, DEFAULT_TENANT, request.task_id, request.agent_id)
            response = kind()
            write_stored(transaction, request.task_id, response.task)
            return response

        return await write_once(self._engine, method, request, work, kind)


def _target(request: ReassignRequest) -> str:
    """Who gets it: agent_id, group or queue. Raises InvalidInput."""
    to = request.WhichOneof("to")
    violations = Violations()
    violations.name("task_id", request.task_id, required=True)
    if to is None:
        violations.add("to", "agent_id, group or queue")
    else:
        violations.name(to, getattr(request, to), required=True)
    if request.skills and to != "group":
        violations.add("skills", "only with group")
    if len(request.skills) > _MOST_SKILLS:
        violations.add("skills", f"at most {_MOST_SKILLS} items")
    for index, skill in enumerate(request.skills):
        violations.name(f"skills[{index}]", skill, required=True)
    violations.name("request_id", request.request_id)
    violations.check()
    return str(to)
