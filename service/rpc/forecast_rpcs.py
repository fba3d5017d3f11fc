"""EnrollmentService.Forecast: what would become of a live run, from how it stands now. It only reads."""

from __future__ import annotations

import asyncio

from statewright.v1 import ForecastRequest, ForecastResponse

from service.engine.commands import DEFAULT_TENANT
from service.engine.foresight import open_orders, read_kin, read_surroundings
from service.rpc.enrollment_message import write_enrollment
from service.rpc.explain_message import write_run_account
from service.rpc.fields import Violations
from service.rpc.moment import write_instant
from service.rpc.rooms import Rooms
from service.rpc.script_message import check_script, read_assumptions
from service.rpc.simulate_rpcs import played
from service.rpc.simulated_message import as_stored, write_happenings
from service.storage.database import Transaction
from service.storage.enrollment_queries import find_enrollment
from statemachine.simulation.forecast import ALONE, Forecast, Foreseen, forecast


class ForecastRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine
        self._one_at_a_time = asyncio.Semaphore(1)

    async def forecast(self, request: ForecastRequest) -> ForecastResponse:
        violations = Violations()
        enrollment_id = violations.required_id("enrollment_id", request.enrollment_id)
        violations.read(check_script, request)
        violations.check()
        foreseen = await self._engine.read(lambda transaction: self._foreseen(transaction, enrollment_id))
        return await played(self._one_at_a_time, lambda: _answer(request, foreseen))

    def _foreseen(self, transaction: Transaction, enrollment_id: str) -> Foreseen:
        record = find_enrollment(transaction, DEFAULT_TENANT, enrollment_id)
        snapshot, catalog = record.snapshot, self._engine.catalog
        now = self._engine.clock.read(transaction).workflow
        workflow = catalog.version(transaction, DEFAULT_TENANT, snapshot.workflow, snapshot.version)
        subject = (transaction, catalog, DEFAULT_TENANT, workflow, snapshot, now)
        return Foreseen(
            workflow,
            snapshot,
            open_orders(transaction, DEFAULT_TENANT, (record,)).get(snapshot.id),
            snapshot.task.retry_at if snapshot.task else None,
            record.quarantined_at is not None,
            surroundings=read_surroundings(*subject),
            kin=read_kin(*subject) if snapshot.live else ALONE,
        )


def _answer(request: ForecastRequest, foreseen: Foreseen) -> ForecastResponse:
    given = read_assumptions(request, foreseen.workflow, foreseen.surroundings.contact)
    response = ForecastResponse()
    write_instant(foreseen.surroundings.now, response.start_time)
    _write_forecast(forecast(foreseen, given), response)
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
