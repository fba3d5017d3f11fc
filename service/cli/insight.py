"""Commands that count: `funnel` and `stats`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import click

from service.cli.options import Instant, paged, timestamp
from service.cli.session import Session, Verb, pass_session

F = TypeVar("F", bound=Callable[..., Any])
_BAR: Final = 24
_SHARES: Final = (("passed", "█"), ("waiting", "▒"), ("failed", "×"), ("exited", "·"))
"""What a bar is made of, in this order."""


def period(function: F) -> F:
    """`--since` and `--until`."""
    for option in (
        click.option("--until", type=Instant(), help="Started before this time, or so long ago: 1d."),
        click.option("--since", type=Instant(), help="Started at this time or later, or within: 30d."),
    ):
        function = option(function)
    return function


@click.command(cls=Verb)
@click.argument("key")
@click.option("--version", type=click.IntRange(min=1), help="Only what happened on this version.")
@period
@pass_session
def funnel(session: Session, key: str, version: int | None, since: datetime | None, until: datetime | None) -> None:
    """Show what became of the visits of every step: entered = waiting + passed + exited + failed."""
    from statewright.v1 import FunnelRequest

    from service.cli.output import note, print_json, print_table
    from service.cli.shapes import plain

    request = FunnelRequest(
        key=key, version=version, start_time_from=timestamp(since), start_time_before=timestamp(until)
    )
    shape = plain(session.call(session.client.workflows.Funnel, request))
    if session.json:
        print_json(shape)
        return
    most = max((step["entered"] for step in shape["steps"]), default=0)
    note(f"{key}, steps of version {shape['version']}: {_runs(shape)}")
    print_table(
        ("step", "", "entered", "waiting", "passed", "exited", "failed", "cancelled", "runs", "converted"),
        [_step_row(step, most) for step in shape["steps"]],
        empty="no steps",
    )
    legend = "  ".join(f"{sign} {name}" for name, sign in _SHARES)
    note(f"{legend}  (cancelled visits are among the exited)")


def _runs(shape: Mapping[str, Any]) -> str:
    parts = [f"{each['count']} {each['status']}" for each in shape["statuses"]]
    parts += [f"{shape[name]} {name}" for name in ("converted", "children") if shape[name]]
    if shape["unrecorded"]:
        parts.append(f"{shape['unrecorded']} without history, not counted at steps")
    number = shape["enrollments"]
    return ", ".join([f"{number} enrollment{'' if number == 1 else 's'}", *parts])


def _step_row(step: Mapping[str, Any], most: int) -> tuple[Any, ...]:
    name = f"{step['step']} (removed)" if step["removed"] else step["step"]
    numbers = ("entered", "waiting", "passed", "exited", "failed", "cancelled", "enrollments", "converted")
    return (name, bar(step, most), *(step[number] for number in numbers))


def bar(step: Mapping[str, Any], most: int, width: int = _BAR) -> str:
    """A step's visits beside those of the step that had most, each kind with its share; who is there is seen."""
    if not step["entered"]:
        return ""
    length = max(round(width * step["entered"] / most), sum(1 for name, _ in _SHARES if step[name]))
    cells = _apportioned([step[name] for name, _ in _SHARES], length)
    return "".join(sign * count for (_, sign), count in zip(_SHARES, cells, strict=True))


def _apportioned(counts: Sequence[int], cells: int) -> list[int]:
    """One cell for each kind there is, and the rest by largest remainder."""
    least = [1 if count else 0 for count in counts]
    rest, total = cells - sum(least), sum(counts)
    exact = [rest * count / total for count in counts]
    given = [one + int(share) for one, share in zip(least, exact, strict=True)]
    for index in sorted(range(len(counts)), key=lambda place: int(exact[place]) - exact[place])[: cells - sum(given)]:
        given[index] += 1
    return given


@click.command(cls=Verb)
@click.argument("key", required=False, default="")
@period
@paged(default=50)
@pass_session
def stats(session: Session, key: str, since: datetime | None, until: datetime | None, **page: Any) -> None:
    """Count enrollments by status, exit reason, goal and error: of one workflow, or of each."""
    from statewright.v1 import EnrollmentStatus, StatsRequest

    from service.cli.paging import answer_page
    from service.cli.shapes import word

    answer_page(
        session,
        session.client.workflows.Stats,
        StatsRequest(key=key, start_time_from=timestamp(since), start_time_before=timestamp(until)),
        "workflows",
        page,
        ("workflow", "runs", "by status", "converted", "goals", "exit reasons", "errors"),
        lambda it: (
            it.workflow,
            it.total,
            ", ".join(f"{each.count} {word(EnrollmentStatus.DESCRIPTOR, each.status)}" for each in it.statuses),
            it.converted or "",
            _named(it.goals),
            _named(it.exit_reasons),
            _named(it.errors),
        ),
        empty="no workflows yet: `statewright publish FILE`",
    )


def _named(counts: Sequence[Any]) -> str:
    return ", ".join(f"{each.count} {each.name}" for each in counts)
