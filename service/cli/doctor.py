"""`statewright doctor`: is the server well, and if not, what to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import click

from service.cli.session import Session, Verb, pass_session

_CLOCK_TOLERANCE: Final = timedelta(seconds=2)
_LAG_TOLERANCE: Final = timedelta(seconds=5)
_POLL_TOLERANCE: Final = timedelta(minutes=2)


class Finding(NamedTuple):
    """One thing looked at. `state` is `ok`, `warning` or `error`; `advice` is empty when it is ok."""

    check: str
    state: str
    text: str
    advice: str = ""


@click.command(cls=Verb)
@click.option("--health", is_flag=True, help="Only ask whether it serves: exit code 0 or 3, for container checks.")
@pass_session
def doctor(session: Session, health: bool) -> None:
    """Check a server: connection, database, clock, timers, stuck runs, queues. Exit code 1 when something is wrong."""
    if health:
        _ask_health(session)
        return
    from statewright.v1 import GetServerInfoRequest

    from service.cli.output import print_json
    from service.cli.shapes import plain

    started = time.monotonic()
    info = session.call(session.client.admin.GetServerInfo, GetServerInfoRequest()).server_info
    took = timedelta(seconds=time.monotonic() - started)
    findings = list(examine(info, took, datetime.now(UTC)))
    well = all(finding.state != "error" for finding in findings)
    if session.json:
        print_json({"ok": well, "findings": [finding._asdict() for finding in findings], "server": plain(info)})
    else:
        _show(session, findings)
    if not well:
        raise click.exceptions.Exit(1)


def _ask_health(session: Session) -> None:
    from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
    from grpc_health.v1.health_pb2_grpc import HealthStub

    from service.cli.errors import UNREACHABLE
    from service.cli.output import print_json

    stub: Any = HealthStub(session.client.channel)
    status = session.call(stub.Check, HealthCheckRequest(), timeout_s=min(session.timeout_s, 5.0)).status
    name = HealthCheckResponse.ServingStatus.Name(status)
    if session.json:
        print_json({"status": name})
    else:
        click.echo(name)
    if status != HealthCheckResponse.SERVING:
        raise click.exceptions.Exit(UNREACHABLE)


def examine(info: Any, took: timedelta, now: datetime) -> Iterator[Finding]:
    """What a ServerInfo, answered in `took`, amounts to; `now` is this machine's time."""
    from statewright.v1 import DatabaseKind

    from service.cli.output import instant, span
    from service.cli.shapes import word

    mode = "development server" if info.dev else "server"
    yield Finding("server", "ok", f"{mode} {info.version}, replica {info.replica_id}, answered in {span(took)}")
    kind = word(DatabaseKind.DESCRIPTOR, info.database)
    yield Finding("database", "ok", f"{kind} {info.database_version}, schema {info.schema_revision}")
    yield _clock(info, took, now)
    yield _timers(info)
    yield _stuck(info)
    yield _quarantine(info)
    if info.pending:
        waiting = ", ".join(f"{each.count} by {each.rule}" for each in info.pending)
        yield Finding("pending", "ok", f"enrollments that wait to begin: {waiting}")
    yield from map(_places, info.places)
    for each in info.looks:
        until = instant(each.last_until_time)
        text = f"{each.count} events may still enrol (entry.grace), the last until {until}"
        yield Finding(f"grace {each.workflow}", "ok", text)
    for each in info.blocked:
        text = f"{each.count} events of steps enrolled nobody within the last hour ({each.rule})"
        if each.rule not in ("causation_own", "causation_depth", "flood"):
            yield Finding("dates", "ok", f"{each.count} dates enrolled nobody within the last hour ({each.rule})")
        elif each.rule == "causation_own":
            yield Finding("causation", "ok", text)
        else:
            advice = "look for workflows that start each other: their triggers listen for what their steps raise"
            yield Finding("causation", "warning", text, advice)
    for queue in info.queues:
        yield _queue(queue, info, now)
    for people in info.human_queues:
        yield _people(people)


def _clock(info: Any, took: timedelta, now: datetime) -> Finding:
    from service.cli.output import span

    rate = f", workflow time runs at {info.clock_rate:g}x" if info.clock_rate not in (0, 1) else ""
    apart = abs(now - info.wall_time.ToDatetime(tzinfo=UTC))
    if apart > _CLOCK_TOLERANCE + took:
        text = f"this machine and the database are {span(apart)} apart{rate}"
        return Finding("clock", "warning", text, "synchronise the clocks (NTP); the database's is the one that counts")
    return Finding("clock", "ok", f"agrees with this machine's{rate}")


def _timers(info: Any) -> Finding:
    from service.cli.output import span

    lag = info.oldest_due_lag.ToTimedelta()
    if lag > _LAG_TOLERANCE * max(1.0, info.clock_rate):
        text = f"the oldest due timer is {span(lag)} behind"
        return Finding("timers", "error", text, "the server cannot keep up: look at its log, its CPU and the database")
    return Finding("timers", "ok", f"live enrollments: {info.live_enrollments}, none behind" if not lag else "on time")


def _stuck(info: Any) -> Finding:
    if info.stuck_enrollments:
        text = f"{info.stuck_enrollments} live enrollments have nothing that could move them"
        return Finding("liveness", "error", text, "a defect: report it, with `statewright history` of one of them")
    return Finding("liveness", "ok", "no enrollment is stuck")


def _quarantine(info: Any) -> Finding:
    if info.quarantined_enrollments or info.quarantined_events:
        text = f"set aside after failing inside the engine: {info.quarantined_enrollments} enrollments"
        text += f", {info.quarantined_events} events" if info.quarantined_events else ""
        return Finding("quarantine", "error", text, "a defect: the server's log names them")
    return Finding("quarantine", "ok", "empty")


def _queue(queue: Any, info: Any, now: datetime) -> Finding:
    from service.cli.output import instant

    check = f"queue {queue.name}"
    work = f"{queue.ready_tasks} ready, {queue.delayed_tasks} delayed, {queue.leased_tasks} leased"
    polled = f"last polled {instant(queue.last_poll_time)}" if queue.HasField("last_poll_time") else "never polled"
    age = now - queue.last_poll_time.ToDatetime(tzinfo=UTC)
    served = queue.waiting_workers or queue.leased_tasks or age < _POLL_TOLERANCE
    if not queue.ready_tasks or served:
        return Finding(check, "ok", f"{work}, {polled}")
    advice = f"start a worker that polls {queue.name!r}"
    if queue.name == "messages" and not info.dev:
        advice += ", or serve with --dev to keep messages in the local outbox"
    return Finding(check, "warning", f"{work}, {polled}", advice)


def _places(places: Any) -> Finding:
    """The places of one workflow; every one taken must be that of a live enrollment."""
    check = f"places {places.workflow}"
    most = f" of {places.max_concurrent}" if places.max_concurrent else ""
    pace = f" of {places.per_minute}" if places.per_minute else ""
    text = f"{places.taken}{most} taken, {places.begun}{pace} within a minute, {places.pending} wait"
    if places.leaked:
        text += f"; {places.leaked} disagree with the live enrollments"
        return Finding(check, "error", text, "a defect: report it, with `statewright list --workflow` of it")
    return Finding(check, "ok", text)


def _people(queue: Any) -> Finding:
    """A queue of human tasks: whether there is anybody who could decide."""
    from service.cli.output import span

    check = f"people {queue.name}"
    text = f"{queue.open_tasks} wait for a decision, {queue.unassigned_tasks} of them held by nobody"
    if not queue.unserved_tasks:
        return Finding(check, "ok", text)
    waited = span(queue.oldest_unassigned_age.ToTimedelta())
    text += f", {queue.unserved_tasks} with nobody available, the oldest since {waited}"
    return Finding(check, "warning", text, "make an agent of the group available: `statewright agents availability`")


def _show(session: Session, findings: list[Finding]) -> None:
    from service.cli.output import note, print_table

    note(f"server at {session.address}")
    rows = [(it.state, it.check, it.text, it.advice) for it in findings]
    print_table(("state", "check", "found", "next"), rows, empty="")
