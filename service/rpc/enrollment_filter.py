"""The filter that List, Count and Batch share."""

from __future__ import annotations

from statewright.v1 import BatchFilter, CountRequest, EnrollmentServiceListRequest

from service.engine.commands import DEFAULT_TENANT
from service.rpc.enrollment_message import STATUS_WORDS
from service.rpc.fields import check_names, chosen
from service.rpc.moment import read_instant
from service.storage.enrollment_queries import EnrollmentFilter
from statemachine.errors import InvalidInput

_NAMES = ("workflow", "contact_id", "step", "parent_id", "exit_reason", "goal")


def read_filter(request: EnrollmentServiceListRequest | CountRequest | BatchFilter, at: str = "") -> EnrollmentFilter:
    """Its fields are those of the message at `at` (with its dot) in the request. Raises InvalidInput."""
    check_names({f"{at}{name}": getattr(request, name) for name in _NAMES})
    version = request.version if request.HasField("version") else None
    if version is not None and not request.workflow:
        raise InvalidInput("version needs workflow", [(f"{at}workflow", "required with a version")])
    since, before = (
        read_instant(getattr(request, name), f"{at}{name}") if request.HasField(name) else None
        for name in ("start_time_from", "start_time_before")
    )
    return EnrollmentFilter(
        DEFAULT_TENANT,
        request.workflow,
        version,
        request.contact_id,
        tuple(chosen(f"{at}status", status, STATUS_WORDS) for status in request.status),
        request.step,
        since,
        before,
        request.parent_id,
        request.exit_reason,
        request.goal,
    )
