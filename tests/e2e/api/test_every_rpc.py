"""Every RPC answers what it is for, and refuses what is no request of its kind as its comments say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct, Value
from statewright import v1
from statewright.client import AsyncClient

from tests.e2e.api.calls import Refusal, event
from tests.e2e.api.every_rpc import (
    RPCS,
    answer_of,
    empty_request,
    not_found_reasons,
    refused,
    required_parts,
)

MINUTE: Final = Duration(seconds=60)
GLOBAL: Final = v1.VariableScope.VARIABLE_SCOPE_GLOBAL
AWAY: Final = v1.AgentAvailability.AGENT_AVAILABILITY_AWAY

LEAD = """
key: lead
trigger: {type: go}
entry: {reentry: always}
exit: [{on: purchase, goal: won}]
steps:
  - id: reply
    type: wait
    config: {on: [{event: answered, branch: answered}], timeout: 2d}
    branches: {answered: arms, timeout: end}
  - {id: arms, type: split, config: {variants: {a: 50, b: 50}}, branches: {a: work, b: work}}
  - {id: work, type: task, config: {queue: q}}
  - {id: ask, type: approval, config: {queue: desk}, branches: {approved: end, rejected: end}}
tests:
  - name: an answer leads to work
    events: [{type: go}, {after: 1h, type: answered}]
    expect: {path: [reply, arms, work, ask]}
"""


async def test_every_rpc_refuses_bytes_that_are_no_message(client: AsyncClient) -> None:
    answers = {rpc: await refused(client, rpc, b"\xff\xff\xff") for rpc in RPCS}
    assert {rpc: _reason(answer) for rpc, answer in answers.items()} == dict.fromkeys(RPCS, "UNDECODABLE")


async def test_every_rpc_names_all_required_parts_when_its_request_is_empty(client: AsyncClient) -> None:
    wrong = {}
    for rpc in RPCS:
        answer = await refused(client, rpc, empty_request(rpc))
        wanted = (required_parts(rpc) - {"message"}) | _AT_LEAST_ONE.get(rpc, set())
        if not wanted:
            fine = answer is None
        else:
            fine = answer is not None and _reason(answer) == "INVALID_ARGUMENT" and _names(answer, wanted)
        if not fine:
            wrong[rpc] = (wanted, answer and answer.places)
    assert not wrong


_AT_LEAST_ONE: Final = {
    "AgentService.ListAssignments": {"agent_id"},
    "TaskService.Stream": {"subscribe"},
}
"""What stands for parts of which one must be there, though none is required."""


async def test_every_rpc_that_is_asked_about_somebody_unknown_says_so(client: AsyncClient) -> None:
    asked = [rpc for rpc in RPCS if not_found_reasons(rpc)]
    answers = {rpc: await refused(client, rpc, _about_nobody(rpc)) for rpc in asked}
    wrong = {rpc: _reason(answer) for rpc, answer in answers.items() if _reason(answer) not in not_found_reasons(rpc)}
    assert not wrong
    assert len(asked) > 50
    assert {answer.code for answer in answers.values() if answer} == {grpc.StatusCode.NOT_FOUND}


def _about_nobody(rpc: str) -> Any:
    """A request that is complete, about an id that nobody has."""
    request: Any = empty_request(rpc)
    fields = RPCS[rpc].input_type.fields_by_name
    for name in required_parts(rpc) | _SUBJECTS.get(rpc, set()):
        field = fields.get(name)
        if field is not None and not field.is_repeated and field.type in _SAMPLES:
            setattr(request, name, _SAMPLES[field.type])
    request.MergeFrom(type(request)(**_REST.get(rpc, {})))
    return request


_SAMPLES: Final[Mapping[int, Any]] = {
    FieldDescriptor.TYPE_STRING: "nobody",
    FieldDescriptor.TYPE_INT32: 1,
    FieldDescriptor.TYPE_ENUM: 2,
}
_SUBJECTS: Final[Mapping[str, set[str]]] = {
    **{f"VariableService.{name}": {"conversation_id"} for name in ("Get", "Set", "List", "Delete")},
    "EnrollmentService.Watch": {"enrollment_id"},
    "EnrollmentService.Explain": {"enrollment_id"},
    "TaskService.Reassign": {"agent_id"},
    "WorkflowService.Render": {"key"},
    "WorkflowService.Simulate": {"key"},
    "WorkflowService.RunTests": {"key"},
    "WorkflowService.Stats": {"key"},
}
"""The parts, besides the required ones, that say what a request is about."""
_VARIABLES: Final = Struct()
_VARIABLES.update({"a": 1})
_REST: Final[Mapping[str, dict[str, Any]]] = {
    "ContactService.ChangeTags": {"add": ["vip"]},
    "ContactService.SetConsent": {"do_not_contact": True},
    "EnrollmentService.Reschedule": {"by": MINUTE},
    "EnrollmentService.SetVariables": {"variables": _VARIABLES},
    **{f"TaskService.{name}": {"lease_token": "7"} for name in ("Complete", "Fail", "Throw", "Extend")},
    "VariableService.Set": {"value": Value(number_value=1)},
    "WorkflowService.SetSplitWeights": {"weights": {"a": 1}},
}


async def test_every_rpc_answers_what_it_is_for(client: AsyncClient) -> None:
    walk = Walk(client)
    await walk.definitions()
    await walk.people()
    await walk.runs()
    await walk.work()
    await walk.figures()
    assert set(RPCS) - walk.answered == set()


class Walk:
    """Through all calls, as a client would make them; each answers OK."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self.answered: set[str] = set()

    async def call(self, rpc: str, request: Any) -> Any:
        answer = await answer_of(self._client, rpc, request)
        assert answer is not None, rpc
        self.answered.add(rpc)
        return answer

    async def definitions(self) -> None:
        other = LEAD.replace("2d", "3d")
        assert (await self.call("WorkflowService.Validate", v1.ValidateRequest(source=LEAD))).valid
        await self.call("WorkflowService.Publish", v1.PublishRequest(source=LEAD))
        await self.call("WorkflowService.Publish", v1.PublishRequest(source=other))
        listed = await self.call("WorkflowService.ListVersions", v1.ListVersionsRequest(key="lead"))
        assert [version.number for version in listed.versions] == [2, 1]
        await self.call("WorkflowService.Activate", v1.ActivateRequest(key="lead", version=1))
        got = await self.call("WorkflowService.Get", v1.WorkflowServiceGetRequest(key="lead"))
        assert got.workflow.active_version == 1
        assert (await self.call("WorkflowService.List", v1.WorkflowServiceListRequest())).workflows
        assert (await self.call("WorkflowService.Export", v1.WorkflowServiceExportRequest(key="lead"))).source
        assert (await self.call("WorkflowService.Render", v1.RenderRequest(key="lead"))).text
        assert (await self.call("WorkflowService.Diff", v1.DiffRequest(key="lead"))).differences
        assert (await self.call("WorkflowService.RunTests", v1.RunTestsRequest(source=LEAD))).passed
        script = v1.SimulateRequest(key="lead", events=[v1.ScriptedEvent(type="go")])
        assert (await self.call("WorkflowService.Simulate", script)).timeline

    async def people(self) -> None:
        ann = v1.Contact(id="ann")
        await self.call("ContactService.Upsert", v1.UpsertRequest(contact=ann))
        await self.call("ContactService.UpsertBatch", v1.UpsertBatchRequest(requests=[v1.UpsertRequest(contact=ann)]))
        await self.call("ContactService.ChangeTags", v1.ChangeTagsRequest(contact_id="ann", add=["vip"]))
        await self.call("ContactService.SetConsent", v1.SetConsentRequest(contact_id="ann", do_not_contact=False))
        got = await self.call("ContactService.Get", v1.ContactServiceGetRequest(contact_id="ann"))
        assert list(got.contact.tags) == ["vip"]
        assert (await self.call("ContactService.List", v1.ContactServiceListRequest(tag="vip"))).contacts
        assert (await self.call("ContactService.ListEvents", v1.ListEventsRequest(contact_id="ann"))).events
        assert (await self.call("ContactService.CountEvents", v1.CountEventsRequest(contact_id="ann"))).total
        hello = event("hello")
        hello.conversation_id = "c1"
        await self.call("EnrollmentService.Trigger", v1.TriggerRequest(event=hello))
        await self.call("ContactService.GetConversation", v1.GetConversationRequest(conversation_id="c1"))
        listed = await self.call("ContactService.ListConversations", v1.ListConversationsRequest(contact_id="ann"))
        assert [talk.id for talk in listed.conversations] == ["c1"]
        await self.call("ContactService.CloseConversation", v1.CloseConversationRequest(conversation_id="c1"))
        shared: dict[str, Any] = {"scope": GLOBAL, "name": "rate"}
        await self.call("VariableService.Set", v1.VariableServiceSetRequest(**shared, value=Value(number_value=7)))
        await self.call("VariableService.Get", v1.VariableServiceGetRequest(**shared))
        await self.call("VariableService.List", v1.VariableServiceListRequest(scope=GLOBAL))
        await self.call("VariableService.Delete", v1.VariableServiceDeleteRequest(**shared))
        for name in ("bob", "cid"):
            await self.call("AgentService.Put", v1.AgentServicePutRequest(agent=v1.Agent(id=name)))
        assert len((await self.call("AgentService.List", v1.AgentServiceListRequest())).agents) == 2
        away = v1.SetAvailabilityRequest(agent_id="cid", availability=AWAY)
        await self.call("AgentService.SetAvailability", away)
        got = await self.call("AgentService.Get", v1.AgentServiceGetRequest(agent_id="cid"))
        assert got.agent.availability == AWAY

    async def runs(self) -> None:
        run = (await self.enrol()).enrollment.id
        one: dict[str, Any] = {"enrollment_id": run}
        batch = v1.EnrollBatchRequest(requests=[v1.EnrollRequest(workflow="lead", contact_id="bea")])
        assert (await self.call("EnrollmentService.EnrollBatch", batch)).results[0].enrolled.enrollment.id
        assert (
            await self.call("EnrollmentService.Get", v1.EnrollmentServiceGetRequest(**one))
        ).enrollment.step == "reply"
        assert (await self.call("EnrollmentService.List", v1.EnrollmentServiceListRequest(workflow="lead"))).enrollments
        assert (await self.call("EnrollmentService.Count", v1.CountRequest(workflow="lead"))).counts.total == 2
        options = await self.call("EnrollmentService.ListTransitions", v1.ListTransitionsRequest(**one))
        assert [option.name for option in options.transitions] == ["answered", "timeout"]
        assert (await self.call("EnrollmentService.GetHistory", v1.GetHistoryRequest(**one))).entries
        assert (await self.call("EnrollmentService.GetSummary", v1.GetSummaryRequest(**one))).steps
        await self.call("EnrollmentService.Watch", v1.EnrollmentServiceWatchRequest(**one))
        assert (await self.call("EnrollmentService.Explain", v1.ExplainRequest(**one))).run.moves
        assert (await self.call("EnrollmentService.Forecast", v1.ForecastRequest(**one))).stays
        await self.call("EnrollmentService.SetVariables", v1.SetVariablesRequest(**one, variables=_VARIABLES))
        await self.call("EnrollmentService.Reschedule", v1.RescheduleRequest(**one, by=MINUTE))
        await self.call("EnrollmentService.Pause", v1.EnrollmentServicePauseRequest(**one))
        await self.call("EnrollmentService.Resume", v1.EnrollmentServiceResumeRequest(**one))
        await self.call("EnrollmentService.Cancel", v1.CancelRequest(**one))
        events = [event("answered", "bea")]
        moved = await self.call("EnrollmentService.TriggerBatch", v1.TriggerBatchRequest(events=events))
        assert moved.results[0].accepted.verdicts[0].kind == v1.VerdictKind.VERDICT_KIND_ADVANCED
        begun = v1.TriggerStreamRequest(events=[event("go", name) for name in ("dan", "eve", "fay", "gus")])
        await self.call("EnrollmentService.TriggerStream", begun)
        every = v1.BatchRequest(
            filter=v1.BatchFilter(workflow="lead", step="reply"), advance=v1.BatchAdvance(transition="answered")
        )
        await self.call("EnrollmentService.Batch", every)

    async def enrol(self) -> Any:
        return await self.call("EnrollmentService.Enroll", v1.EnrollRequest(workflow="lead", contact_id="ann"))

    async def work(self) -> None:
        poll = v1.PollRequest(queues=["q"], worker_id="w", max_tasks=4)
        leased = list((await self.call("TaskService.Poll", poll)).tasks)
        first, second, third, fourth = ({"task_id": task.id, "lease_token": task.lease_token} for task in leased)
        await self.call("TaskService.Extend", v1.ExtendRequest(**first))
        assert (await self.call("TaskService.Complete", v1.CompleteRequest(**first))).applied
        both = v1.CompleteBatchRequest(requests=[v1.CompleteRequest(**second)])
        assert (await self.call("TaskService.CompleteBatch", both)).results[0].completed.applied
        await self.call("TaskService.Fail", v1.FailRequest(**third, code="no", retryable=False))
        await self.call("TaskService.Throw", v1.ThrowRequest(**fourth, code="no"))
        await self.call("EnrollmentService.Retry", v1.RetryRequest(enrollment_id=leased[2].enrollment_id))
        wanted = v1.StreamSubscription(queues=["q"], worker_id="w", credit=1)
        assert (await self.call("TaskService.Stream", v1.StreamRequest(subscribe=wanted))).task.id
        human = await self.call("TaskService.List", v1.TaskServiceListRequest(kind=v1.TaskKind.TASK_KIND_HUMAN))
        one: dict[str, Any] = {"task_id": human.tasks[0].id}
        assert (await self.call("TaskService.Get", v1.TaskServiceGetRequest(**one))).task.step == "ask"
        await self.call("TaskService.Claim", v1.ClaimRequest(**one, agent_id="bob"))
        await self.call("TaskService.Release", v1.ReleaseRequest(**one, agent_id="bob"))
        await self.call("TaskService.Reassign", v1.ReassignRequest(**one, agent_id="cid"))
        await self.call("TaskService.Decide", v1.DecideRequest(**one, agent_id="cid", decision="approved"))
        about: dict[str, Any] = {"agent_id": "cid"}
        assert (await self.call("AgentService.ListAssignments", v1.ListAssignmentsRequest(**about))).assignments
        assert (await self.call("AgentService.ListNotifications", v1.ListNotificationsRequest(**about))).notifications
        await self.call("AgentService.Watch", v1.AgentServiceWatchRequest(**about, after_sequence=0))
        await self.call("AgentService.Delete", v1.AgentServiceDeleteRequest(agent_id="bob"))
        waiting = (await self.call("EnrollmentService.List", v1.EnrollmentServiceListRequest(step="ask"))).enrollments
        decided = v1.AdvanceRequest(enrollment_id=waiting[0].id, transition="approved")
        await self.call("EnrollmentService.Advance", decided)

    async def figures(self) -> None:
        key: dict[str, Any] = {"key": "lead"}
        assert (await self.call("WorkflowService.Funnel", v1.FunnelRequest(**key))).steps
        assert (await self.call("WorkflowService.Stats", v1.StatsRequest(**key))).workflows
        assert len((await self.call("WorkflowService.Experiment", v1.ExperimentRequest(**key))).variants) == 2
        weights = v1.SetSplitWeightsRequest(**key, weights={"a": 9, "b": 1})
        assert (await self.call("WorkflowService.SetSplitWeights", weights)).shares["a"] == 9000
        await self.call("WorkflowService.Pause", v1.WorkflowServicePauseRequest(**key))
        await self.call("WorkflowService.Resume", v1.WorkflowServiceResumeRequest(**key))
        versions: dict[str, Any] = {"from_version": 1, "to_version": 2}
        plan = await self.call("WorkflowService.PlanMigration", v1.PlanMigrationRequest(**key, **versions))
        assert plan.total > 0
        await self.call("WorkflowService.ApplyMigration", v1.ApplyMigrationRequest(**key, **versions))
        await self.call("WorkflowService.Delete", v1.WorkflowServiceDeleteRequest(**key, force=True))
        await self.call("OutboxService.List", v1.OutboxServiceListRequest())
        await self.call("AdminService.GetServerInfo", v1.GetServerInfoRequest())


def _reason(answer: Refusal | None) -> str:
    return "" if answer is None else str(answer.info.reason)


def _names(answer: Refusal, wanted: set[str]) -> bool:
    return wanted <= {place.split(".")[0] for place in answer.places}
