"""EnrollmentService.Forecast: what would become of a live run, from how it stands now. It only reads."""

from __future__ import annotations

import asyncio

from statewright.v1 import ForecastRequest, ForecastResponse

from service.engine.commands import DEFAULT_TENANT
from service.engine.standing import read_surroundings
from service.rpc.enrollment_message import write_enrollment
from service.rpc.explain_message import write_run_account
from service.rpc.fields import required_id
from service.rpc.moment import write_instant
from service.rpc.rooms import Rooms
from service.rpc.script_message import read_assumptions
from service.rpc.simulate_rpcs import played
from service.rpc.simulated_message import as_stored, write_happenings
from service.storage.database import Transaction
from service.storage.enrollment_queries import EnrollmentRecord, find_enrollment
from service.storage.tasks import tasks_by_id
from statemachine.decision import HumanWork, TaskOrder
from statemachine.simulation.forecast import Forecast, Standing, forecast


class ForecastRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine
        self._one_at_a_time = asyncio.Semaphore(1)

    async def forecast(self, request: ForecastRequest) -> ForecastResponse:
        enrollment_id = required_id("enrollment_id", request.enrollment_id)
        standing = await self._engine.read(lambda transaction: self._standing(transaction, enrollment_id))
        return await played(self._one_at_a_time, lambda: _answer(request, standing))

    def _standing(self, transaction: Transaction, enrollment_id: str) -> Standing:
        record = find_enrollment(transaction, DEFAULT_TENANT, enrollment_id)
        snapshot = record.snapshot
        catalog = self._engine.catalog
        now = self._engine.clock.read(transaction).workflow
        workflow = catalog.version(transaction, DEFAULT_TENANT, snapshot.workflow, snapshot.version)
        return Standing(
            workflow,
            snapshot,
            read_surroundings(transaction, catalog, DEFAULT_TENANT, workflow, snapshot, now),
            order=_open_order(transaction, record),
            available_at=snapshot.task.retry_at if snapshot.task else None,
            quarantined=record.quarantined_at is not None,
        )


def _open_order(transaction: Transaction, record: EnrollmentRecord) -> TaskOrder | None:
    """The task that the run waits for, as it was ordered."""
    if record.task_id is None:
        return None
    task = tasks_by_id(transaction, [{"tenant_id": DEFAULT_TENANT, "id": record.task_id}]).get(
        (DEFAULT_TENANT, record.task_id)
    )
    if task is None:
        return None
    return TaskOrder(
        step=task.step,
        visit=task.visit,
        type=task.type,
        queue=task.queue,
        input=task.input,
        timeout_s=task.timeout_s,
        max_attempts=task.max_attempts,
        at_most_once=task.at_most_once,
        outcomes=task.outcomes,
        priority=task.priority,
        human=HumanWork("") if task.status == "open" else None,
    )


def _answer(request: ForecastRequest, standing: Standing) -> ForecastResponse:
    given = read_assumptions(request, standing.workflow, standing.surroundings.contact)
    response = ForecastResponse()
    write_instant(standing.surroundings.now, response.start_time)
    _write_forecast(forecast(standing, given), response)
    return response


def _write_forecast(told: Forecast, response: ForecastResponse) -> None:
    record = told.simulated.world.records[told.snapshot.id]
    write_enrollment(as_stored(record), response.enrollment, now=told.simulated.ended_at, full=True)
    write_happenings(told.simulated, response)
    for stay in told.stays:
        message = response.stays.add(step=stay.step, step_type=stay.type, outcome=stay.outcome)
        write_instant(stay.entered_at, message.enter_time)
        write_instant(stay.left_at, message.leave_time)
    if told.account is not None:
        write_run_account(told.account, response.waits)
    response.assumptions.extend(told.assumed)
