"""Enrolling by API, and what operators do to one enrollment."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

from google.protobuf.message import Message
from statewright.v1 import (
    AdvanceRequest,
    AdvanceResponse,
    CancelRequest,
    CancelResponse,
    EnrollBatchRequest,
    EnrollBatchResponse,
    EnrollmentServicePauseRequest,
    EnrollmentServicePauseResponse,
    EnrollmentServiceResumeRequest,
    EnrollmentServiceResumeResponse,
    EnrollRequest,
    EnrollResponse,
    RescheduleRequest,
    RescheduleResponse,
    RetryRequest,
    RetryResponse,
    SetVariablesRequest,
    SetVariablesResponse,
)

from service.engine.commands import DEFAULT_TENANT, EnrollAnswer, EnrollContact, Operate, OperateAnswer
from service.rpc.enrollment_message import pause_policies, write_enrollment
from service.rpc.errors import status_of
from service.rpc.event_message import read_contact_patch, write_verdict
from service.rpc.fields import Violations, check_batch, check_size
from service.rpc.moment import read_instant, read_span
from service.rpc.payload import read_payload
from service.rpc.repeats import body_hash, request_key
from service.rpc.rooms import Rooms
from service.storage.database import Transaction
from service.storage.enrollment_queries import EnrollmentRecord, find_enrollment, find_enrollments
from statemachine.cause import Operation
from statemachine.errors import InvalidInput, WorkflowError
from statemachine.limits import MAX_EVENT_BYTES, MAX_OUTPUT_BYTES
from statemachine.snapshot import Snapshot
from statemachine.variable_patch import changes_of

R = TypeVar("R", bound=Message)
_MOST_BY: Final = timedelta(days=36_525)


class EnrollRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine

    async def enroll(self, request: EnrollRequest) -> EnrollResponse:
        answer = cast(EnrollAnswer, await self._engine.ask(_enrolment(request, "")))
        response = EnrollResponse()
        _write_verdict(answer, request, response)
        if answer.snapshot is not None and not request.dry_run:
            record, now = await self._read(answer.snapshot)
            write_enrollment(record, response.enrollment, now=now, full=True)
        return response

    async def enroll_batch(self, request: EnrollBatchRequest) -> EnrollBatchResponse:
        check_batch("requests", request.requests)
        commands = _enrolments(request)
        good = [command for command in commands if not isinstance(command, WorkflowError)]
        answers = iter(await self._engine.ask_all(good) if good else ())
        settled = [command if isinstance(command, WorkflowError) else next(answers) for command in commands]
        records, now = await self._read_all(
            [answer.snapshot.id for answer in settled if isinstance(answer, EnrollAnswer) and answer.snapshot]
        )
        response = EnrollBatchResponse()
        for item, answer in zip(request.requests, settled, strict=True):
            result = response.results.add()
            if isinstance(answer, Exception):
                result.error.CopyFrom(status_of(answer))
                continue
            assert isinstance(answer, EnrollAnswer)
            _write_verdict(answer, item, result.enrolled)
            record = records.get(answer.snapshot.id) if answer.snapshot and not item.dry_run else None
            if record is not None:
                write_enrollment(record, result.enrolled.enrollment, now=now, full=False)
        return response

    async def advance(self, request: AdvanceRequest) -> AdvanceResponse:
        violations = _about(request)
        violations.name("transition", request.transition, required=True)
        data = violations.read(read_payload, "data", request.data, MAX_OUTPUT_BYTES, "output")
        violations.check()
        return await self._operate(
            "advance", request, AdvanceResponse(), {"transition": request.transition, "data": data}
        )

    async def pause(self, request: EnrollmentServicePauseRequest) -> EnrollmentServicePauseResponse:
        violations = _about(request)
        policies = violations.read(pause_policies, request)
        violations.check()
        return await self._operate("pause", request, EnrollmentServicePauseResponse(), policies)

    async def resume(self, request: EnrollmentServiceResumeRequest) -> EnrollmentServiceResumeResponse:
        _about(request).check()
        return await self._operate("resume", request, EnrollmentServiceResumeResponse(), {})

    async def cancel(self, request: CancelRequest) -> CancelResponse:
        violations = _about(request)
        violations.name("reason", request.reason)
        violations.check()
        return await self._operate("cancel", request, CancelResponse(), {"reason": request.reason or "cancelled"})

    async def retry(self, request: RetryRequest) -> RetryResponse:
        violations = _about(request)
        edited = violations.read(read_payload, "input", request.input, MAX_EVENT_BYTES, "input")
        violations.check()
        return await self._operate("retry", request, RetryResponse(), {"input": edited} if edited else {})

    async def set_variables(self, request: SetVariablesRequest) -> SetVariablesResponse:
        violations = _about(request)
        patch = violations.read(read_payload, "variables", request.variables, MAX_EVENT_BYTES, "variables")
        if patch is not None:
            violations.read(changes_of, patch, "variables")
        violations.check()
        return await self._operate("set_variables", request, SetVariablesResponse(), {"variables": patch})

    async def reschedule(self, request: RescheduleRequest) -> RescheduleResponse:
        violations = _about(request)
        wanted = violations.read(_wanted_timer, request)
        violations.check()
        return await self._operate("reschedule", request, RescheduleResponse(), wanted)

    async def _operate(self, operation: Operation, request: Any, response: R, data: dict[str, Any]) -> R:
        command = Operate(
            DEFAULT_TENANT,
            request.enrollment_id,
            operation,
            request_key(request.request_id),
            body_hash(request),
            data,
            request.expected_revision if request.HasField("expected_revision") else None,
        )
        answer = cast(OperateAnswer, await self._engine.ask(command))
        record, now = await self._read(answer.snapshot)
        write_enrollment(record, response.enrollment, now=now, full=True)  # type: ignore[attr-defined]
        return response

    async def _read(self, snapshot: Snapshot) -> tuple[EnrollmentRecord, datetime]:
        """What the engine answered, with the path and task that only the store knows."""

        def work(transaction: Transaction) -> tuple[EnrollmentRecord, datetime]:
            now = self._engine.clock.read(transaction).workflow
            return find_enrollment(transaction, DEFAULT_TENANT, snapshot.id), now

        record, now = await self._engine.read(work)
        return replace(record, snapshot=snapshot, due_at=snapshot.next_deadline), now

    async def _read_all(self, enrollment_ids: list[str]) -> tuple[dict[str, EnrollmentRecord], datetime]:
        def work(transaction: Transaction) -> tuple[dict[str, EnrollmentRecord], datetime]:
            now = self._engine.clock.read(transaction).workflow
            return find_enrollments(transaction, DEFAULT_TENANT, enrollment_ids, paths=False), now

        return await self._engine.read(work)


def _about(request: Any) -> Violations:
    """What is wrong with the parts that all operators' requests have."""
    violations = Violations()
    violations.required_id("enrollment_id", request.enrollment_id)
    violations.name("request_id", request.request_id)
    return violations


def _wanted_timer(request: RescheduleRequest) -> dict[str, Any]:
    kind = request.WhichOneof("when")
    if kind == "to_time":
        return {"until": read_instant(request.to_time, "to_time").isoformat()}
    if kind == "by":
        span = read_span(request.by, "by", least=-_MOST_BY, most=_MOST_BY)
        if span:
            return {"by_s": span.total_seconds()}
        raise InvalidInput("by: a span that is not zero", [("by", "a span that is not zero")])
    wanted = "required: to_time or by"
    raise InvalidInput(f"when: {wanted}", [("when", wanted)])


def _write_verdict(answer: EnrollAnswer, request: EnrollRequest, response: EnrollResponse) -> None:
    """A dry run has no enrollment to name."""
    write_verdict(answer.verdict, response.verdict)
    if request.dry_run:
        response.verdict.enrollment_id = response.verdict.step = ""


def _enrolments(request: EnrollBatchRequest) -> list[EnrollContact | WorkflowError]:
    commands: list[EnrollContact | WorkflowError] = []
    for index, item in enumerate(request.requests):
        try:
            commands.append(_enrolment(item, f"requests[{index}]."))
        except InvalidInput as error:
            commands.append(error)
    return commands


def _enrolment(request: EnrollRequest, place: str) -> EnrollContact:
    violations = Violations()
    violations.name(f"{place}workflow", request.workflow, required=True)
    violations.name(f"{place}contact_id", request.contact_id)
    violations.name(f"{place}key", request.key)
    violations.name(f"{place}conversation_id", request.conversation_id)
    violations.number(f"{place}priority", request.priority, -100, 100)
    if request.HasField("version") and request.version < 1:
        violations.add(f"{place}version", "a version, from 1")
    if request.contact_patch.fields and not request.contact_id:
        violations.add(f"{place}contact_id", "required with a contact_patch")
    if request.conversation_id and not request.contact_id:
        violations.add(f"{place}contact_id", "required with a conversation_id")
    given = violations.read(read_payload, f"{place}input", request.input, MAX_EVENT_BYTES, "event")
    violations.read(check_size, f"{place}contact_patch", request.contact_patch, MAX_EVENT_BYTES, "event")
    patch = violations.read(read_contact_patch, request.contact_patch, f"{place}contact_patch")
    violations.name(f"{place}request_id", request.request_id)
    violations.check()
    return EnrollContact(
        DEFAULT_TENANT,
        request.workflow,
        request.contact_id or None,
        request_key(request.request_id),
        body_hash(request),
        request.key or None,
        given,
        patch,
        request.priority,
        request.version if request.HasField("version") else None,
        request.dry_run,
        request.conversation_id or None,
    )
