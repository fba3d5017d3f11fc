"""Commands about several versions: `diff`, `migrate-runs` and `delete`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from uuid import uuid4

import click

from service.cli.options import guarded
from service.cli.session import Session, Verb, pass_session

T = TypeVar("T")
_PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.5
_LOOK_EVERY_S: Final = 0.3
_VERSION: Final = click.IntRange(min=1)
_STYLES: Final = {"added": "green", "removed": "red", "changed": "yellow", "renamed": "cyan", "moved": "cyan"}


class Mapping(click.ParamType):  # type: ignore[type-arg]
    """One `old=new`, two step ids."""

    name = "old=new"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        old, equals, new = str(value).partition("=")
        if not (old and equals and new):
            self.fail(f"{value!r} is no mapping: write OLD=NEW, two step ids", param, ctx)
        return old, new


@click.command(cls=Verb)
@click.argument("key")
@click.argument("from_version", metavar="[FROM]", required=False, type=_VERSION)
@click.argument("to_version", metavar="[TO]", required=False, type=_VERSION)
@pass_session
def diff(session: Session, key: str, from_version: int | None, to_version: int | None) -> None:
    """Say what changed between two versions of a workflow.

    TO is the latest version unless it is given, and FROM the one before TO.
    """
    from statewright.v1 import DiffRequest

    from service.cli.output import note, print_json
    from service.cli.shapes import plain

    request = DiffRequest(key=key, from_version=from_version, to_version=to_version)
    response = session.call(session.client.workflows.Diff, request)
    shape = plain(response)
    if session.json:
        print_json(shape)
        return
    note(f"{key}: version {response.from_version} → {response.to_version}")
    for difference in shape["differences"]:
        _print_difference(difference)
    if not shape["differences"]:
        note("  no difference")


def _print_difference(difference: dict[str, Any]) -> None:
    from rich.text import Text

    from service.cli.output import console

    sign = {"added": "+", "removed": "-"}.get(difference["kind"], "~")
    console().print(Text(f"  {sign} {difference['text']}", style=_STYLES[difference["kind"]]), soft_wrap=True)


@click.command("migrate-runs", cls=Verb)
@click.argument("key")
@click.option("--from", "from_version", type=_VERSION, required=True, help="The version they are on.")
@click.option("--to", "to_version", type=_VERSION, help="The version they go to. Default: the active one.")
@click.option("--map", "mapping", type=Mapping(), multiple=True, help="A step of --from, and what it is in --to.")
@click.option("--timers", type=click.Choice(["keep", "recompute"]), default="keep", show_default=True,
              help="Leave deadlines as they are, or reckon them anew by the new version.")  # fmt: skip
@click.option("--include-failed", is_flag=True, help="Failed ones too, to retry them on the other version.")
@click.option("--rate", type=click.IntRange(1, 10_000), default=200, show_default=True, help="How many per second.")
@click.option("--dry-run", is_flag=True, help="Only say which would go, and why the others would not.")
@click.option("--request-id", default="", help="Go on with the migration of this id.")
@pass_session
def migrate_runs(
    session: Session,
    mapping: Sequence[tuple[str, str]],
    timers: str,
    rate: int,
    dry_run: bool,
    request_id: str,
    **given: Any,
) -> None:
    """Move live enrollments of a workflow from one version to another.

    Those that do not fit stay where they are. A migration that was cut short goes on with the same --request-id.
    """
    from statewright.v1 import ApplyMigrationRequest, MigrationTimers, PlanMigrationRequest

    from service.cli.output import print_json
    from service.cli.shapes import number_of, plain

    given |= {"mapping": dict(mapping), "timers": number_of(MigrationTimers.DESCRIPTOR, timers)}
    if dry_run:
        planned = session.call(session.client.workflows.PlanMigration, PlanMigrationRequest(**given))
        _show_plan(session, plain(planned))
        return
    request = ApplyMigrationRequest(**given, rate=rate, request_id=request_id or f"migration-{uuid4().hex[:12]}")
    last: Any = None
    with progress(f"migrating {given['key']}", session) as told:
        for last in messages(session, session.client.workflows.ApplyMigration, request):
            told(last.migrated + last.left, last.total)
    shape = plain(last)
    if session.json:
        print_json(shape)
    else:
        _show_migrated(shape)


def messages(session: Session, call: Callable[[Any], Any], request: Any) -> Iterator[Any]:
    """What the server tells, up to its last word. When it goes away it is asked again, for half a minute.

    Raises grpc.RpcError, and click.Abort at Ctrl-C, saying how to go on.
    """
    import grpc

    lost_at = 0.0
    while True:
        try:
            for message in call(request):
                lost_at = 0.0
                yield message
                if message.done:
                    return
        except grpc.RpcError as error:
            lost_at = lost_at or time.monotonic()
            if error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND):
                raise
            if not _passing(error) or time.monotonic() - lost_at > _PATIENCE_S:
                click.echo(f"Not finished: go on with --request-id {request.request_id}", err=True)
                raise
        except KeyboardInterrupt:
            click.echo(f"\nStopped: go on with --request-id {request.request_id}", err=True)
            raise
        time.sleep(_PAUSE_S)


def _passing(error: Any) -> bool:
    import grpc

    code: grpc.StatusCode = error.code()
    return code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


def _show_plan(session: Session, shape: dict[str, Any]) -> None:
    from service.cli.output import note, print_json

    if session.json:
        print_json(shape)
        return
    note(f"version {shape['from_version']} → {shape['to_version']}, live enrollments: {shape['total']}, nothing moved:")
    _print_groups(shape["groups"])
    go, stay = shape["unchanged"] + shape["mapped"], shape["needs_mapping"] + shape["impossible"]
    note(f"{go} would go ({shape['mapped']} mapped), {stay} would stay ({shape['needs_mapping']} need a mapping)")
    renamed = [
        f"--map {group['step']}={group['suggested_step']}" for group in shape["groups"] if group["suggested_step"]
    ]
    if renamed:
        note(f"perhaps only renamed: {' '.join(renamed)}")


def _show_migrated(shape: dict[str, Any]) -> None:
    from service.cli.output import note

    note(f"{shape['migrated']} of {shape['total']} moved to version {shape['to_version']}, {shape['left']} stay")
    if shape["groups"]:
        _print_groups(shape["groups"])


def _print_groups(groups: Sequence[dict[str, Any]]) -> None:
    from service.cli.output import print_table

    print_table(
        ("step", "leads to", "fit", "enrollments", "why", "for example"),
        [
            (
                group["step"],
                group["to_step"] or (f"{group['suggested_step']}?" if group["suggested_step"] else ""),
                group["fit"].replace("_", " "),
                group["count"],
                group["message"],
                group["example_enrollment_id"] if group["reason"] else "",
            )
            for group in groups
        ],
        empty="no live enrollments",
    )


@click.command(cls=Verb)
@click.argument("key")
@click.option("--force", is_flag=True, help="Cancel its live enrollments; without it they keep the workflow.")
@guarded
@pass_session
def delete(session: Session, key: str, force: bool, request_id: str, **guard: Any) -> None:
    """Delete a workflow with all its versions.

    History stays until its retention ends, and the key may be published again.
    """
    from statewright.v1 import WorkflowServiceDeleteRequest

    from service.cli.output import note, print_json
    from service.cli.shapes import plain

    name = request_id or f"delete-{uuid4().hex[:12]}"
    request = WorkflowServiceDeleteRequest(key=key, force=force, request_id=name, **guard)
    with progress(f"cancelling enrollments of {key}", session) as told:
        response = _deleted(session, request, told)
    if session.json:
        print_json(plain(response))
        return
    noun = "enrollment" if response.cancelled == 1 else "enrollments"
    note(f"{key} is deleted" + (f", {response.cancelled} {noun} cancelled" if response.cancelled else ""))


def _deleted(session: Session, request: Any, told: Callable[[int, int], None]) -> Any:
    """The answer, once all enrollments have ended; asked again while the server goes away and comes back."""
    import grpc

    most, lost_at = 0, 0.0
    while True:
        call = session.client.workflows.Delete.future(request, timeout=max(session.timeout_s, _PATIENCE_S))
        try:
            while request.force and not _over(call):
                live = _live(session, request.key)
                most = max(most, live)
                told(most - live, most)
            return call.result()
        except grpc.RpcError as error:
            lost_at = lost_at or time.monotonic()
            slow = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and most > 0
            if not slow and (not _passing(error) or time.monotonic() - lost_at > _PATIENCE_S):
                raise
        time.sleep(_PAUSE_S)


def _over(call: Any) -> bool:
    """Whether the call has ended, after waiting a moment for it."""
    import grpc

    try:
        call.result(timeout=_LOOK_EVERY_S)
    except grpc.FutureTimeoutError:
        return False
    return True


def _live(session: Session, key: str) -> int:
    from statewright.v1 import CountRequest, EnrollmentStatus

    from service.cli.shapes import number_of

    words = ("pending", "running", "waiting", "paused")
    request = CountRequest(workflow=key, status=[number_of(EnrollmentStatus.DESCRIPTOR, word) for word in words])
    return session.call(session.client.enrollments.Count, request).counts.total


@contextmanager
def progress(title: str, session: Session) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error while it lasts, for people at a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    error = Console(stderr=True)
    with Progress(*columns, console=error, transient=True, disable=session.json or not error.is_terminal) as bar:
        task = bar.add_task(title, total=None, visible=False)

        def told(completed: int, total: int) -> None:
            bar.update(task, completed=completed, total=total, visible=total > 0)

        yield told
