"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from service.cli.assignments import Assignment, ResultAssignment

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

F = TypeVar("F", bound=Callable[..., Any])


class Instant(click.ParamType):  # type: ignore[type-arg]
    """An instant in ISO 8601 (local when it names no zone), or how long ago: `2h`, `7d`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        from statemachine.duration import parse_duration

        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            pass
        try:
            return datetime.now(UTC) - parse_duration(value)
        except ValueError:
            self.fail(f"{value!r} is neither a time such as 2026-01-31T09:00Z nor an age such as 2h", param, ctx)


class Span(click.ParamType):  # type: ignore[type-arg]
    """A duration such as `90s`, `2h` or `1d 12h`, read as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from statemachine.duration import parse_duration

        try:
            return parse_duration(value).total_seconds()
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType):  # type: ignore[type-arg]
    """An instant in ISO 8601, local when it names no zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time such as 2026-01-31T09:00Z", param, ctx)


class Shift(click.ParamType):  # type: ignore[type-arg]
    """A duration that may be negative, such as `2h` or `-30m`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        from statemachine.duration import parse_duration

        try:
            span = parse_duration(str(value).removeprefix("-"))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return -span if str(value).startswith("-") else span


def timestamp(moment: datetime | None) -> Timestamp | None:
    """An instant as the API has it."""
    if moment is None:
        return None
    from google.protobuf.timestamp_pb2 import Timestamp

    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def assignments(name: str, help: str) -> Callable[[F], F]:  # noqa: A002
    """A repeatable option of `k=v` and `k:=json`."""
    return click.option(name, type=Assignment(), multiple=True, metavar="K=V", help=f"{help} k=text or k:=json.")


def results(help: str) -> Callable[[F], F]:  # noqa: A002
    """`--result`, by step."""
    return click.option("--result", type=ResultAssignment(), multiple=True, metavar="K=V",
                        help=f"{help} k=text or k:=json.")  # fmt: skip


def guarded(function: F) -> F:
    """Options of commands that change something: once only, and only what was read before."""
    for option in (
        click.option("--expected-revision", type=click.IntRange(min=0), help="Refuse unless it is at this revision."),
        click.option("--request-id", default="", help="A repeat with the same id does nothing more."),
    ):
        function = option(function)
    return function


def pause_options(function: F) -> F:
    """What a pause does to timers and events."""
    for option in (
        click.option("--events", type=click.Choice(["buffer", "deliver", "drop"]), help="What becomes of events."),
        click.option("--timers", type=click.Choice(["keep", "remaining", "catch_up"]), help="What becomes of timers."),
    ):
        function = option(function)
    return function


def pause_policies(given: dict[str, Any]) -> dict[str, Any]:
    """The same options, with the policies as the API spells them; those not given are left out."""
    words = {name: given.pop(name, None) for name in ("timers", "events")}
    return {**given, **{name: f"PAUSE_{name.upper()}_{word.upper()}" for name, word in words.items() if word}}


def paged(default: int) -> Callable[[F], F]:
    """Options of lists."""

    def decorate(function: F) -> F:
        for option in (
            click.option("--all", "every", is_flag=True, help="Every page, not one."),
            click.option("--page-token", default="", help="`next_page_token` of the page before."),
            click.option("--limit", type=click.IntRange(1, 500), default=default, show_default=True, help="Page size."),
        ):
            function = option(function)
        return function

    return decorate
