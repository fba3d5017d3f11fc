"""WorkflowService.Render: drawings of versions and of texts that are not published."""

from __future__ import annotations

import asyncio
from typing import Final

from statewright.v1 import RenderFormat, RenderRequest, RenderResponse

from service.engine.commands import DEFAULT_TENANT
from service.rpc.fields import Violations, chosen
from service.rpc.rooms import Rooms
from service.storage.database import Transaction
from service.storage.enrollment_queries import EnrollmentFilter, EnrollmentRecord, count_enrollments, find_enrollment
from service.storage.families import count_children, count_children_of_live
from service.storage.history_queries import ways_taken
from service.storage.workflow_queries import find_version
from statemachine.definition import compile_workflow
from statemachine.errors import InvalidInput
from statemachine.machine import SKIP
from statemachine.mermaid import draw_mermaid
from statemachine.picture import Highlight, picture_of
from statemachine.snapshot import Status
from statemachine.step import FamilyStep
from statemachine.steps.sub_workflow import SubWorkflow
from statemachine.svg import draw_svg
from statemachine.workflow import Workflow

_Subject = tuple[Workflow, dict[str, int] | None, Highlight | None, dict[str, dict[str, int]] | None]
_FORMATS: Final = {number: name for name, number in RenderFormat.items()}


class RenderRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine
        self._one_at_a_time = asyncio.Semaphore(1)

    async def render(self, request: RenderRequest) -> RenderResponse:
        _check(request)
        subject = await self._subject(request)
        workflow, picture = subject[0], picture_of(*subject)
        if request.format != RenderFormat.RENDER_FORMAT_SVG:
            response = RenderResponse(text=draw_mermaid(picture), format=RenderFormat.RENDER_FORMAT_MERMAID)
            return _with_links(response, workflow)
        async with self._one_at_a_time:
            text = await asyncio.to_thread(draw_svg, picture)
        return _with_links(RenderResponse(text=text, format=RenderFormat.RENDER_FORMAT_SVG), workflow)

    async def _subject(self, request: RenderRequest) -> _Subject:
        if request.WhichOneof("target") == "source" and request.source:
            workflow = await asyncio.to_thread(compile_workflow, request.source, lenient=request.lenient)
            return workflow, None, None, None
        return await self._engine.read(lambda transaction: self._published(transaction, request))

    def _published(self, transaction: Transaction, request: RenderRequest) -> _Subject:
        wanted = request.version if request.HasField("version") else None
        highlight = children = None
        if request.enrollment_id:
            record = find_enrollment(transaction, DEFAULT_TENANT, request.enrollment_id)
            if record.snapshot.workflow != request.key:
                wish = f"an enrollment of {request.key!r}"
                raise InvalidInput(f"enrollment_id must be {wish}", [("enrollment_id", wish)])
            highlight = _highlight(transaction, record)
            children = count_children(transaction, DEFAULT_TENANT, request.enrollment_id)
            wanted = record.snapshot.version if wanted is None else wanted
        _, stored = find_version(transaction, DEFAULT_TENANT, request.key, wanted)
        workflow = self._engine.catalog.version(transaction, DEFAULT_TENANT, request.key, stored.version)
        counts = None
        if request.with_counts:
            of_version = EnrollmentFilter(DEFAULT_TENANT, request.key, stored.version)
            counts = count_enrollments(transaction, of_version).by_step
            if children is None and any(isinstance(step.runner, FamilyStep) for step in workflow.steps.values()):
                children = count_children_of_live(transaction, DEFAULT_TENANT, request.key, stored.version)
        return workflow, counts, highlight, children


def _with_links(response: RenderResponse, workflow: Workflow) -> RenderResponse:
    """Name the workflows that its steps start."""
    for step in workflow.steps.values():
        if isinstance(step.runner, SubWorkflow):
            response.inner.add(step=step.id, workflow=step.runner.workflow, version=step.runner.version or 0)
    return response


def _highlight(transaction: Transaction, record: EnrollmentRecord) -> Highlight:
    """The way an enrollment took, from its history: by which outcome it left each step."""
    ways = ways_taken(transaction, DEFAULT_TENANT, record.snapshot.id)
    taken = frozenset((step, outcome or SKIP if kind == "step_skipped" else outcome) for step, kind, outcome in ways)
    by_rule = record.snapshot.status is Status.EXITED and all(outcome != "exited" for _, outcome in taken)
    return Highlight(record.path, record.last_step, taken, exited=by_rule)


def _check(request: RenderRequest) -> None:
    violations = Violations()
    violations.read(chosen, "format", request.format, _FORMATS)
    for name in ("key", "enrollment_id"):
        violations.name(name, getattr(request, name))
    if not (request.key or request.source):
        violations.add("target", "key or source")
    if request.source:
        given = [name for name in ("with_counts", "enrollment_id") if getattr(request, name)]
        for name in (*given, *(["version"] if request.HasField("version") else ())):
            violations.add(name, "only with key")
    violations.check()
