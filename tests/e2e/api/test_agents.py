"""Agents over gRPC: who is there."""

from __future__ import annotations

from typing import Any

import grpc
from statewright.client import AsyncClient
from statewright.v1 import (
    Agent,
    AgentAvailability,
    AgentServiceDeleteRequest,
    AgentServiceGetRequest,
    AgentServiceListRequest,
    AgentServicePutRequest,
    AgentServicePutResponse,
    ListAssignmentsRequest,
    ListNotificationsRequest,
    SetAvailabilityRequest,
)

from tests.e2e.api.calls import refusal

AWAY = AgentAvailability.AGENT_AVAILABILITY_AWAY
AVAILABLE = AgentAvailability.AGENT_AVAILABILITY_AVAILABLE


async def put(client: AsyncClient, agent_id: str, *, request: dict[str, Any] | None = None, **fields: Any) -> (
    AgentServicePutResponse
):  # fmt: skip
    message = AgentServicePutRequest(agent=Agent(id=agent_id, **fields), **(request or {}))
    return await client.agents.Put(message, timeout=10)


async def get(client: AsyncClient, agent_id: str) -> Agent:
    return (await client.agents.Get(AgentServiceGetRequest(agent_id=agent_id), timeout=10)).agent


async def test_an_agent_is_created_then_replaced_and_keeps_its_availability(client: AsyncClient) -> None:
    first = await put(client, "ann", name="Ann", groups=["b", "a", "b"], skills=["de"], max_open=3)
    await client.agents.SetAvailability(SetAvailabilityRequest(agent_id="ann", availability=AWAY), timeout=10)
    again = await put(client, "ann", name="Anna")
    assert (first.created, list(first.agent.groups), first.agent.availability) == (True, ["a", "b"], AVAILABLE)
    assert (again.created, again.agent.name, list(again.agent.skills)) == (False, "Anna", [])
    assert (again.agent.availability, again.agent.revision, again.agent.HasField("max_open")) == (AWAY, 3, False)
    assert await get(client, "ann") == again.agent


async def test_a_put_is_safe_to_repeat_and_guarded_by_its_revision(client: AsyncClient) -> None:
    first = await put(client, "ann", name="Ann", request={"request_id": "r1"})
    assert await put(client, "ann", name="Ann", request={"request_id": "r1"}) == first
    refused = await refusal(put(client, "ann", name="Bob", request={"request_id": "r1"}))
    assert refused.info.reason == "REQUEST_ID_REUSED"
    stale = await refusal(put(client, "ann", request={"expected_revision": 0}))
    assert (stale.code, stale.info.reason) == (grpc.StatusCode.ABORTED, "STALE_REVISION")


async def test_agents_are_listed_by_group_skill_and_availability_until_they_are_deleted(client: AsyncClient) -> None:
    for name, groups, skills in (("ann", ["sales"], ["de"]), ("bob", ["sales"], []), ("cid", ["it"], ["de"])):
        await put(client, name, groups=groups, skills=skills)
    await client.agents.SetAvailability(SetAvailabilityRequest(agent_id="bob", availability=AWAY), timeout=10)

    async def names(**given: Any) -> list[str]:
        response = await client.agents.List(AgentServiceListRequest(**given), timeout=10)
        return [agent.id for agent in response.agents]

    assert await names(group="sales") == ["ann", "bob"]
    assert await names(group="sales", skill="de") == ["ann"]
    assert await names(availability=AWAY) == ["bob"]
    first = await client.agents.List(AgentServiceListRequest(page_size=2), timeout=10)
    assert [agent.id for agent in first.agents] == ["ann", "bob"]
    assert await names(page_size=2, page_token=first.next_page_token) == ["cid"]
    await client.agents.Delete(AgentServiceDeleteRequest(agent_id="ann"), timeout=10)
    refused = await refusal(get(client, "ann"))
    assert (refused.code, refused.info.reason, refused.info.metadata["agent_id"]) == (
        grpc.StatusCode.NOT_FOUND,
        "AGENT_NOT_FOUND",
        "ann",
    )


async def test_bad_fields_are_named(client: AsyncClient) -> None:
    bad: list[tuple[dict[str, Any], str]] = [
        ({"agent_id": ""}, "agent.id"),
        ({"agent_id": "x" * 256}, "agent.id"),
        ({"agent_id": "a", "name": "\0"}, "agent.name"),
        ({"agent_id": "a", "groups": [""]}, "agent.groups[0]"),
        ({"agent_id": "a", "skills": ["s"] * 101}, "agent.skills"),
        ({"agent_id": "a", "max_open": 0}, "agent.max_open"),
        ({"agent_id": "a", "availability": 9}, "agent.availability"),
    ]
    for fields, place in bad:
        assert (await refusal(put(client, **fields))).places == [place]


async def test_questions_about_nobody_are_refused(client: AsyncClient) -> None:
    nobody = await refusal(client.agents.ListAssignments(ListAssignmentsRequest(), timeout=10))
    assert nobody.places == ["agent_id"]
    calls: list[tuple[Any, Any]] = [
        (client.agents.ListNotifications, ListNotificationsRequest(agent_id="nobody")),
        (client.agents.SetAvailability, SetAvailabilityRequest(agent_id="nobody", availability=AWAY)),
        (client.agents.Delete, AgentServiceDeleteRequest(agent_id="nobody")),
    ]
    for call, request in calls:
        assert (await refusal(call(request, timeout=10))).info.reason == "AGENT_NOT_FOUND"
    unspecified = await refusal(client.agents.SetAvailability(SetAvailabilityRequest(agent_id="ann"), timeout=10))
    assert unspecified.places == ["availability"]
