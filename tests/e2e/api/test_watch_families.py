"""Watch tells everything that happens to a run, and follows a run with its children."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from statewright.client import AsyncClient
from statewright.v1 import (
    CancelRequest,
    EnrollmentServicePauseRequest,
    EnrollmentServiceResumeRequest,
    EnrollRequest,
    PauseEvents,
    TriggerRequest,
    WatchEvent,
)

from tests.e2e.api.calls import event, publish, refusal
from tests.e2e.api.test_children import FLOW, INNER, answer, children
from tests.e2e.api.test_watch import Watching, told


async def family(client: AsyncClient, contact: str = "") -> str:
    """A run with two branches, one of which has a run of its own."""
    await publish(client, INNER)
    await publish(client, FLOW)
    request = EnrollRequest(workflow="calls", contact_id=contact, input={"n": 7})
    return str((await client.enrollments.Enroll(request, timeout=10)).enrollment.id)


def by_run(events: list[WatchEvent]) -> Counter[tuple[str, str]]:
    return Counter((one.workflow, told(one)) for one in events)


@pytest.mark.parametrize("contact", ["", "ann"])
async def test_a_run_is_watched_with_all_below_it_until_none_of_them_lives(client: AsyncClient, contact: str) -> None:
    run = await family(client, contact)
    async with Watching(client, enrollment_id=run, after_sequence=0, include_children=True) as watching:
        await answer(client, "asks")
        await answer(client, "works")
        events = await watching.rest()
    seen = by_run(events)
    assert (seen["calls", "STARTED"], seen["inner", "STARTED"]) == (3, 1)
    assert (seen["calls", "COMPLETED"], seen["inner", "COMPLETED"]) == (3, 1)
    assert (seen["calls", "CHILD_ENDED both"], seen["calls", "CHILD_ENDED sub"]) == (2, 1)
    assert told([one for one in events if one.enrollment_id == run][-1]) == "COMPLETED"
    branches = await children(client, run)
    started = {one.enrollment_id: one for one in events if told(one) == "STARTED"}
    assert {started[one].parent_id for one in branches} == {run}
    assert {started[one].metadata["child"] for one in branches} == {"ask", "inner"}
    ended = [one.metadata for one in events if told(one) == "CHILD_ENDED both"]
    assert {(one["enrollment_id"], one["status"]) for one in ended} == {(one, "completed") for one in branches}


async def test_the_watch_of_a_family_goes_on_from_any_event_without_a_gap(client: AsyncClient) -> None:
    run = await family(client)
    await client.enrollments.Cancel(CancelRequest(enrollment_id=run), timeout=10)
    async with Watching(client, enrollment_id=run, after_sequence=0, include_children=True) as watching:
        whole = await watching.rest()
    for number, one in enumerate(whole[:-1], 1):
        async with Watching(client, enrollment_id=run, include_children=True, resume_token=one.resume_token) as resumed:
            rest = [other.resume_token for other in await resumed.rest()]
        later = [other.resume_token for other in whole[number:]]
        assert rest == [token for token in later if token != one.resume_token]
    assert by_run(whole)["calls", "CANCELLED"] == 3


async def test_without_its_children_a_run_is_told_of_their_ends_alone(client: AsyncClient) -> None:
    run = await family(client)
    async with Watching(client, enrollment_id=run, after_sequence=0) as watching:
        await answer(client, "asks")
        await answer(client, "works")
        events = await watching.rest()
    assert {one.enrollment_id for one in events} == {run}
    assert [one.metadata["child"] for one in events if told(one) == "CHILD_ENDED both"] == ["ask", "inner"]


@pytest.mark.parametrize("target", [{"workflow": "calls"}, {"contact_id": "ann"}])
async def test_children_are_included_with_an_enrollment_only(client: AsyncClient, target: dict[str, Any]) -> None:
    async def watch() -> None:
        async with Watching(client, include_children=True, **target):
            pass

    refused = await refusal(watch())
    assert refused.places == ["include_children"]


BURST = """
key: burst
limits: {max_concurrent: 1, over_limit: queue}
triggers: [{type: contact_created}]
steps:
  - {id: rest, type: wait, config: {on: [{event: ping}], debounce: 1h, timeout: 2d}}
"""


async def test_what_waits_gathers_drops_and_keeps_is_told(client: AsyncClient) -> None:
    await publish(client, BURST)
    runs = []
    for contact in ("ann", "ben"):
        made = await client.enrollments.Trigger(TriggerRequest(event=event("contact_created", contact)), timeout=10)
        runs.append(made.verdicts[0].enrollment_id)
    async with Watching(client, workflow="burst") as watching:
        await client.enrollments.Trigger(TriggerRequest(event=event("ping")), timeout=10)
        await client.enrollments.Trigger(TriggerRequest(event=event("ping")), timeout=10)
        for policy in (PauseEvents.PAUSE_EVENTS_DROP, PauseEvents.PAUSE_EVENTS_BUFFER):
            pause = EnrollmentServicePauseRequest(enrollment_id=runs[0], events=policy)
            await client.enrollments.Pause(pause, timeout=10)
            await client.enrollments.Trigger(TriggerRequest(event=event("ping")), timeout=10)
            await client.enrollments.Resume(EnrollmentServiceResumeRequest(enrollment_id=runs[0]), timeout=10)
        events = await watching.next(8)
    assert [told(one) for one in events] == [
        "DEBOUNCED rest",
        "DEBOUNCED rest",
        "PAUSED rest",
        "DROPPED rest",
        "RESUMED rest",
        "PAUSED rest",
        "HELD rest",
        "RESUMED rest",
    ]
    assert {events[0].metadata["event"], events[3].metadata["event"], events[6].metadata["event"]} == {"ping"}
    async with Watching(client, enrollment_id=runs[1], after_sequence=0) as watching:
        (queued,) = await watching.next(1)
    assert (told(queued), queued.metadata["rule"]) == ("QUEUED", "max_concurrent")
