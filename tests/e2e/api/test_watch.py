"""Watch: everything that happens, at least once, without gaps, from wherever the watcher was."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from statewright.client import AsyncClient
from statewright.v1 import (
    AdvanceRequest,
    CancelRequest,
    EnrollmentServicePauseRequest,
    EnrollmentServiceResumeRequest,
    EnrollmentServiceWatchRequest,
    TriggerBatchRequest,
    WatchEvent,
    WatchEventKind,
)

from service.app import running
from service.settings import load_settings
from tests.e2e.api.calls import connect, enrolled, event, publish, refusal

WHOLE = [
    "STARTED",
    "STEP_STARTED greet",
    "STEP_COMPLETED greet",
    "STEP_STARTED reply",
    "WAITING reply",
    "STEP_COMPLETED reply",
    "STEP_STARTED thank",
    "STEP_COMPLETED thank",
    "COMPLETED",
]


def told(event: WatchEvent) -> str:
    return f"{WatchEventKind.Name(event.kind).removeprefix('WATCH_EVENT_KIND_')} {event.step}".strip()


class Watching:
    """A watch that stands: what it was told can be read one by one."""

    def __init__(self, client: AsyncClient, **request: Any) -> None:
        self._call: Any = client.enrollments.Watch(EnrollmentServiceWatchRequest(**request), timeout=30)

    async def __aenter__(self) -> Watching:
        first = await self._call.read()
        assert not first.HasField("event")
        return self

    async def __aexit__(self, *_: Any) -> None:
        self._call.cancel()

    async def next(self, count: int) -> list[WatchEvent]:
        return [(await self._call.read()).event for _ in range(count)]

    async def rest(self) -> list[WatchEvent]:
        """All that follows, to the end of the watch."""
        events = []
        while (message := await self._call.read()) is not grpc.aio.EOF:
            events.append(message.event)
        return events


async def reply(client: AsyncClient, enrollment_id: str) -> None:
    await client.enrollments.Advance(AdvanceRequest(enrollment_id=enrollment_id, transition="answered"), timeout=10)


async def test_one_enrollment_is_told_from_the_beginning_to_its_end(client: AsyncClient) -> None:
    await publish(client)
    run = await enrolled(client)
    async with Watching(client, enrollment_id=run, after_sequence=0) as watching:
        before = await watching.next(5)
        await reply(client, run)
        after = await watching.rest()
    assert [told(one) for one in (*before, *after)] == WHOLE
    assert [one.sequence for one in (*before, *after)] == [1, 2, 2, 3, 3, 4, 5, 5, 6]


async def test_the_watch_of_an_ended_run_ends_at_once(client: AsyncClient) -> None:
    await publish(client)
    run = await enrolled(client)
    await client.enrollments.Cancel(CancelRequest(enrollment_id=run), timeout=10)
    async with Watching(client, enrollment_id=run) as watching:
        assert await watching.rest() == []


async def test_without_a_place_to_resume_only_what_is_new_is_told(client: AsyncClient) -> None:
    await publish(client)
    run = await enrolled(client)
    for target in ({"enrollment_id": run}, {"contact_id": "ann"}, {"workflow": "welcome"}):
        async with Watching(client, **target) as watching:
            other = await enrolled(client, f"other-{len(str(target))}") if "workflow" in target else run
            if "workflow" not in target:
                await client.enrollments.Pause(EnrollmentServicePauseRequest(enrollment_id=run), timeout=10)
                await client.enrollments.Resume(EnrollmentServiceResumeRequest(enrollment_id=run), timeout=10)
            (first,) = await watching.next(1)
        assert (first.enrollment_id, told(first)) == (other, "STARTED" if "workflow" in target else "PAUSED reply")


@pytest.mark.parametrize("target", ["enrollment_id", "contact_id", "workflow"])
async def test_every_event_has_a_token_from_which_the_rest_follows(client: AsyncClient, target: str) -> None:
    await publish(client)
    async with Watching(client, workflow="welcome") as all_of_them:
        run = await enrolled(client)
        await reply(client, run)
        start = (await all_of_them.next(1))[0].resume_token
    names = {"enrollment_id": run, "contact_id": "ann", "workflow": "welcome"}
    since = {"resume_token": start} if target == "workflow" else {"after_sequence": 0}
    async with Watching(client, **{target: names[target]}, **since) as watching:
        events = await watching.next(8 if target == "workflow" else 9)
    assert [told(one) for one in events] == (WHOLE[1:] if target == "workflow" else WHOLE)
    async with Watching(client, **{target: names[target]}, resume_token=events[4].resume_token) as resumed:
        assert [told(one) for one in await resumed.next(3)] == [told(one) for one in events[5:8]]


async def test_a_contact_is_resumed_by_its_sequence_too(client: AsyncClient) -> None:
    await publish(client)
    run = await enrolled(client)
    async with Watching(client, contact_id="ann", after_sequence=0) as watching:
        last = (await watching.next(5))[-1]
    await reply(client, run)
    async with Watching(client, contact_id="ann", after_sequence=last.sequence) as resumed:
        seen = []
        while "COMPLETED" not in seen:
            seen += [told(one) for one in await resumed.next(1)]
    assert seen[-4:] == WHOLE[-4:]


async def test_a_workflows_watch_misses_nothing_of_what_many_writers_do_at_once(client: AsyncClient) -> None:
    await publish(client)
    async with Watching(client, workflow="welcome") as watching:
        batches = [
            TriggerBatchRequest(
                events=[event("contact_created", f"c{batch}-{one}", patch={"plan": "pro"}) for one in range(20)]
            )
            for batch in range(15)
        ]
        answers = await asyncio.gather(*(client.enrollments.TriggerBatch(batch, timeout=20) for batch in batches))
        made = {result.accepted.verdicts[0].enrollment_id for answer in answers for result in answer.results}
        events = await watching.next(5 * len(made))
    by_run: dict[str, list[str]] = {}
    for one in events:
        by_run.setdefault(one.enrollment_id, []).append(told(one))
    assert set(by_run) == made
    assert all(line == WHOLE[:5] for line in by_run.values())


async def test_a_token_is_good_on_another_replica(url: str) -> None:
    settings = load_settings({"listen": "127.0.0.1:0", "database_url": url, "http_listen": "off", "unsafe": True})
    async with running(settings) as one, running(settings) as two, connect(one) as first, connect(two) as second:
        await publish(first)
        async with Watching(first, workflow="welcome") as watching:
            run = await enrolled(second)
            token = (await watching.next(5))[2].resume_token
        async with Watching(second, workflow="welcome", resume_token=token) as resumed:
            assert [told(event) for event in await resumed.next(2)] == WHOLE[3:5]
        await reply(first, run)


@pytest.mark.parametrize(
    ("request_fields", "code"),
    [
        ({}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"enrollment_id": "no"}, grpc.StatusCode.NOT_FOUND),
        ({"workflow": "no"}, grpc.StatusCode.NOT_FOUND),
        ({"contact_id": "no"}, grpc.StatusCode.NOT_FOUND),
        ({"workflow": "welcome", "resume_token": "bogus"}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"workflow": "welcome", "after_sequence": 1}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_what_cannot_be_watched_is_refused(
    client: AsyncClient, request_fields: dict[str, Any], code: grpc.StatusCode
) -> None:
    await publish(client)

    async def watch() -> None:
        async with Watching(client, **request_fields):
            pass

    assert (await refusal(watch())).code is code


async def test_a_draining_server_ends_its_watches_with_unavailable(url: str) -> None:
    settings = load_settings({"listen": "127.0.0.1:0", "database_url": url, "http_listen": "off", "unsafe": True})
    async with running(settings) as server, connect(server) as client:
        await publish(client)
        async with Watching(client, workflow="welcome") as watching:
            server.rpc.stop_serving()
            refused = await refusal(watching.rest())
    assert refused.code is grpc.StatusCode.UNAVAILABLE
    assert refused.retry is not None
