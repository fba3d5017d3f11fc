"""The command `statewright`: which commands there are, and where each is found.

A command's module is loaded when it is run, so that `--help` and shell completion need neither gRPC nor rich.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Final, NamedTuple

import click

from service.cli.session import Session, shared_options

PREFIX: Final = "STATEWRIGHT"


class Entry(NamedTuple):
    """Where a command is (`module:attribute` in this package) and what it does, in a line."""

    section: str
    place: str
    help: str


COMMANDS: Final[Mapping[str, Entry]] = {
    "demo": Entry("Start", "demo:demo", "Show a real server at work: days in seconds."),
    "serve": Entry("Start", "server:serve", "Run a server."),
    "migrate": Entry("Start", "server:migrate", "Bring a database to this version's schema."),
    "doctor": Entry("Start", "doctor:doctor", "Check a server, and say what to do."),
    "validate": Entry("Workflows", "validate:validate", "Check workflow files; needs no server."),
    "test": Entry("Workflows", "testing:test", "Run the tests of workflow files; needs no server."),
    "simulate": Entry("Workflows", "simulation:simulate", "Play a workflow on a virtual clock: what would happen?"),
    "publish": Entry("Workflows", "definitions:publish", "Publish a workflow file as a new version."),
    "render": Entry("Workflows", "render:render", "Draw a workflow file or a published workflow."),
    "export": Entry("Workflows", "definitions:export", "Write a published version out."),
    "schema": Entry("Workflows", "schema:schema", "Print the JSON Schema of workflow files, for editors."),
    "convert": Entry("Workflows", "convert:convert", "Write a workflow file in another spelling; needs no server."),
    "workflows": Entry("Workflows", "workflows:workflows", "List, read and switch published workflows."),
    "diff": Entry("Workflows", "versions:diff", "Say what changed between two versions."),
    "migrate-runs": Entry("Workflows", "versions:migrate_runs", "Move live enrollments to another version."),
    "funnel": Entry("Workflows", "insight:funnel", "Show what became of every visit of every step."),
    "stats": Entry("Workflows", "insight:stats", "Count enrollments by status, exit reason, goal and error."),
    "experiment": Entry("Workflows", "experiment:experiment", "Compare the variants of a split."),
    "set-weights": Entry("Workflows", "splits:set_weights", "Set the weights of a split of a live version."),
    "delete": Entry("Workflows", "versions:delete", "Delete a workflow with all its versions."),
    "trigger": Entry("Runs", "events:trigger", "Send an event."),
    "enroll": Entry("Runs", "events:enroll", "Enrol a contact into one workflow."),
    "get": Entry("Runs", "enrollments:get", "Read one enrollment."),
    "list": Entry("Runs", "enrollments:list_", "List enrollments."),
    "count": Entry("Runs", "enrollments:count", "Count enrollments by status and step."),
    "summary": Entry("Runs", "summary:summary", "Sum up what happened to an enrollment, step by step."),
    "history": Entry("Runs", "enrollments:history", "Read what happened to an enrollment."),
    "watch": Entry("Runs", "watch:watch", "Follow what happens as it happens."),
    "explain": Entry("Runs", "explain:explain", "Say why a run waits, or what an event would do, and why."),
    "forecast": Entry("Runs", "forecast:forecast", "Show what would become of a live enrollment."),
    "advance": Entry("Control", "control:advance", "Fire a transition of an enrollment now."),
    "pause": Entry("Control", "control:pause", "Hold an enrollment."),
    "resume": Entry("Control", "control:resume", "Let a paused enrollment go on."),
    "cancel": Entry("Control", "control:cancel", "End an enrollment."),
    "retry": Entry("Control", "control:retry", "Continue a failed enrollment from the step that failed."),
    "set-variables": Entry("Control", "control:set_variables", "Set variables of a live enrollment."),
    "reschedule": Entry("Control", "control:reschedule", "Move when the wait of an enrollment ends."),
    "batch": Entry("Control", "bulk:batch", "Do the same to many enrollments: cancel, exit, pause, ..."),
    "tasks": Entry("Around", "tasks:tasks", "List, take and answer tasks."),
    "agents": Entry("Around", "agents:agents", "The people who do human tasks: who is there, what they have."),
    "contacts": Entry("Around", "contacts:contacts", "Read and write contacts."),
    "conversations": Entry("Around", "conversations:conversations", "Read and close conversations."),
    "variables": Entry("Around", "variables:variables", "Read and set variables that runs share."),
    "outbox": Entry("Around", "outbox:outbox", "List the messages kept by a development server."),
}


class Commands(click.Group):
    """The commands of `COMMANDS`, each loaded when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, attribute = entry.place.split(":")
        command: click.Command = getattr(import_module(f"service.cli.{module}"), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            ctx.fail(f"there is no command {args[0]!r}{_meant(args[0])}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            with formatter.section(section):
                formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items() if entry.section == section])


def _meant(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, COMMANDS, n=1)
    return f"; did you mean {close[0]!r}?" if close else "; `statewright --help` lists them"


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"statewright {version('statewright')}")
        ctx.exit()


@click.group(
    cls=Commands,
    params=shared_options(prefix=PREFIX),
    context_settings={"auto_envvar_prefix": PREFIX, "help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=(
        "Every option is also an environment variable (STATEWRIGHT_ADDRESS; STATEWRIGHT_LIST_STATUS for `list "
        "--status`) and a key of the file named by --config. Exit codes: 0 ok, 1 refused or not found, 2 usage, "
        "3 unreachable."
    ),
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def cli() -> None:
    """Durable workflows: publish them, trigger them, watch every enrollment run."""


def main(args: list[str] | None = None) -> None:
    """Runs a command line and exits with its code; a defect is a message too, never a traceback."""
    # gRPC's own lines on standard error are for its developers
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        cli.main(args=args, prog_name="statewright", obj=Session())
    except Exception as error:
        if os.environ.get(f"{PREFIX}_DEBUG"):
            raise
        click.echo(f"Error: a defect in this command: {type(error).__name__}: {error}", err=True)
        click.echo(f"  Next: run it again with {PREFIX}_DEBUG=1 and report what it shows.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
