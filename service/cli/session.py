"""What every command knows: which server to speak to, how long to wait, and whether people or machines read along.

These settings may stand before or after the command. The nearest source wins: command line, environment, file, default.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from statewright import Client

R = TypeVar("R")

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
DEFAULT_TIMEOUT_S: Final = 30.0


class Source(IntEnum):
    """Where a setting comes from, the stronger the higher."""

    DEFAULT = 0
    FILE = 1
    ENVIRONMENT = 2
    COMMAND_LINE = 3


_SOURCES: Final = {
    ParameterSource.COMMANDLINE: Source.COMMAND_LINE,
    ParameterSource.PROMPT: Source.COMMAND_LINE,
    ParameterSource.ENVIRONMENT: Source.ENVIRONMENT,
    ParameterSource.DEFAULT_MAP: Source.FILE,
}


class Session:
    """The settings of one run of the command line, and its connection."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {
            "address": DEFAULT_ADDRESS,
            "json": False,
            "timeout": DEFAULT_TIMEOUT_S,
            "config": None,
        }
        self._ranks: dict[str, Source] = {}

    def offer(self, name: str, value: Any, source: Source) -> None:
        """Takes a setting unless a stronger source has set it."""
        if source >= self._ranks.get(name, Source.DEFAULT):
            self._values[name] = value
            self._ranks[name] = source

    @property
    def address(self) -> str:
        return str(self._values["address"])

    @property
    def json(self) -> bool:
        return bool(self._values["json"])

    @property
    def timeout_s(self) -> float:
        return float(self._values["timeout"])

    @property
    def config(self) -> Path | None:
        path: Path | None = self._values["config"]
        return path

    @cached_property
    def client(self) -> Client:
        from statewright import connect

        return connect(self.address)

    def call(self, method: Callable[..., R], request: Any, *, timeout_s: float | None = None) -> R:
        """Calls an RPC with this session's deadline. Raises grpc.RpcError."""
        return method(request, timeout=self.timeout_s if timeout_s is None else timeout_s)


def pass_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator: the command's function is given the session first."""
    return click.make_pass_decorator(Session, ensure=True)(function)


class Verb(click.Command):
    """A command that takes the shared options too, and turns what a server refuses into a message and an exit code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:
            from service.cli.errors import complaint_of

            complaint = complaint_of(error, ctx.ensure_object(Session))
            if complaint is None:
                raise
            raise complaint from error


class Family(click.Group):
    """Commands about one kind of thing, such as `tasks list`."""

    command_class = Verb

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())


def shared_options(prefix: str | None = None) -> list[click.Parameter]:
    """The options of `Session`, for a command; with a prefix also as environment variables of that prefix."""

    def named(name: str) -> str | None:
        return f"{prefix}_{name}" if prefix else None

    return [
        click.Option(
            ["--config"],
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            envvar=named("CONFIG"),
            is_eager=True,
            expose_value=False,
            callback=_read_config,
            help="A TOML file with settings.",
        ),
        click.Option(
            ["--address"],
            envvar=named("ADDRESS"),
            metavar="HOST:PORT",
            expose_value=False,
            callback=_offer,
            help=f"The server. Default {DEFAULT_ADDRESS}.",
        ),
        click.Option(
            ["--timeout"],
            envvar=named("TIMEOUT"),
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            expose_value=False,
            callback=_offer,
            help=f"How long to wait for an answer. Default {DEFAULT_TIMEOUT_S:g}.",
        ),
        click.Option(
            ["--json/--no-json"],
            envvar=named("JSON"),
            default=None,
            expose_value=False,
            callback=_offer,
            help="Answer in JSON.",
        ),
    ]


def _offer(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    source = _SOURCES.get(ctx.get_parameter_source(param.name or "") or ParameterSource.DEFAULT)
    if value is not None and source is not None:
        ctx.ensure_object(Session).offer(param.name or "", value, source)


def _read_config(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    settings = _load(path, ctx, param)
    session = ctx.ensure_object(Session)
    _offer(ctx, param, path)
    for name in ("address", "json", "timeout"):
        if name in settings:
            session.offer(name, settings.pop(name), Source.FILE)
    ctx.default_map = _default_map(settings, ctx)


def _load(path: Path, ctx: click.Context, param: click.Parameter) -> dict[str, Any]:
    try:
        return _underscored(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path} is not TOML: {error}", ctx, param) from None


def _underscored(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key.replace("-", "_"): _underscored(value) if isinstance(value, dict) else value for key, value in table.items()
    }


def _default_map(settings: dict[str, Any], ctx: click.Context) -> dict[str, Any]:
    """What stands in a command's table (`[list]`, `[tasks.poll]`) are its options; the top is the server's."""
    if isinstance(ctx.command, click.Group):
        return {name: settings.get(name.replace("-", "_"), {}) for name in ctx.command.list_commands(ctx)}
    table: Any = settings
    for name in ctx.command_path.split()[1:]:
        table = table.get(name.replace("-", "_"), {}) if isinstance(table, dict) else {}
    return table if isinstance(table, dict) else {}
