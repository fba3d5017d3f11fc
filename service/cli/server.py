"""Commands that start things: a server, a migration."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Final

import click
from click.core import ParameterSource

from service.cli.session import Session, Verb, pass_session
from service.settings import Setting, Settings, SettingsError, describe_settings, load_settings

# the file is read by the settings themselves, where the environment is stronger than it
_GIVEN: Final = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
_TYPES: Final = {int: click.INT, float: click.FLOAT, str: click.STRING}


def settings_options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: the options of these settings (all without a name), None when not given on the command line."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for setting in reversed(describe_settings()):
            if not names or setting.name in names:
                function = _option(setting)(function)
        return function

    return decorate


def _option(setting: Setting) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    shown = f"{setting.description} [{setting.variable}; default {setting.default or 'none'}]"
    if setting.kind is bool:
        return click.option(f"{setting.flag}/--no-{setting.flag[2:]}", setting.name, default=None, help=shown)
    return click.option(setting.flag, setting.name, type=_TYPES[setting.kind], help=shown)


def _settings(session: Session, given: dict[str, Any]) -> Settings:
    """The settings of this start. What is wrong with them is a usage error."""
    context = click.get_current_context()
    flags = {name: value for name, value in given.items() if context.get_parameter_source(name) in _GIVEN}
    if session.json and context.command.name == "serve":
        flags.setdefault("log_format", "json")
    try:
        return load_settings(flags, os.environ, session.config)
    except SettingsError as error:
        raise click.UsageError(error.message) from error


@click.command(cls=Verb)
@settings_options()
@pass_session
def serve(session: Session, **given: Any) -> None:
    """Run a server until SIGTERM or Ctrl-C.

    By default on a SQLite file in this folder; with --database-url postgresql://… on PostgreSQL.
    """
    from service.launch import run

    sys.exit(run(_settings(session, given)))


@click.command(cls=Verb)
@settings_options("database_url")
@pass_session
def migrate(session: Session, **given: Any) -> None:
    """Bring a database to this version's schema. Safe to repeat; one process migrates at a time."""
    from service.cli.output import note, print_json
    from service.storage.database import Database
    from service.storage.schema import migrate as apply

    settings = _settings(session, given)
    database = Database(settings.database_url)
    try:
        before, after = apply(database)
    finally:
        database.close()
    if session.json:
        print_json({"database": settings.database, "before": before, "after": after, "changed": before != after})
    elif before == after:
        note(f"{settings.database} is at schema {after} already")
    else:
        note(f"{settings.database} is at schema {after} now, before: {before or 'none'}")
