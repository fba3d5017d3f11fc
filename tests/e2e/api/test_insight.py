"""Funnels, totals and the weights of splits over gRPC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from statewright.client import AsyncClient
from statewright.v1 import (
    AdvanceRequest,
    CancelRequest,
    ExperimentRequest,
    FunnelRequest,
    FunnelResponse,
    GetHistoryRequest,
    GetSummaryRequest,
    OutboxServiceListRequest,
    SetSplitWeightsRequest,
    StatsRequest,
    TaskServiceListRequest,
    TriggerRequest,
)

from tests.e2e.api.calls import WELCOME, api, enrolled, event, publish, refusal

GOAL = WELCOME.replace(
    "exit:\n", "exit:\n  - {on: order_placed, goal: purchase}\n  - {on: order_placed, goal: never, reason: second}\n"
)
OTHER = "key: other\nsteps: [{id: only, type: pass}]\n"


def _at(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


async def _funnel(client: AsyncClient, **given: Any) -> FunnelResponse:
    return await client.workflows.Funnel(FunnelRequest(key="welcome", **given), timeout=10)


def _table(response: FunnelResponse) -> dict[str, tuple[int, ...]]:
    return {
        step.step: (step.entered, step.waiting, step.passed, step.exited, step.failed, step.cancelled, step.converted)
        for step in response.steps
    }


async def _four(client: AsyncClient) -> None:
    """One bought, one was cancelled, one passed on, one waits."""
    await publish(client, GOAL)
    ids = {name: await enrolled(client, name) for name in ("buys", "gone", "on", "waits")}
    await client.enrollments.Trigger(TriggerRequest(event=event("order_placed", "buys")), timeout=10)
    await client.enrollments.Cancel(CancelRequest(enrollment_id=ids["gone"], reason="asked"), timeout=10)
    await client.enrollments.Advance(AdvanceRequest(enrollment_id=ids["on"], transition="answered"), timeout=10)


async def test_a_funnel_tells_of_every_step_what_became_of_its_visits(client: AsyncClient) -> None:
    await _four(client)
    response = await _funnel(client)
    assert _table(response) == {
        "greet": (4, 0, 4, 0, 0, 0, 1),
        "reply": (4, 1, 1, 2, 0, 1, 1),
        "thank": (1, 0, 1, 0, 0, 0, 0),
        "give_up": (0, 0, 0, 0, 0, 0, 0),
    }
    assert (response.version, response.enrollments, response.converted, response.unrecorded) == (1, 4, 1, 0)
    assert [step.step_type for step in response.steps] == ["set_variable", "wait", "add_tag", "add_tag"]
    assert response.count_time.ToDatetime(tzinfo=UTC) > datetime.now(UTC) - timedelta(minutes=1)


async def test_a_funnel_of_a_version_lists_its_steps_and_one_of_all_those_that_were_removed(
    client: AsyncClient,
) -> None:
    await _four(client)
    await publish(client, GOAL.replace("id: reply", "id: answer"))
    await enrolled(client, "new")
    whole, first, second = await _funnel(client), await _funnel(client, version=1), await _funnel(client, version=2)
    assert [(step.step, step.entered) for step in whole.steps if step.removed] == [("reply", 4)]
    assert (_table(whole)["greet"][0], _table(first)["greet"][0], _table(second)["greet"][0]) == (5, 4, 1)
    assert (first.enrollments, second.enrollments, _table(second)["answer"][:2]) == (4, 1, (1, 1))


async def test_a_period_chooses_enrollments_by_their_start(client: AsyncClient) -> None:
    await _four(client)
    now = datetime.now(UTC)
    past, future = _at(now - timedelta(hours=1)), _at(now + timedelta(hours=1))
    assert (await _funnel(client, start_time_from=past, start_time_before=future)).enrollments == 4
    none = await _funnel(client, start_time_from=future)
    assert (none.enrollments, _table(none)["greet"]) == (0, (0, 0, 0, 0, 0, 0, 0))
    totals = await client.workflows.Stats(StatsRequest(key="welcome", start_time_before=past), timeout=10)
    assert [one.total for one in totals.workflows] == [0]


async def test_totals_count_by_status_reason_goal_and_error(client: AsyncClient) -> None:
    await _four(client)
    await publish(client, OTHER)
    response = await client.workflows.Stats(StatsRequest(), timeout=10)
    other, welcome = [MessageToDict(one, preserving_proto_field_name=True) for one in response.workflows]
    assert other == {"workflow": "other"}
    statuses = {each["status"].removeprefix("ENROLLMENT_STATUS_"): each["count"] for each in welcome["statuses"]}
    assert statuses == {"WAITING": "1", "COMPLETED": "1", "EXITED": "1", "CANCELLED": "1"}
    assert welcome["goals"] == [{"name": "purchase", "count": "1"}]
    assert welcome["exit_reasons"] == [{"name": "asked", "count": "1"}, {"name": "goal:purchase", "count": "1"}]
    assert (welcome["total"], welcome["converted"], "errors" in welcome) == ("4", "1", False)


async def test_totals_come_in_pages(client: AsyncClient) -> None:
    for key in ("a", "b", "c"):
        await publish(client, OTHER.replace("other", key))
    first = await client.workflows.Stats(StatsRequest(page_size=2), timeout=10)
    rest = await client.workflows.Stats(StatsRequest(page_size=2, page_token=first.next_page_token), timeout=10)
    assert [one.workflow for one in (*first.workflows, *rest.workflows)] == ["a", "b", "c"]
    assert rest.next_page_token == ""


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BACKWARDS: dict[str, Any] = {"start_time_from": _at(NOON), "start_time_before": _at(NOON)}


REFUSED: tuple[tuple[Any, grpc.StatusCode, list[str]], ...] = (
    (FunnelRequest(), grpc.StatusCode.INVALID_ARGUMENT, ["key"]),
    (FunnelRequest(key="nowhere"), grpc.StatusCode.NOT_FOUND, []),
    (FunnelRequest(key="other", version=7), grpc.StatusCode.NOT_FOUND, []),
    (FunnelRequest(key="other", **BACKWARDS), grpc.StatusCode.INVALID_ARGUMENT, ["start_time_before"]),
    (StatsRequest(key="nowhere"), grpc.StatusCode.NOT_FOUND, []),
    (StatsRequest(**BACKWARDS), grpc.StatusCode.INVALID_ARGUMENT, ["start_time_before"]),
    (StatsRequest(page_size=501), grpc.StatusCode.INVALID_ARGUMENT, ["page_size"]),
    (StatsRequest(page_token="x"), grpc.StatusCode.INVALID_ARGUMENT, ["page_token"]),
)


async def test_what_cannot_be_counted_is_refused_with_its_place(client: AsyncClient) -> None:
    await publish(client, OTHER)
    for request, code, places in REFUSED:
        call = client.workflows.Funnel if isinstance(request, FunnelRequest) else client.workflows.Stats
        refused = await refusal(call(request, timeout=10))
        assert refused.code == code, request
        assert not places or refused.places == places, request


async def test_an_experiment_tells_of_each_variant_and_refuses_what_there_is_not(client: AsyncClient) -> None:
    await publish(client, SPLIT.replace("steps:", "exit: [{on: paid, goal: order}]\nsteps:"))
    for number in range(30):
        await client.enrollments.Trigger(TriggerRequest(event=event("go", f"c{number}")), timeout=10)
    await client.enrollments.Trigger(TriggerRequest(event=event("paid", "c1")), timeout=10)
    answer = await client.workflows.Experiment(ExperimentRequest(key="split", goal_event="paid"), timeout=10)
    assert [(one.variant, one.share, one.control) for one in answer.variants] == [
        ("a", 3334, True),
        ("b", 3333, False),
        ("c", 3333, False),
    ]
    assert (sum(one.entered for one in answer.variants), sum(one.converted for one in answer.variants)) == (30, 1)
    assert 0.001 < answer.shares_p_value <= 1
    assert not answer.variants[0].HasField("p_value")
    assert all(one.rate_interval.low <= one.rate <= one.rate_interval.high for one in answer.variants)
    refused: tuple[tuple[dict[str, Any], list[str]], ...] = (
        ({"key": ""}, ["key"]),
        ({"step": "tell"}, ["step"]),
        ({"step": "nowhere"}, ["step"]),
        ({"goal": "fame"}, ["goal"]),
        ({"goal_event": "unheard"}, ["goal_event"]),
        ({"goal": "order", "goal_event": "paid"}, ["goal_event"]),
        ({"within": Duration(seconds=5)}, ["within"]),
        ({"goal_event": "paid", "within": Duration(seconds=-5)}, ["within"]),
        ({"control": "z"}, ["control"]),
        ({"confidence": 1.0}, ["confidence"]),
        (BACKWARDS, ["start_time_before"]),
    )
    for given, places in refused:
        request = ExperimentRequest(**{"key": "split", **given})
        refusing = await refusal(client.workflows.Experiment(request, timeout=10))
        assert (refusing.code, refusing.places) == (grpc.StatusCode.INVALID_ARGUMENT, places), given
    unknown = await refusal(client.workflows.Experiment(ExperimentRequest(key="nowhere"), timeout=10))
    assert unknown.code == grpc.StatusCode.NOT_FOUND


SPLIT = """
key: split
trigger: {type: go}
entry: {reentry: always}
steps:
  - {id: ab, type: split, config: {variants: {a: 1, b: 1, c: 1}}}
  - {id: tell, type: send_sms, config: {to: "+49", body: "{{contact.id}}"}}
"""


def _weights(**given: Any) -> SetSplitWeightsRequest:
    return SetSplitWeightsRequest(**{"key": "split", "weights": {"a": 0, "b": 2, "c": 1}, **given})


async def test_weights_are_set_live_once_per_request_and_by_revision(client: AsyncClient) -> None:
    await publish(client, SPLIT)
    request = _weights(request_id="w1", expected_revision=1)
    first = await client.workflows.SetSplitWeights(request, timeout=10)
    assert (dict(first.shares), first.step, first.version) == ({"a": 0, "b": 6667, "c": 3333}, "ab", 1)
    again = await client.workflows.SetSplitWeights(request, timeout=10)
    assert (again, again.workflow.revision) == (first, 2)
    stale = await refusal(client.workflows.SetSplitWeights(_weights(expected_revision=1), timeout=10))
    assert stale.info.reason == "STALE_REVISION"
    other = await refusal(client.workflows.SetSplitWeights(_weights(request_id="w1"), timeout=10))
    assert other.info.reason == "REQUEST_ID_REUSED"
    for given, places in (
        ({"key": ""}, ["key"]),
        ({"weights": {}}, ["weights"]),
        ({"weights": {"a": 1, "b": 1, "d": 1}}, ["weights[d]", "weights[c]"]),
        ({"step": "tell"}, ["step"]),
        ({"step": "nowhere"}, ["step"]),
    ):
        refused = await refusal(client.workflows.SetSplitWeights(_weights(**given), timeout=10))
        assert (refused.code, refused.places) == (grpc.StatusCode.INVALID_ARGUMENT, places), given
    unknown = await refusal(client.workflows.SetSplitWeights(_weights(version=9), timeout=10))
    assert unknown.info.reason == "VERSION_NOT_FOUND"


async def test_the_variant_is_told_with_history_tasks_and_messages(url: str) -> None:
    async with api(url, dev=True) as client:
        await publish(client, SPLIT)
        await client.workflows.SetSplitWeights(_weights(weights={"a": 0, "b": 1, "c": 0}), timeout=10)
        answer = await client.enrollments.Trigger(TriggerRequest(event=event("go")), timeout=10)
        run = answer.verdicts[0].enrollment_id
        told: Any = None
        while told is None or not told.messages:
            told = await client.outbox.List(OutboxServiceListRequest(enrollment_id=run), timeout=10)
        tasks = await client.tasks.List(TaskServiceListRequest(enrollment_id=run), timeout=10)
        history = await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=run), timeout=10)
    assert [dict(one.variants) for one in (*told.messages, *tasks.tasks)] == [{"ab": "b"}] * 2
    assert [dict(one.variants) for one in history.entries[:3]] == [{}, {"ab": "b"}, {"ab": "b"}]


LOOP = """
key: summed
trigger: {type: go}
steps:
  - {id: twice, type: loop, config: {count: 2}, body: [{id: tag, type: add_tag, config: {tag: x}}]}
  - {id: never, type: pass, when: {expression: "false"}}
  - {id: sum, type: update_field, config: {field: company, value: a, operation: increment}, on_error: rest}
  - {id: rest, type: wait, config: {for: 1d}}
"""


async def test_a_summary_tells_of_each_step_how_often_and_how_it_went(client: AsyncClient) -> None:
    await publish(client, LOOP)
    started = event("go", patch={"company": "Acme"})
    answer = await client.enrollments.Trigger(TriggerRequest(event=started), timeout=10)
    run = answer.verdicts[0].enrollment_id
    summary = await client.enrollments.GetSummary(GetSummaryRequest(enrollment_id=run), timeout=10)
    told = {one.step: (one.visits, one.completed, one.failed, one.skipped) for one in summary.steps}
    assert told == {
        "twice": (3, 3, 0, 0),
        "tag": (2, 2, 0, 0),
        "never": (0, 0, 0, 1),
        "sum": (1, 0, 1, 0),
        "rest": (1, 0, 0, 0),
    }
    assert (summary.enrollment.id, summary.entries, summary.errors) == (run, 9, 1)
    missing = await refusal(client.enrollments.GetSummary(GetSummaryRequest(enrollment_id="none"), timeout=10))
    assert missing.info.reason == "ENROLLMENT_NOT_FOUND"
    empty = await refusal(client.enrollments.GetSummary(GetSummaryRequest(), timeout=10))
    assert empty.places == ["enrollment_id"]
