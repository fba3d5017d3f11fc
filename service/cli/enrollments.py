"""Commands that read enrollments: one, many, how many, and what happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click

from service.cli.options import Instant, paged, timestamp
from service.cli.session import Session, Verb, pass_session

F = TypeVar("F", bound=Callable[..., Any])

_STATUSES: Final = ("pending", "running", "waiting", "paused", "completed", "failed", "exited", "cancelled")
_WELL_ENDED: Final = ("completed", "exited", "cancelled")
"""Errors that such a run had were taken care of, by `on_error`, a `catch` or a retry."""
_ACTIVE: Final = ("pending", "running", "waiting")
_ANY_STATUS: Final = "Any of these; active means pending, running or waiting."


def filters(function: F) -> F:
    """The filters of `list` and `count`."""
    for option in (
        click.option("--goal", default="", help="That reached this goal."),
        click.option("--exit-reason", default="", help="That left for this reason."),
        click.option("--parent", default="", metavar="ID", help="Children of this enrollment."),
        click.option("--before", type=Instant(), help="Started before: a time, or an age such as 2h."),
        click.option("--since", type=Instant(), help="Started since: a time, or an age such as 2h."),
        click.option("--step", default="", help="Resting in this step."),
        click.option("--status", type=click.Choice((*_STATUSES, "active")), multiple=True, help=_ANY_STATUS),
        click.option("--contact", default="", metavar="ID"),
        click.option("--version", type=click.IntRange(min=1), help="Needs --workflow."),
        click.option("--workflow", default="", metavar="KEY"),
    ):
        function = option(function)
    return function


def filtered(
    workflow: str,
    version: int | None,
    contact: str,
    status: tuple[str, ...],
    step: str,
    since: datetime | None,
    before: datetime | None,
    parent: str,
    exit_reason: str,
    goal: str,
) -> dict[str, Any]:
    from statewright.v1 import EnrollmentStatus

    from service.cli.shapes import number_of

    words = dict.fromkeys(word for each in status for word in (_ACTIVE if each == "active" else (each,)))
    return {
        "workflow": workflow,
        "version": version,
        "contact_id": contact,
        "status": [number_of(EnrollmentStatus.DESCRIPTOR, each) for each in words],
        "step": step,
        "start_time_from": timestamp(since),
        "start_time_before": timestamp(before),
        "parent_id": parent,
        "exit_reason": exit_reason,
        "goal": goal,
    }


@click.command(cls=Verb)
@click.argument("enrollment_id", metavar="ID")
@pass_session
def get(session: Session, enrollment_id: str) -> None:
    """Read one enrollment."""
    from statewright.v1 import EnrollmentServiceGetRequest

    request = EnrollmentServiceGetRequest(enrollment_id=enrollment_id)
    answer_enrollment(session, session.call(session.client.enrollments.Get, request).enrollment)


def answer_enrollment(session: Session, enrollment: Any) -> None:
    """Prints an enrollment."""
    from service.cli.output import print_facts, print_json
    from service.cli.shapes import plain

    if session.json:
        print_json(plain(enrollment))
    else:
        print_facts(_facts(enrollment))


def _facts(it: Any) -> list[tuple[str, Any]]:
    from service.cli.output import due, instant, lasted
    from service.cli.shapes import plain

    shape, now = plain(it), workflow_now(it)
    return [
        ("id", it.id),
        ("workflow", f"{it.workflow} version {it.version}"),
        ("contact", it.contact_id),
        ("conversation", it.conversation_id),
        ("key", it.key),
        ("status", shape["status"]),
        ("reason", it.exit_reason),
        ("goal", it.goal),
        ("step", it.step),
        ("path", " → ".join(it.path)),
        ("waiting for", ", ".join(it.waiting_for)),
        ("due", due(it.due_time, now)),
        ("attempt", f"{it.attempt} of {it.max_attempts}" if it.attempt else ""),
        ("next retry", due(it.next_retry_time, now)),
        ("task", it.task_id),
        ("variables", shape["variables"]),
        ("variants", shape["variants"]),
        ("trigger", " ".join(filter(None, (it.trigger.type, it.trigger.event_id)))),
        ("parent", it.parent_id),
        ("last error", error_text(it.last_error)),
        ("started", instant(it.start_time)),
        ("last transition", instant(it.last_transition_time)),
        ("ended", instant(it.end_time)),
        ("duration", lasted(it.duration)),
        ("steps", f"{it.executed_steps} executed, {it.failed_steps} failed, {it.retried_steps} retried"),
        ("priority", it.priority or ""),
        ("revision", it.revision),
    ]


def workflow_now(enrollment: Any) -> datetime:
    """The server's workflow time when it answered, as far as an enrollment tells: a live one's start plus duration."""
    start: datetime = enrollment.start_time.ToDatetime(tzinfo=UTC)
    lived = enrollment.duration.ToTimedelta()
    return start + lived if lived else datetime.now(UTC)


def error_text(error: Any) -> str:
    """A StepError in a line: `timeout: no answer in 30 s (step send_sms)`."""
    if not error.code:
        return ""
    return f"{error.code}: {error.message}" + (f" (step {error.step})" if error.step else "")


@click.command("list", cls=Verb)
@filters
@click.option("--oldest-first", is_flag=True, help="By start, earliest first.")
@click.option("--full", is_flag=True, help="Variables and path too (JSON).")
@paged(default=50)
@pass_session
def list_(session: Session, oldest_first: bool, full: bool, every: bool, limit: int, page_token: str, **f: Any) -> None:
    """List enrollments, newest first."""
    from statewright.v1 import EnrollmentServiceListRequest as Request

    from service.cli.paging import answer_page

    order: Any = "ENROLLMENT_ORDER_OLDEST_FIRST" if oldest_first else "ENROLLMENT_ORDER_NEWEST_FIRST"
    view: Any = "ENROLLMENT_VIEW_FULL" if full else "ENROLLMENT_VIEW_BASIC"
    answer_page(
        session,
        session.client.enrollments.List,
        Request(**filtered(**f), order=order, view=view),
        "enrollments",
        {"every": every, "limit": limit, "page_token": page_token},
        ("id", "workflow", "version", "contact", "status", "step", "due", "started", "lasted", "reason", "error"),
        _row,
        empty="no such enrollments",
    )


def _row(it: Any) -> tuple[Any, ...]:
    from statewright.v1 import EnrollmentStatus

    from service.cli.output import due, instant, lasted
    from service.cli.shapes import word

    status = word(EnrollmentStatus.DESCRIPTOR, it.status)
    return (
        it.id,
        it.workflow,
        it.version,
        it.contact_id,
        status,
        it.step,
        due(it.due_time, workflow_now(it)),
        instant(it.start_time),
        lasted(it.duration),
        it.exit_reason,
        "" if status in _WELL_ENDED else it.last_error.code,
    )


@click.command(cls=Verb)
@filters
@pass_session
def count(session: Session, **given: Any) -> None:
    """Count enrollments by status, step, exit reason and goal."""
    from statewright.v1 import CountRequest

    from service.cli.output import print_json, print_table
    from service.cli.shapes import plain

    counts = plain(session.call(session.client.enrollments.Count, CountRequest(**filtered(**given))))["counts"]
    counts = counts or {"total": 0, "statuses": {}, "steps": {}, "exits": []}
    if session.json:
        print_json(counts)
        return
    rows = [("all", "", counts["total"])]
    rows += [("status", name, number) for name, number in counts["statuses"].items()]
    rows += [("step", name, number) for name, number in counts["steps"].items()]
    rows += [("exit", each["exit_reason"] or each["goal"], each["count"]) for each in counts["exits"]]
    print_table(("by", "name", "enrollments"), rows, empty="")


@click.command(cls=Verb)
@click.argument("enrollment_id", metavar="ID")
@click.option("--level", type=click.Choice(["debug", "info", "warn", "error"]), help="This level and above.")
@click.option("--step", default="", help="Of this step only.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many entries, from the start. Default: all.")
@pass_session
def history(session: Session, enrollment_id: str, level: str | None, step: str, limit: int | None) -> None:
    """Read what happened to an enrollment; with --json one object per line."""
    from statewright.v1 import GetHistoryRequest

    from service.cli.output import print_json_line
    from service.cli.paging import pages
    from service.cli.shapes import history_line

    wanted: Any = f"LOG_LEVEL_{level.upper()}" if level else None
    request = GetHistoryRequest(
        enrollment_id=enrollment_id, min_level=wanted, step=step, page_size=min(limit or 500, 500)
    )
    _, read = pages(session, session.client.enrollments.GetHistory, request, every=limit is None or limit > 500)
    entries = [entry for response in read for entry in response.entries][:limit]
    if not session.json:
        show_history(entries)
        return
    for entry in entries:
        print_json_line(history_line(entry))


def show_history(entries: list[Any]) -> None:
    """Prints history as a table."""
    from service.cli.output import instant, lasted, print_table

    print_table(
        ("#", "time", "kind", "step", "type", "outcome", "attempt", "took", "detail"),
        [
            (
                it.sequence,
                instant(it.time),
                it.kind,
                it.step,
                it.step_type,
                it.outcome,
                it.attempt or "",
                lasted(it.duration),
                _detail(it),
            )
            for it in entries
        ],
        empty="no such entries",
    )


def _detail(entry: Any) -> str:
    """Why, until when, by which event: what a line says besides. Its step stands in a column of its own."""
    from service.cli.shapes import struct_data
    from service.cli.told import told

    error = f"{entry.error.code}: {entry.error.message}" if entry.error.code else ""
    return "; ".join(filter(None, (error, told(entry.kind, struct_data(entry.metadata)))))
