"""Commands about published workflows: list, read, and switch them."""

from __future__ import annotations

from typing import Any

import click

from service.cli.options import guarded, paged, pause_options, pause_policies
from service.cli.session import Family, Session, pass_session


@click.group(cls=Family)
def workflows() -> None:
    """List, read and switch published workflows."""


@workflows.command("list")
@click.option("--status", type=click.Choice(["active", "paused"]), multiple=True)
@click.option("--trigger", default="", metavar="TYPE", help="Workflows that listen for this type of event.")
@paged(default=50)
@pass_session
def list_(session: Session, status: tuple[str, ...], trigger: str, **page: Any) -> None:
    """List workflows by key."""
    from statewright.v1 import WorkflowServiceListRequest, WorkflowStatus

    from service.cli.output import instant
    from service.cli.paging import answer_page
    from service.cli.shapes import number_of, word

    kind = WorkflowStatus.DESCRIPTOR
    request = WorkflowServiceListRequest(status=[number_of(kind, each) for each in status], trigger_type=trigger)
    answer_page(
        session,
        session.client.workflows.List,
        request,
        "workflows",
        page,
        ("key", "name", "status", "active", "latest", "enrollments", "changed"),
        lambda it: (
            it.key,
            it.name,
            word(kind, it.status),
            it.active_version or "none",
            it.latest_version,
            it.counts.total,
            instant(it.update_time),
        ),
        empty="no workflows yet: `statewright publish FILE`",
    )


@workflows.command()
@click.argument("key")
@click.option("--version", type=click.IntRange(min=1), help="Default: the active one, else the latest.")
@pass_session
def get(session: Session, key: str, version: int | None) -> None:
    """Read a workflow, with its counts and one version."""
    from statewright.v1 import WorkflowServiceGetRequest, WorkflowStatus

    from service.cli.output import instant, print_facts, print_json
    from service.cli.shapes import plain, word

    response = session.call(session.client.workflows.Get, WorkflowServiceGetRequest(key=key, version=version))
    if session.json:
        print_json(plain(response.workflow) | {"version": plain(response.version)})
        return
    it, counts = response.workflow, plain(response.workflow)["counts"] or {}
    print_facts(
        [
            ("key", it.key),
            ("name", it.name),
            ("description", it.description),
            ("status", word(WorkflowStatus.DESCRIPTOR, it.status)),
            ("active version", it.active_version or "none"),
            ("latest version", it.latest_version),
            ("revision", it.revision),
            ("created", instant(it.create_time)),
            ("changed", instant(it.update_time)),
            ("enrollments", counts.get("total")),
            ("by status", _pairs(counts.get("statuses", {}))),
            ("by step", _pairs(counts.get("steps", {}))),
            ("shown version", response.version.number),
            ("steps", ", ".join(step["id"] for step in plain(response.version)["definition"].get("steps", []))),
        ]
    )


def _pairs(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


@workflows.command()
@click.argument("key")
@paged(default=50)
@pass_session
def versions(session: Session, key: str, **page: Any) -> None:
    """List the versions of a workflow, latest first."""
    from statewright.v1 import DefinitionFormat, ListVersionsRequest

    from service.cli.output import instant
    from service.cli.paging import answer_page
    from service.cli.shapes import word

    answer_page(
        session,
        session.client.workflows.ListVersions,
        ListVersionsRequest(key=key),
        "versions",
        page,
        ("version", "active", "label", "format", "published"),
        lambda it: (
            it.number,
            "active" if it.active else "",
            it.label,
            word(DefinitionFormat.DESCRIPTOR, it.format),
            instant(it.publish_time),
        ),
        empty="no versions",
    )


@workflows.command()
@click.argument("key")
@click.argument("version", type=click.IntRange(min=1))
@guarded
@pass_session
def activate(session: Session, key: str, version: int, **guard: Any) -> None:
    """Make a version the one that new entries run on."""
    from statewright.v1 import ActivateRequest

    request = ActivateRequest(key=key, version=version, **guard)
    _answer(session, session.call(session.client.workflows.Activate, request).workflow)


@workflows.command()
@click.argument("key")
@pause_options
@guarded
@pass_session
def pause(session: Session, key: str, **given: Any) -> None:
    """Block a workflow's entries and hold its runs."""
    pause_workflow(session, key, **given)


def pause_workflow(session: Session, key: str, **given: Any) -> None:
    """Pause and show it."""
    from statewright.v1 import WorkflowServicePauseRequest

    request = WorkflowServicePauseRequest(key=key, **pause_policies(given))
    _answer(session, session.call(session.client.workflows.Pause, request).workflow)


@workflows.command()
@click.argument("key")
@guarded
@pass_session
def resume(session: Session, key: str, **guard: Any) -> None:
    """Take entries again and let the runs go on."""
    resume_workflow(session, key, **guard)


def resume_workflow(session: Session, key: str, **guard: Any) -> None:
    """Resume and show it."""
    from statewright.v1 import WorkflowServiceResumeRequest

    request = WorkflowServiceResumeRequest(key=key, **guard)
    _answer(session, session.call(session.client.workflows.Resume, request).workflow)


def _answer(session: Session, workflow: Any) -> None:
    from service.cli.output import note, print_json
    from service.cli.shapes import plain

    shape = plain(workflow)
    if session.json:
        print_json(shape)
    else:
        note(f"{workflow.key} is {shape['status']}, active version {workflow.active_version or 'none'}")
