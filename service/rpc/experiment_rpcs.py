"""WorkflowService.Experiment."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from statewright.v1 import ExperimentRequest, ExperimentResponse, ExperimentVariant

from service.engine.commands import DEFAULT_TENANT
from service.engine.experiment import Question, Result, Variant, ask_experiment
from service.engine.significance import Interval
from service.rpc.fields import Violations
from service.rpc.insight_rpcs import read_period
from service.rpc.moment import read_span, write_instant
from service.rpc.rooms import Rooms
from service.storage.database import Transaction
from service.storage.funnel_queries import Cohort

_LEAST: Final = timedelta(seconds=1)
_MOST: Final = timedelta(days=5 * 366)


class ExperimentRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine

    async def experiment(self, request: ExperimentRequest) -> ExperimentResponse:
        question = _read(request)

        def work(transaction: Transaction) -> ExperimentResponse:
            catalog = self._engine.catalog
            catalog.refresh(transaction)
            response = _write(ask_experiment(transaction, catalog, question), question.confidence)
            write_instant(self._engine.clock.read(transaction).workflow, response.count_time)
            return response

        return await self._engine.analyse(work)


def _read(request: ExperimentRequest) -> Question:
    violations = Violations()
    violations.name("key", request.key, required=True)
    for name in ("step", "goal", "goal_event", "control"):
        violations.name(name, getattr(request, name))
    if request.goal and request.goal_event:
        violations.add("goal_event", "a goal or an event, not both")
    if request.HasField("within") and not request.goal_event:
        violations.add("within", "only with goal_event")
    confidence = request.confidence if request.HasField("confidence") else 0.95
    if not 0.5 <= confidence <= 0.999:
        violations.add("confidence", "a number from 0.5 to 0.999")
    within = None
    if request.HasField("within"):
        within = violations.read(read_span, request.within, "within", least=_LEAST, most=_MOST)
    period = violations.read(read_period, request)
    violations.check()
    version = request.version if request.HasField("version") else None
    return Question(
        Cohort(DEFAULT_TENANT, request.key, version, *period),
        request.step,
        request.goal,
        request.goal_event,
        within,
        request.control,
        confidence,
    )


def _write(result: Result, confidence: float) -> ExperimentResponse:
    response = ExperimentResponse(
        version=result.version, step=result.step, confidence=confidence, warnings=result.warnings
    )
    if result.shares_p_value is not None:
        response.shares_p_value = result.shares_p_value
    for variant in result.variants:
        _write_variant(variant, response.variants.add())
    return response


def _write_variant(variant: Variant, message: ExperimentVariant) -> None:
    message.variant = variant.label
    message.share = variant.share
    message.entered = variant.sample.entered
    message.converted = variant.sample.converted
    message.rate = variant.sample.rate
    _write_interval(variant.interval, message.rate_interval)
    for name, count in sorted(variant.goals.items(), key=lambda pair: (-pair[1], pair[0])):
        message.goals.add(name=name, count=count)
    message.removed = variant.removed
    message.control = variant.comparison is None
    if variant.comparison is not None:
        message.difference = variant.comparison.difference
        _write_interval(variant.comparison.interval, message.difference_interval)
        if variant.comparison.lift is not None:
            message.lift = variant.comparison.lift
        if variant.comparison.p_value is not None:
            message.p_value = variant.comparison.p_value
        message.significant = variant.significant


def _write_interval(interval: Interval, message: object) -> None:
    message.low, message.high = interval.low, interval.high  # type: ignore[attr-defined]
