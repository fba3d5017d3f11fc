"""WorkflowService, drawing aside: definitions in, versions out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message
from statewright.v1 import (
    ActivateRequest,
    ActivateResponse,
    ListVersionsRequest,
    ListVersionsResponse,
    PublishRequest,
    PublishResponse,
    ValidateRequest,
    ValidateResponse,
    WorkflowServiceExportRequest,
    WorkflowServiceExportResponse,
    WorkflowServiceGetRequest,
    WorkflowServiceGetResponse,
    WorkflowServiceListRequest,
    WorkflowServiceListResponse,
    WorkflowServicePauseRequest,
    WorkflowServicePauseResponse,
    WorkflowServiceResumeRequest,
    WorkflowServiceResumeResponse,
)

from service.engine.catalog import load_stored
from service.engine.commands import DEFAULT_TENANT
from service.engine.publishing import Publication, activate, prepare, resume
from service.rpc.enrollment_message import pause_policies
from service.rpc.fields import Violations, all_chosen, chosen, required_id
from service.rpc.pages import fill_page, make_token, read_page
from service.rpc.repeats import once
from service.rpc.rooms import Rooms
from service.rpc.workflow_message import (
    FORMAT_WORDS,
    FORMATS,
    STATUS_WORDS,
    write_problems,
    write_version,
    write_workflow,
)
from service.storage.database import Transaction
from service.storage.enrollment_queries import Counts, EnrollmentFilter, count_by_workflow, count_enrollments
from service.storage.workflow_queries import find_version, find_workflow, list_versions, list_workflows
from service.storage.workflows import StoredVersion, StoredWorkflow
from statemachine.conversion import convert
from statemachine.definition import Loaded, load_workflow
from statemachine.names import canonical_event

R = TypeVar("R", bound=Message)


class _Rehearsed(Exception):  # noqa: N818 - takes a rehearsal back
    """Carries the answer of a publication that must not be stored out of its transaction."""

    def __init__(self, response: PublishResponse) -> None:
        self.response = response


class WorkflowRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine

    async def validate(self, request: ValidateRequest) -> ValidateResponse:
        format_word = _check_source(request)
        loaded = await asyncio.to_thread(
            load_workflow,
            request.source,
            format=_format(format_word) or None,
            key=request.key or None,
            name=request.name or None,
            lenient=request.lenient,
        )
        problems = await self._engine.problems_of(DEFAULT_TENANT, loaded)
        response = ValidateResponse(valid=all(problem.severity != "error" for problem in problems))
        write_problems(problems, response.problems)
        return response

    async def publish(self, request: PublishRequest) -> PublishResponse:
        format_word = _check_source(request)
        publication = Publication(
            DEFAULT_TENANT,
            request.source,
            _format(format_word) or None,
            request.key or None,
            request.name or None,
            request.activate if request.HasField("activate") else True,
            request.lenient,
            request.expected_revision if request.HasField("expected_revision") else None,
        )
        if request.validate_only:
            return await self._rehearse(publication)
        loaded = await asyncio.to_thread(prepare, publication)
        return await self._once(
            "publish", request, PublishResponse, lambda found: self._publish(found, publication, loaded)
        )

    async def get(self, request: WorkflowServiceGetRequest) -> WorkflowServiceGetResponse:
        key = required_id("key", request.key)
        wanted = request.version if request.HasField("version") else None

        def work(transaction: Transaction) -> WorkflowServiceGetResponse:
            workflow, version = find_version(transaction, DEFAULT_TENANT, key, wanted)
            response = WorkflowServiceGetResponse()
            write_workflow(workflow, _counts(transaction, key), response.workflow)
            active = version.version == workflow.active_version
            write_version(version, response.version, active=active, definition=_canonical(version))
            return response

        return await self._engine.read(work)

    async def list(self, request: WorkflowServiceListRequest) -> WorkflowServiceListResponse:
        violations = Violations()
        violations.name("trigger_type", request.trigger_type)
        statuses = violations.read(all_chosen, "status", request.status, STATUS_WORDS)
        size, after = read_page(violations, request, str)
        violations.check()

        def work(transaction: Transaction) -> WorkflowServiceListResponse:
            rows = list_workflows(
                transaction,
                DEFAULT_TENANT,
                statuses=statuses,
                keys=self._listeners(transaction, request.trigger_type) if request.trigger_type else None,
                after=after[0] if after else "",
                limit=size + 1,
            )
            counts = count_by_workflow(transaction, DEFAULT_TENANT, [row.key for row in rows])
            response = WorkflowServiceListResponse()

            def write(row: StoredWorkflow, message: Any) -> None:
                by_status = counts.get(row.key, {})
                write_workflow(row, Counts(sum(by_status.values()), by_status, {}), message)

            last = fill_page(rows, size, response.workflows, write, lambda row: (row.key,))
            response.next_page_token = make_token(request, last)
            return response

        return await self._engine.read(work)

    async def list_versions(self, request: ListVersionsRequest) -> ListVersionsResponse:
        violations = Violations()
        key = violations.required_id("key", request.key)
        size, before = read_page(violations, request, int)
        violations.check()

        def work(transaction: Transaction) -> ListVersionsResponse:
            workflow = find_workflow(transaction, DEFAULT_TENANT, key)
            last_seen = before[0] if before else None
            rows = list_versions(transaction, DEFAULT_TENANT, key, before=last_seen, limit=size + 1)
            response = ListVersionsResponse()

            def write(row: StoredVersion, message: Any) -> None:
                write_version(row, message, active=row.version == workflow.active_version)

            last = fill_page(rows, size, response.versions, write, lambda row: (row.version,))
            response.next_page_token = make_token(request, last)
            return response

        return await self._engine.read(work)

    async def activate(self, request: ActivateRequest) -> ActivateResponse:
        violations = _about(request)
        if request.version < 1:
            violations.add("version", "a published version, from 1")
        violations.check()

        def work(transaction: Transaction) -> ActivateResponse:
            stored = activate(
                transaction, self._engine.clock, DEFAULT_TENANT, request.key, request.version, _expected(request)
            )
            return _answer(transaction, stored, ActivateResponse())

        return await self._once("activate", request, ActivateResponse, work)

    async def pause(self, request: WorkflowServicePauseRequest) -> WorkflowServicePauseResponse:
        violations = _about(request)
        named = violations.read(pause_policies, request)
        violations.check()
        key = request.key

        def work(transaction: Transaction) -> WorkflowServicePauseResponse:
            stored = self._engine.pause_within(
                transaction, DEFAULT_TENANT, key, named.get("timers"), named.get("events"), _expected(request)
            )
            return _answer(transaction, stored, WorkflowServicePauseResponse())

        return await self._once("pause_workflow", request, WorkflowServicePauseResponse, work)

    async def resume(self, request: WorkflowServiceResumeRequest) -> WorkflowServiceResumeResponse:
        _about(request).check()

        def work(transaction: Transaction) -> WorkflowServiceResumeResponse:
            stored = resume(transaction, self._engine.clock, DEFAULT_TENANT, request.key, _expected(request))
            return _answer(transaction, stored, WorkflowServiceResumeResponse())

        response = await self._once("resume_workflow", request, WorkflowServiceResumeResponse, work)
        self._engine.fire_soon()
        return response

    async def export(self, request: WorkflowServiceExportRequest) -> WorkflowServiceExportResponse:
        violations = Violations()
        key = violations.required_id("key", request.key)
        wanted = request.version if request.HasField("version") else None
        format_word = violations.read(chosen, "format", request.format, FORMAT_WORDS)
        violations.check()

        def work(transaction: Transaction) -> WorkflowServiceExportResponse:
            _, version = find_version(transaction, DEFAULT_TENANT, key, wanted)
            word = format_word or version.format
            return WorkflowServiceExportResponse(
                source=_written(version, word),
                format=FORMATS[word],  # type: ignore[arg-type]
                version=version.version,
            )

        return await self._engine.read(work)

    def _publish(self, transaction: Transaction, publication: Publication, loaded: Loaded) -> PublishResponse:
        published = self._engine.publish_within(transaction, publication, loaded)
        response = PublishResponse(created=published.created, activated=published.activated)
        _answer(transaction, published.workflow, response)
        active = published.workflow.active_version == published.version.version
        write_version(published.version, response.version, active=active)
        write_problems(published.warnings, response.problems)
        return response

    async def _rehearse(self, publication: Publication) -> PublishResponse:
        """Publish, and take it back."""
        loaded = await asyncio.to_thread(prepare, publication)

        def work(transaction: Transaction) -> None:
            raise _Rehearsed(self._publish(transaction, publication, loaded))

        try:
            await self._engine.write(work)
        except _Rehearsed as rehearsed:
            rehearsed.response.created = False
            return rehearsed.response
        raise AssertionError("a rehearsal always ends early")

    def _listeners(self, transaction: Transaction, trigger_type: str) -> Sequence[str]:
        directory = self._engine.catalog.refresh(transaction)
        return [one.key for one in directory.candidates(DEFAULT_TENANT, canonical_event(trigger_type).type)]

    async def _once(self, method: str, request: Any, kind: type[R], work: Callable[[Transaction], R]) -> R:
        clock = self._engine.clock
        return await self._engine.write(
            lambda transaction: once(transaction, clock, method, request, lambda: work(transaction), kind)
        )


def _answer(transaction: Transaction, stored: StoredWorkflow, response: R) -> R:
    write_workflow(stored, _counts(transaction, stored.key), response.workflow)  # type: ignore[attr-defined]
    return response


def _counts(transaction: Transaction, key: str) -> Counts:
    return count_enrollments(transaction, EnrollmentFilter(DEFAULT_TENANT, key))


def _expected(request: Any) -> int | None:
    return request.expected_revision if request.HasField("expected_revision") else None


def _about(request: Any) -> Violations:
    """What is wrong with the parts that all changes of a workflow have."""
    violations = Violations()
    violations.required_id("key", request.key)
    violations.name("request_id", request.request_id)
    return violations


def _check_source(request: ValidateRequest | PublishRequest) -> str:
    """The word of its format."""
    violations = Violations()
    if not request.source:
        violations.add("source", "required")
    violations.name("key", request.key)
    violations.name("name", request.name)
    if isinstance(request, PublishRequest):
        violations.name("request_id", request.request_id)
    format_word = violations.read(chosen, "format", request.format, FORMAT_WORDS)
    violations.check()
    return format_word


def _canonical(version: StoredVersion) -> dict[str, Any]:
    return load_stored(version).canonical


def _written(version: StoredVersion, word: str) -> str:
    """As published in its own format; otherwise converted, with the key and name that were given beside it."""
    return version.source if word == version.format else convert(load_stored(version), _format(word))


def _format(word: str) -> Any:
    return word
