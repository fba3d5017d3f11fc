"""The filter that List, Count and Batch share."""

from __future__ import annotations

from statewright.v1 import BatchFilter, CountRequest, EnrollmentServiceListRequest

from service.engine.commands import DEFAULT_TENANT
from service.rpc.enrollment_message import STATUS_WORDS
from service.rpc.fields import Violations, all_chosen
from service.rpc.moment import read_instant
from service.storage.enrollment_queries import EnrollmentFilter

_NAMES = ("workflow", "contact_id", "step", "parent_id", "exit_reason", "goal")


def read_filter(request: EnrollmentServiceListRequest | CountRequest | BatchFilter, at: str = "") -> EnrollmentFilter:
    """Its fields are those of the message at `at` (with its dot) in the request. Raises InvalidInput."""
    violations = Violations()
    for name in _NAMES:
        violations.name(f"{at}{name}", getattr(request, name))
    version = request.version if request.HasField("version") else None
    if version is not None and not request.workflow:
        violations.add(f"{at}workflow", "required with a version")
    since, before = (
        violations.read(read_instant, getattr(request, name), f"{at}{name}") if request.HasField(name) else None
        for name in ("start_time_from", "start_time_before")
    )
    statuses = violations.read(all_chosen, f"{at}status", request.status, STATUS_WORDS)
    violations.check()
    return EnrollmentFilter(
        DEFAULT_TENANT,
        request.workflow,
        version,
        request.contact_id,
        statuses,
        request.step,
        since,
        before,
        request.parent_id,
        request.exit_reason,
        request.goal,
    )
