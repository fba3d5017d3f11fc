"""WorkflowService, counting: funnels and totals."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Final

from statewright.v1 import (
    FunnelRequest,
    FunnelResponse,
    FunnelStep,
    StatsRequest,
    StatsResponse,
    WorkflowStats,
)

from service.engine.commands import DEFAULT_TENANT
from service.rpc.enrollment_message import STATUSES
from service.rpc.fields import Violations
from service.rpc.moment import read_instant, write_instant
from service.rpc.pages import fill_page, make_token, read_page
from service.rpc.rooms import Rooms
from service.storage.database import Transaction
from service.storage.funnel_queries import Cohort, RunCounts, StepCounts, count_runs, count_steps, survey
from service.storage.stats_queries import Totals, total_up
from service.storage.workflow_queries import find_version, find_workflow, list_workflows
from statemachine.workflow import Workflow

_MOST_NAMES: Final = 100
_COUNTS: Final = ("entered", "waiting", "passed", "exited", "failed", "cancelled", "enrollments", "converted")


class InsightRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine

    async def funnel(self, request: FunnelRequest) -> FunnelResponse:
        violations = Violations()
        key = violations.required_id("key", request.key)
        period = violations.read(read_period, request)
        violations.check()
        version = request.version if request.HasField("version") else None
        cohort = Cohort(DEFAULT_TENANT, key, version, *period)

        def work(transaction: Transaction) -> FunnelResponse:
            _, stored = find_version(transaction, DEFAULT_TENANT, key, version)
            workflow = self._engine.catalog.version(transaction, DEFAULT_TENANT, key, stored.version)
            response = FunnelResponse(version=stored.version)
            sources = survey(transaction, cohort)
            _write_steps(workflow, count_steps(transaction, cohort, sources), response)
            _write_runs(count_runs(transaction, cohort, sources), response)
            write_instant(self._engine.clock.read(transaction).workflow, response.count_time)
            return response

        return await self._engine.analyse(work)

    async def stats(self, request: StatsRequest) -> StatsResponse:
        violations = Violations()
        violations.name("key", request.key)
        period = violations.read(read_period, request)
        size, after = read_page(violations, request, str)
        violations.check()

        def work(transaction: Transaction) -> StatsResponse:
            if request.key:
                keys = [find_workflow(transaction, DEFAULT_TENANT, request.key).key]
            else:
                last_seen = after[0] if after else ""
                rows = list_workflows(transaction, DEFAULT_TENANT, after=last_seen, limit=size + 1)
                keys = [row.key for row in rows]
            totals = total_up(transaction, DEFAULT_TENANT, keys, *period)
            response = StatsResponse()
            last = fill_page(
                keys,
                size,
                response.workflows,
                lambda key, message: _write_totals(key, totals[key], message),
                lambda key: (key,),
            )
            response.next_page_token = make_token(request, last)
            return response

        return await self._engine.analyse(work)


def read_period(request: Any) -> tuple[datetime | None, datetime | None]:
    """`[start_time_from, start_time_before)`. Raises InvalidInput when it is empty."""
    violations = Violations()
    since, before = (
        violations.read(read_instant, getattr(request, name), name) if request.HasField(name) else None
        for name in ("start_time_from", "start_time_before")
    )
    if since is not None and before is not None and before <= since:
        violations.add("start_time_before", f"an instant after start_time_from ({since.isoformat()})")
    violations.check()
    return since, before


def _write_steps(workflow: Workflow, counted: list[StepCounts], response: FunnelResponse) -> None:
    """Every step of the version in its order, then others by id."""
    by_step = {counts.step: counts for counts in counted}
    others = sorted(by_step.keys() - workflow.steps.keys())
    for step_id in (*workflow.steps, *others):
        step = workflow.steps.get(step_id)
        message = FunnelStep(step=step_id, step_type=step.type if step else "", removed=step is None)
        if step_id in by_step:
            for name in _COUNTS:
                setattr(message, name, getattr(by_step[step_id], name))
        response.steps.append(message)


def _write_runs(runs: RunCounts, response: FunnelResponse) -> None:
    _write_statuses(runs.by_status, response.statuses)
    response.enrollments = sum(runs.by_status.values())
    for name in ("children", "converted", "unrecorded"):
        setattr(response, name, getattr(runs, name))


def _write_totals(key: str, totals: Totals, message: WorkflowStats) -> None:
    message.workflow = key
    message.total = totals.by_status.total()
    message.converted = totals.goals.total()
    _write_statuses(totals.by_status, message.statuses)
    for counter, target in (
        (totals.reasons, message.exit_reasons),
        (totals.goals, message.goals),
        (totals.errors, message.errors),
    ):
        _write_names(counter, target)


def _write_statuses(by_status: dict[str, int] | Counter[str], target: Any) -> None:
    for word, number in STATUSES.items():
        if by_status.get(word):
            target.add(status=number, count=by_status[word])


def _write_names(counter: Counter[str], target: Any) -> None:
    for name, count in sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_NAMES]:
        target.add(name=name, count=count)
