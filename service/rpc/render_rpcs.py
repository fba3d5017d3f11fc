"""WorkflowService.Render: drawings of versions and of texts that are not published."""

from __future__ import annotations

import asyncio
import shutil
from typing import Final

from statewright.v1 import RenderFormat, RenderRequest, RenderResponse

from service.engine.commands import DEFAULT_TENANT
from service.rpc.fields import check_names, chosen
from service.rpc.rooms import Rooms
from service.storage.database import Transaction
from service.storage.enrollment_queries import EnrollmentFilter, count_enrollments, find_enrollment
from service.storage.workflow_queries import find_version
from statemachine.definition import compile_workflow
from statemachine.diagram import Highlight, draw_dot, draw_mermaid
from statemachine.errors import InvalidInput, PreconditionFailed
from statemachine.workflow import Workflow

_FORMATS: Final = {number: name for name, number in RenderFormat.items()}
_DRAWING_S: Final = 10.0


class RenderRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine
        self._one_at_a_time = asyncio.Semaphore(1)

    async def render(self, request: RenderRequest) -> RenderResponse:
        chosen("format", request.format, _FORMATS)
        check_names({"key": request.key, "enrollment_id": request.enrollment_id})
        workflow, counts, highlight = await self._subject(request)
        if request.format != RenderFormat.RENDER_FORMAT_SVG:
            text = draw_mermaid(workflow, counts, highlight)
            return RenderResponse(text=text, format=RenderFormat.RENDER_FORMAT_MERMAID)
        async with self._one_at_a_time:
            text = await _svg(draw_dot(workflow, counts, highlight))
        return RenderResponse(text=text, format=RenderFormat.RENDER_FORMAT_SVG)

    async def _subject(self, request: RenderRequest) -> tuple[Workflow, dict[str, int] | None, Highlight | None]:
        if request.WhichOneof("target") == "source" and request.source:
            _require_no_key_fields(request)
            workflow = await asyncio.to_thread(compile_workflow, request.source, lenient=request.lenient)
            return workflow, None, None
        if not request.key:
            raise InvalidInput("key or source is required", [("target", "key or source")])
        return await self._engine.read(lambda transaction: self._published(transaction, request))

    def _published(
        self, transaction: Transaction, request: RenderRequest
    ) -> tuple[Workflow, dict[str, int] | None, Highlight | None]:
        wanted = request.version if request.HasField("version") else None
        highlight = None
        if request.enrollment_id:
            record = find_enrollment(transaction, DEFAULT_TENANT, request.enrollment_id)
            if record.snapshot.workflow != request.key:
                wish = f"an enrollment of {request.key!r}"
                raise InvalidInput(f"enrollment_id must be {wish}", [("enrollment_id", wish)])
            highlight = Highlight(record.path, record.last_step)
            wanted = record.snapshot.version if wanted is None else wanted
        _, stored = find_version(transaction, DEFAULT_TENANT, request.key, wanted)
        workflow = self._engine.catalog.version(transaction, DEFAULT_TENANT, request.key, stored.version)
        counts = None
        if request.with_counts:
            of_version = EnrollmentFilter(DEFAULT_TENANT, request.key, stored.version)
            counts = count_enrollments(transaction, of_version).by_step
        return workflow, counts, highlight


def _require_no_key_fields(request: RenderRequest) -> None:
    given = [name for name in ("with_counts", "enrollment_id") if getattr(request, name)]
    if request.HasField("version"):
        given.append("version")
    if given:
        raise InvalidInput(f"{given[0]} goes only with key", [(name, "only with key") for name in given])


async def _svg(dot: str) -> str:
    """What Graphviz makes of it. Raises PreconditionFailed where it is missing or takes too long."""
    program = shutil.which("dot")
    if program is None:
        raise PreconditionFailed("SVG needs Graphviz at the server: install the package `graphviz`, or ask for MERMAID")
    process = await asyncio.create_subprocess_exec(
        program, "-Tsvg", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_DRAWING_S):
            drawn, _ = await process.communicate(dot.encode())
    except TimeoutError:
        process.kill()
        await process.wait()
        raise PreconditionFailed("the drawing took too long; ask for MERMAID") from None
    if process.returncode:
        raise PreconditionFailed("Graphviz could not draw this; ask for MERMAID")
    return drawn.decode()
