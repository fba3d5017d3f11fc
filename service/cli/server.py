"""Commands that start things: a server, a migration."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import click

from service.cli.session import Session, Verb, pass_session
from service.settings import Setting, Settings, SettingsError, describe_settings, load_settings

_TYPES: Final = {int: click.INT, float: click.FLOAT, str: click.STRING}


def settings_options(*names: str) -> Any:
    """A decorator: the options of these settings (all without a name), None when not given on the command line."""

    def decorate(function: Any) -> Any:
        for setting in reversed(describe_settings()):
            if not names or setting.name in names:
                function = _option(setting)(function)
        return function

    return decorate


def _option(setting: Setting) -> Any:
    shown = f"{setting.description} [{setting.variable}; default {setting.default or 'none'}]"
    if setting.kind is bool:
        return click.option(f"{setting.flag}/--no-{setting.flag[2:]}", setting.name, default=None, help=shown)
    return click.option(setting.flag, setting.name, type=_TYPES[setting.kind], help=shown)


def _settings(session: Session, given: dict[str, Any]) -> Settings:
    """The settings of this start. What is wrong with them is a usage error."""
    try:
        return load_settings(given, os.environ, session.config)
    except SettingsError as error:
        raise click.UsageError(error.message) from error


@click.command(cls=Verb)
@settings_options()
@pass_session
def serve(session: Session, **given: Any) -> None:
    """Run a server until SIGTERM or Ctrl-C.

    By default on a SQLite file in this folder; with --database-url postgresql://… on PostgreSQL.
    """
    if session.json and given["log_format"] is None:
        given["log_format"] = "json"
    settings = _settings(session, given)
    from service.app import run

    sys.exit(run(settings))


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
