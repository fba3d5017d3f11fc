"""AgentService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from statewright.v1 import (
    AgentServiceDeleteRequest,
    AgentServiceDeleteResponse,
    AgentServiceGetRequest,
    AgentServiceGetResponse,
    AgentServiceListRequest,
    AgentServiceListResponse,
    AgentServicePutRequest,
    AgentServicePutResponse,
    AgentServiceWatchRequest,
    AgentServiceWatchResponse,
    ListAssignmentsRequest,
    ListAssignmentsResponse,
    ListNotificationsRequest,
    ListNotificationsResponse,
    SetAvailabilityRequest,
    SetAvailabilityResponse,
)

from service.engine import staffing
from service.engine.commands import DEFAULT_TENANT
from service.rpc.agent_message import (
    AVAILABILITY_WORDS,
    read_agent,
    write_agent,
    write_assignment,
    write_notification,
)
from service.rpc.fields import Violations, check_names, chosen, required_id
from service.rpc.pages import fill_page, make_token, read_page
from service.rpc.repeats import write_once
from service.rpc.rooms import Rooms
from service.storage.agents import Agent, AgentFilter, find_agent, list_agents, list_notifications
from service.storage.database import Transaction
from service.storage.human_tasks import AssignmentFilter, list_assignments, open_counts
from statemachine.errors import Unavailable

_LOOK_EVERY_S: Final = 1.0
_MOST: Final = 500
_NUMBERS: Final = 2**62


class AgentRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine
        self._leaving = rooms.leaving

    async def put(self, request: AgentServicePutRequest) -> AgentServicePutResponse:
        draft, availability = _read_put(request)
        expected = request.expected_revision if request.HasField("expected_revision") else None

        def work(transaction: Transaction, now: datetime) -> AgentServicePutResponse:
            done = staffing.put(transaction, now, draft, availability, expected)
            response = AgentServicePutResponse(created=done.created)
            write_agent(done.agent, done.open, response.agent)
            return response

        return await write_once(self._engine, "put_agent", request, work, AgentServicePutResponse)

    async def get(self, request: AgentServiceGetRequest) -> AgentServiceGetResponse:
        agent_id = required_id("agent_id", request.agent_id)

        def work(transaction: Transaction) -> AgentServiceGetResponse:
            response = AgentServiceGetResponse()
            agent = find_agent(transaction, DEFAULT_TENANT, agent_id)
            write_agent(agent, _open(transaction, [agent])[agent.id], response.agent)
            return response

        return await self._engine.read(work)

    async def list(self, request: AgentServiceListRequest) -> AgentServiceListResponse:
        violations = Violations()
        for name in ("group", "skill"):
            violations.name(name, getattr(request, name))
        availability = ""
        if request.availability:
            availability = violations.read(chosen, "availability", request.availability, AVAILABILITY_WORDS)
        size, after = read_page(violations, request, str)
        violations.check()
        wanted = AgentFilter(request.group, request.skill, availability)

        def work(transaction: Transaction) -> AgentServiceListResponse:
            start = after[0] if after else ""
            found = list_agents(transaction, DEFAULT_TENANT, wanted, after=start, limit=size + 1)
            counts = _open(transaction, found)
            response = AgentServiceListResponse()
            last = fill_page(
                found,
                size,
                response.agents,
                lambda agent, message: write_agent(agent, counts[agent.id], message),
                lambda agent: (agent.id,),
            )
            response.next_page_token = make_token(request, last)
            return response

        return await self._engine.read(work)

    async def delete(self, request: AgentServiceDeleteRequest) -> AgentServiceDeleteResponse:
        check_names({"agent_id": request.agent_id, "request_id": request.request_id}, required=("agent_id",))

        def work(transaction: Transaction, now: datetime) -> AgentServiceDeleteResponse:
            agent, returned, reassigned = staffing.delete(transaction, now, DEFAULT_TENANT, request.agent_id)
            response = AgentServiceDeleteResponse(returned=returned, reassigned=reassigned)
            write_agent(agent, returned, response.agent)
            return response

        return await write_once(self._engine, "delete_agent", request, work, AgentServiceDeleteResponse)

    async def set_availability(self, request: SetAvailabilityRequest) -> SetAvailabilityResponse:
        violations = Violations()
        agent_id = violations.required_id("agent_id", request.agent_id)
        availability = violations.read(chosen, "availability", request.availability, AVAILABILITY_WORDS)
        violations.name("request_id", request.request_id)
        violations.check()

        def work(transaction: Transaction, now: datetime) -> SetAvailabilityResponse:
            agent, holds, given = staffing.set_availability(transaction, now, DEFAULT_TENANT, agent_id, availability)
            response = SetAvailabilityResponse(assigned=given)
            write_agent(agent, holds, response.agent)
            return response

        return await write_once(self._engine, "set_availability", request, work, SetAvailabilityResponse)

    async def list_assignments(self, request: ListAssignmentsRequest) -> ListAssignmentsResponse:
        names = {name: getattr(request, name) for name in ("agent_id", "contact_id", "task_id")}
        violations = Violations()
        for name, text in names.items():
            violations.name(name, text)
        if not any(names.values()):
            violations.add("agent_id", "at least one of agent_id, contact_id and task_id")
        size, before = read_page(violations, request, str)
        violations.check()
        found = await self._engine.read(
            lambda transaction: list_assignments(
                transaction,
                DEFAULT_TENANT,
                AssignmentFilter(**names, open_only=request.open_only),
                before=before[0] if before else None,
                limit=size + 1,
            )
        )
        response = ListAssignmentsResponse()
        last = fill_page(found, size, response.assignments, write_assignment, lambda one: (one.id,))
        response.next_page_token = make_token(request, last)
        return response

    async def list_notifications(self, request: ListNotificationsRequest) -> ListNotificationsResponse:
        violations = Violations()
        violations.name("agent_id", request.agent_id, required=True)
        violations.number("after_sequence", request.after_sequence, 0, _NUMBERS)
        size, place = read_page(violations, request, int)
        violations.check()
        after = place[0] if place else request.after_sequence

        def work(transaction: Transaction) -> ListNotificationsResponse:
            find_agent(transaction, DEFAULT_TENANT, request.agent_id)
            found = list_notifications(transaction, DEFAULT_TENANT, request.agent_id, after=after, limit=size + 1)
            response = ListNotificationsResponse()
            last = fill_page(found, size, response.notifications, write_notification, lambda one: (one.sequence,))
            response.next_page_token = make_token(request, last)
            return response

        return await self._engine.read(work)

    async def watch(self, request: AgentServiceWatchRequest) -> AsyncIterator[AgentServiceWatchResponse]:
        violations = Violations()
        violations.name("agent_id", request.agent_id, required=True)
        violations.number("after_sequence", request.after_sequence, 0, _NUMBERS)
        violations.check()
        after = request.after_sequence if request.HasField("after_sequence") else None
        async with self._engine.feed.subscribe() as news:
            agent = await self._find(request.agent_id)
            place = agent.notices if after is None else after
            yield AgentServiceWatchResponse()
            while True:
                responses = await self._engine.read(
                    lambda transaction, place=place: _told(transaction, request.agent_id, place)  # type: ignore[misc]
                )
                for response in responses:
                    yield response
                    place = response.notification.sequence
                if len(responses) < _MOST:
                    await news.wait(_LOOK_EVERY_S)
                if self._leaving.is_set():
                    raise Unavailable("the server is draining; resume at another one")

    async def _find(self, agent_id: str) -> Agent:
        return await self._engine.read(lambda transaction: find_agent(transaction, DEFAULT_TENANT, agent_id))


def _read_put(request: AgentServicePutRequest) -> tuple[Agent, str | None]:
    violations = Violations()
    read = violations.read(read_agent, request.agent)
    violations.name("request_id", request.request_id)
    violations.check()
    return read


def _told(transaction: Transaction, agent_id: str, after: int) -> list[AgentServiceWatchResponse]:
    """What an agent was told since. Raises NotFound when the agent is gone."""
    find_agent(transaction, DEFAULT_TENANT, agent_id)
    responses = []
    for one in list_notifications(transaction, DEFAULT_TENANT, agent_id, after=after, limit=_MOST):
        responses.append(AgentServiceWatchResponse())
        write_notification(one, responses[-1].notification)
    return responses


def _open(transaction: Transaction, found: list[Agent]) -> dict[str, int]:
    """How many human tasks each holds."""
    counts = open_counts(transaction, [(agent.tenant_id, agent.id) for agent in found])
    return {agent.id: counts.get((agent.tenant_id, agent.id), 0) for agent in found}
