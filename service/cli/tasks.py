"""Commands about tasks: look at them, or take and answer them by hand, as a worker does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from service.cli.assignments import struct_of
from service.cli.options import Span, assignments, paged
from service.cli.session import Family, Session, pass_session

F = TypeVar("F", bound=Callable[..., Any])

_STATUSES: Final = ("ready", "leased", "open", "completed", "failed", "cancelled", "unknown_outcome")


def leased(function: F) -> F:
    """What proves that one holds the task."""
    for option in (
        click.option("--lease-token", required=True, metavar="TOKEN", help="As `tasks poll` told it."),
        click.argument("task_id", metavar="ID"),
    ):
        function = option(function)
    return function


@click.group(cls=Family)
def tasks() -> None:
    """List, take and answer tasks."""


@tasks.command("list")
@click.option("--queue", default="")
@click.option("--status", type=click.Choice(_STATUSES), multiple=True, help="Any of these.")
@click.option("--workflow", default="", metavar="KEY")
@click.option("--enrollment", default="", metavar="ID")
@click.option("--contact", default="", metavar="ID")
@click.option("--type", "type_", default="", help="Of this step type.")
@click.option("--kind", type=click.Choice(("worker", "human")), help="For workers, or for people.")
@click.option("--agent", default="", metavar="ID", help="Human tasks that this agent holds, or held last.")
@click.option("--unassigned", is_flag=True, help="Open human tasks that nobody holds.")
@paged(default=50)
@pass_session
def list_(session: Session, limit: int, page_token: str, every: bool, **given: Any) -> None:
    """List tasks, newest first."""
    from statewright.v1 import TaskKind, TaskServiceListRequest, TaskStatus

    from service.cli.paging import answer_page
    from service.cli.shapes import number_of

    request = TaskServiceListRequest(
        queue=given["queue"],
        status=[number_of(TaskStatus.DESCRIPTOR, each) for each in given["status"]],
        workflow=given["workflow"],
        enrollment_id=given["enrollment"],
        contact_id=given["contact"],
        type=given["type_"],
        kind=number_of(TaskKind.DESCRIPTOR, given["kind"]) if given["kind"] else None,
        agent_id=given["agent"],
        unassigned=given["unassigned"],
    )
    answer_page(
        session,
        session.client.tasks.List,
        request,
        "tasks",
        {"limit": limit, "page_token": page_token, "every": every},
        ("id", "queue", "type", "status", "attempt", "workflow", "step", "contact", "available", "held by", "error"),
        _row,
        empty="no such tasks",
    )


def _row(it: Any) -> tuple[Any, ...]:
    from statewright.v1 import TaskStatus

    from service.cli.output import instant
    from service.cli.shapes import word

    return (
        it.id,
        it.queue,
        it.type,
        word(TaskStatus.DESCRIPTOR, it.status),
        "" if it.HasField("human") else f"{it.attempt}/{it.max_attempts}",
        it.workflow,
        it.step,
        it.contact_id,
        instant(it.available_time),
        it.human.agent_id if it.HasField("human") else it.worker_id,
        it.last_error.code,
    )


@tasks.command()
@click.argument("task_id", metavar="ID")
@pass_session
def get(session: Session, task_id: str) -> None:
    """Read one task."""
    from statewright.v1 import TaskServiceGetRequest

    _answer(session, session.call(session.client.tasks.Get, TaskServiceGetRequest(task_id=task_id)).task)


@tasks.command()
@click.option("--queue", "queues", multiple=True, required=True, help="One or several.")
@click.option("--worker", default="cli", show_default=True, help="Your name, for people.")
@click.option("--max", "max_tasks", type=click.IntRange(1, 500), default=1, show_default=True)
@click.option("--wait", type=Span(), default="0s", show_default=True, help="How long to wait for the first.")
@click.option("--lease", type=Span(), help="How long they are yours. Default 30s.")
@pass_session
def poll(
    session: Session, queues: tuple[str, ...], worker: str, max_tasks: int, wait: float, lease: float | None
) -> None:
    """Take ready tasks; they are yours until the lease ends."""
    from google.protobuf.duration_pb2 import Duration
    from statewright.v1 import PollRequest

    from service.cli.output import print_json, print_table
    from service.cli.shapes import plain_list

    request = PollRequest(queues=queues, worker_id=worker, max_tasks=max_tasks, wait=_duration(wait) or Duration())
    if lease is not None:
        request.lease.CopyFrom(_duration(lease))
    response = session.call(session.client.tasks.Poll, request, timeout_s=session.timeout_s + wait)
    shapes = plain_list(response.tasks)
    if session.json:
        print_json({"tasks": shapes})
        return
    print_table(
        ("id", "lease token", "type", "attempt", "step", "contact", "input"),
        [
            (it["id"], it["lease_token"], it["type"], it["attempt"], it["step"], it["contact_id"], it["input"])
            for it in shapes
        ],
        empty="no task is ready",
    )


def _duration(seconds: float | None) -> Any:
    if seconds is None:
        return None
    from google.protobuf.duration_pb2 import Duration

    length = Duration()
    length.FromNanoseconds(round(seconds * 1e9))
    return length


@tasks.command()
@leased
@assignments("--output", "The step's output.")
@click.option("--outcome", default="", help="The outcome to leave the step by. Default: done.")
@assignments("--variable", "Workflow variables to set.")
@click.option("--request-id", default="", help="A repeat with the same id does nothing more.")
@pass_session
def complete(session: Session, output: Any, variable: Any, **given: Any) -> None:
    """Answer a task with its output; the enrollment moves on."""
    from statewright.v1 import CompleteRequest

    request = CompleteRequest(output=struct_of(output), variables=struct_of(variable), **given)
    response = session.call(session.client.tasks.Complete, request)
    _answer(session, response.task, applied=response.applied)


@tasks.command()
@leased
@click.option("--code", required=True, help="A stable code such as `timeout`.")
@click.option("--message", default="")
@click.option("--retryable/--permanent", default=True, help="Whether another attempt may help. Default: it may.")
@click.option("--backoff", type=Span(), help="How long to wait before it. Default: the step's rule.")
@click.option("--request-id", default="", help="A repeat with the same id does nothing more.")
@pass_session
def fail(session: Session, backoff: float | None, **given: Any) -> None:
    """Say that an attempt failed."""
    from statewright.v1 import FailRequest

    response = session.call(session.client.tasks.Fail, FailRequest(backoff=_duration(backoff), **given))
    _answer(session, response.task, applied=response.applied)


@tasks.command()
@leased
@click.option("--code", required=True, help="A stable code such as `out_of_stock`.")
@click.option("--message", default="")
@click.option("--outcome", default="", help="The outcome to leave the step by. Default: error.")
@assignments("--data", "The step's output.")
@click.option("--request-id", default="", help="A repeat with the same id does nothing more.")
@pass_session
def throw(session: Session, data: Any, **given: Any) -> None:
    """Report a business error: an outcome, not a failure."""
    from statewright.v1 import ThrowRequest

    response = session.call(session.client.tasks.Throw, ThrowRequest(data=struct_of(data), **given))
    _answer(session, response.task, applied=response.applied)


@tasks.command()
@leased
@click.option("--lease", type=Span(), help="How long from now. Default: as leased.")
@pass_session
def extend(session: Session, lease: float | None, **given: Any) -> None:
    """Extend a lease from now, and learn whether the task was revoked."""
    from statewright.v1 import ExtendRequest

    response = session.call(session.client.tasks.Extend, ExtendRequest(lease=_duration(lease), **given))
    _answer(session, response.task, cancelled=response.cancelled)


@tasks.command()
@click.argument("task_id", metavar="ID")
@click.option("--agent", "agent_id", required=True, metavar="ID", help="Who takes it.")
@click.option("--request-id", default="", help="A repeat with the same id does nothing more.")
@pass_session
def claim(session: Session, **given: Any) -> None:
    """Take a human task that nobody holds."""
    from statewright.v1 import ClaimRequest

    _answer(session, session.call(session.client.tasks.Claim, ClaimRequest(**given)).task)


@tasks.command()
@click.argument("task_id", metavar="ID")
@click.option("--agent", "agent_id", required=True, metavar="ID", help="Who holds it.")
@click.option("--request-id", default="", help="A repeat with the same id does nothing more.")
@pass_session
def release(session: Session, **given: Any) -> None:
    """Give a human task back; the next gets it, or it waits."""
    from statewright.v1 import ReleaseRequest

    _answer(session, session.call(session.client.tasks.Release, ReleaseRequest(**given)).task)


@tasks.command()
@click.argument("task_id", metavar="ID")
@click.argument("decision")
@click.option("--agent", "agent_id", required=True, metavar="ID", help="Who decides.")
@assignments("--data", "The answers to its form.")
@click.option("--request-id", default="", help="A repeat with the same id does nothing more.")
@pass_session
def decide(session: Session, data: Any, **given: Any) -> None:
    """Decide a human task, such as `approved`; the enrollment moves on."""
    from statewright.v1 import DecideRequest

    request = DecideRequest(data=struct_of(data), **given)
    _answer(session, session.call(session.client.tasks.Decide, request).task)


@tasks.command()
@click.argument("task_id", metavar="ID")
@click.option("--agent", "agent_id", default="", metavar="ID", help="This agent gets it.")
@click.option("--group", default="", help="Whose turn it is in this group gets it.")
@click.option("--queue", default="", help="Whoever claims it in this queue gets it.")
@click.option("--skill", "skills", multiple=True, help="With --group: only those who have it; repeat it.")
@click.option("--request-id", default="", help="A repeat with the same id does nothing more.")
@pass_session
def reassign(
    session: Session, task_id: str, agent_id: str, group: str, queue: str, skills: tuple[str, ...], request_id: str
) -> None:
    """Give a human task to others, whoever holds it."""
    from statewright.v1 import ReassignRequest

    to = {name: value for name, value in (("agent_id", agent_id), ("group", group), ("queue", queue)) if value}
    if len(to) != 1:
        raise click.UsageError("name exactly one: --agent ID, --group NAME or --queue NAME")
    request = ReassignRequest(task_id=task_id, skills=skills, request_id=request_id)
    for name, value in to.items():
        setattr(request, name, value)
    _answer(session, session.call(session.client.tasks.Reassign, request).task)


def _answer(session: Session, task: Any, **more: bool) -> None:
    from service.cli.enrollments import error_text
    from service.cli.output import instant, print_facts, print_json
    from service.cli.shapes import plain

    shape = plain(task)
    if session.json:
        print_json(shape | more)
        return
    print_facts(
        [
            ("id", task.id),
            *((name, str(value).lower()) for name, value in more.items()),
            ("status", shape["status"]),
            ("queue", task.queue),
            ("type", task.type),
            ("enrollment", task.enrollment_id),
            ("step", f"{task.workflow} version {task.version}, {task.step}, visit {task.visit}"),
            ("contact", task.contact_id),
            *_people_facts(task),
            ("attempt", "" if task.HasField("human") else f"{task.attempt} of {task.max_attempts}"),
            ("input", shape["input"]),
            ("idempotency key", task.idempotency_key),
            ("worker", task.worker_id),
            ("lease ends", instant(task.lease_expire_time)),
            ("available", instant(task.available_time)),
            ("last error", error_text(task.last_error)),
        ]
    )


def _people_facts(task: Any) -> list[tuple[str, Any]]:
    """What a human task has besides."""
    from service.cli.output import instant

    human = task.human
    if not task.HasField("human"):
        return []
    meant = human.wanted_agent_id or (f"group {human.wanted_group}" if human.wanted_group else "whoever claims it")
    skills = f" with {', '.join(human.wanted_skills)}" if human.wanted_skills else ""
    decided = f"{human.decision} by {human.decided_by or 'an operator'}" if human.decision else ""
    return [
        ("title", human.title),
        ("message", human.message),
        ("for", f"{meant}{skills}"),
        ("held by", human.agent_id),
        ("since", instant(human.assign_time)),
        ("decisions", ", ".join(human.decisions)),
        ("decided", decided),
    ]
