"""EnrollmentService.GetSummary."""

from __future__ import annotations

from statewright.v1 import GetSummaryRequest, GetSummaryResponse

from service.engine.commands import DEFAULT_TENANT
from service.rpc.enrollment_message import write_enrollment
from service.rpc.fields import required_id
from service.rpc.moment import write_instant, write_span
from service.rpc.rooms import Rooms
from service.storage.database import Transaction
from service.storage.enrollment_queries import find_enrollment
from service.storage.summary_queries import count_levels, sum_up_steps


class SummaryRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine

    async def get_summary(self, request: GetSummaryRequest) -> GetSummaryResponse:
        name = required_id("enrollment_id", request.enrollment_id)

        def work(transaction: Transaction) -> GetSummaryResponse:
            now = self._engine.clock.read(transaction).workflow
            record = find_enrollment(transaction, DEFAULT_TENANT, name)
            levels = count_levels(transaction, DEFAULT_TENANT, name)
            response = GetSummaryResponse(
                entries=sum(levels.values()), warnings=levels.get("warn", 0), errors=levels.get("error", 0)
            )
            write_enrollment(record, response.enrollment, now=now, full=False)
            for one in sum_up_steps(transaction, DEFAULT_TENANT, name):
                message = response.steps.add(
                    step=one.step,
                    visits=one.visits,
                    completed=one.completed,
                    failed=one.failed,
                    skipped=one.skipped,
                    retries=one.retries,
                )
                write_span(one.duration, message.duration)
                write_instant(one.first_at, message.first_time)
                write_instant(one.last_at, message.last_time)
            return response

        return await self._engine.read(work)
