"""Reading enrollments: Get, List, Count, ListTransitions and GetHistory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from statewright.v1 import (
    CountRequest,
    CountResponse,
    EnrollmentOrder,
    EnrollmentServiceGetRequest,
    EnrollmentServiceGetResponse,
    EnrollmentServiceListRequest,
    EnrollmentServiceListResponse,
    EnrollmentView,
    GetHistoryRequest,
    GetHistoryResponse,
    ListTransitionsRequest,
    ListTransitionsResponse,
    LogLevel,
)

from service.engine.commands import DEFAULT_TENANT
from service.rpc.enrollment_filter import read_filter
from service.rpc.enrollment_message import (
    LEVELS,
    write_counts,
    write_enrollment,
    write_history,
    write_transition,
)
from service.rpc.fields import Violations, chosen, required_id
from service.rpc.pages import fill_page, make_token, read_page
from service.rpc.rooms import Rooms
from service.storage.database import Transaction
from service.storage.enrollment_queries import (
    Counts,
    EnrollmentRecord,
    count_enrollments,
    count_exits,
    find_enrollment,
    list_enrollments,
)
from service.storage.history_queries import HistoryRow, history_page
from statemachine.decide import allowed_transitions
from statemachine.snapshot import Snapshot

_VIEWS: Final = {view: name for name, view in EnrollmentView.items()}
_ORDERS: Final = {order: name for name, order in EnrollmentOrder.items()}
_MOST_IN_FULL: Final = 100
"""Enrollments of a page in full: each may have 256 KiB of variables, and all are read before the page is cut."""
_WORDS: Final = tuple(LEVELS)
_HistoryPage = tuple[list[HistoryRow], EnrollmentRecord]


class EnrollmentRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine

    async def get(self, request: EnrollmentServiceGetRequest) -> EnrollmentServiceGetResponse:
        violations = Violations()
        violations.required_id("enrollment_id", request.enrollment_id)
        violations.read(chosen, "view", request.view, _VIEWS)
        violations.check()
        record, now = await self._find(request.enrollment_id)
        response = EnrollmentServiceGetResponse()
        full = request.view != EnrollmentView.ENROLLMENT_VIEW_BASIC
        write_enrollment(record, response.enrollment, now=now, full=full)
        return response

    async def list(self, request: EnrollmentServiceListRequest) -> EnrollmentServiceListResponse:
        violations = Violations()
        wanted = violations.read(read_filter, request)
        size, after = read_page(violations, request, str)
        violations.read(chosen, "view", request.view, _VIEWS)
        violations.read(chosen, "order", request.order, _ORDERS)
        violations.check()
        full = request.view == EnrollmentView.ENROLLMENT_VIEW_FULL
        size = min(size, _MOST_IN_FULL) if full else size
        newest_first = request.order != EnrollmentOrder.ENROLLMENT_ORDER_OLDEST_FIRST

        def work(transaction: Transaction) -> tuple[Any, datetime]:
            now = self._engine.clock.read(transaction).workflow
            last = after[0] if after else None
            return list_enrollments(
                transaction, wanted, after=last, newest_first=newest_first, limit=size + 1, paths=full
            ), now

        records, now = await self._engine.read(work)
        response = EnrollmentServiceListResponse()
        last = fill_page(
            records,
            size,
            response.enrollments,
            lambda record, message: write_enrollment(record, message, now=now, full=full),
            lambda record: (record.snapshot.id,),
        )
        response.next_page_token = make_token(request, last)
        return response

    async def count(self, request: CountRequest) -> CountResponse:
        wanted = read_filter(request)

        def work(transaction: Transaction) -> Counts:
            return replace(count_enrollments(transaction, wanted), by_exit=count_exits(transaction, wanted))

        counts = await self._engine.read(work)
        response = CountResponse()
        write_counts(counts, response.counts)
        return response

    async def list_transitions(self, request: ListTransitionsRequest) -> ListTransitionsResponse:
        record, _ = await self._find(required_id("enrollment_id", request.enrollment_id))
        snapshot = record.snapshot
        workflow = await self._version(snapshot)
        response = ListTransitionsResponse(step=record.last_step, revision=snapshot.revision)
        for outcome in allowed_transitions(workflow, snapshot):
            write_transition(workflow, snapshot.step or "", outcome, response.transitions.add())
        return response

    async def get_history(self, request: GetHistoryRequest) -> GetHistoryResponse:
        violations = Violations()
        violations.required_id("enrollment_id", request.enrollment_id)
        violations.read(chosen, "min_level", request.min_level, {level: name for name, level in LogLevel.items()})
        violations.name("step", request.step)
        size, after = read_page(violations, request, int, default=100)
        violations.check()
        levels = _WORDS[max(request.min_level - 1, 0) :]

        def work(transaction: Transaction) -> _HistoryPage:
            rows = history_page(
                transaction,
                DEFAULT_TENANT,
                request.enrollment_id,
                after=after[0] if after else 0,
                levels=levels,
                step=request.step,
                limit=size + 1,
            )
            return rows, find_enrollment(transaction, DEFAULT_TENANT, request.enrollment_id)

        rows, record = await self._engine.read(work)
        workflow = await self._version(record.snapshot)
        response = GetHistoryResponse()
        last = fill_page(
            rows,
            size,
            response.entries,
            lambda row, message: write_history(row, workflow, message),
            lambda row: (row.sequence,),
        )
        response.next_page_token = make_token(request, last)
        return response

    async def _find(self, enrollment_id: str) -> tuple[EnrollmentRecord, datetime]:
        def work(transaction: Transaction) -> tuple[EnrollmentRecord, datetime]:
            now = self._engine.clock.read(transaction).workflow
            return find_enrollment(transaction, DEFAULT_TENANT, enrollment_id), now

        return await self._engine.read(work)

    async def _version(self, snapshot: Snapshot) -> Any:
        return await self._engine.version(DEFAULT_TENANT, snapshot.workflow, snapshot.version)
