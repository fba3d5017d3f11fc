"""Commands about workflow files: publish, draw, write out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import click

from service.cli.options import guarded
from service.cli.session import Session, Verb, pass_session
from statemachine.reader import MAX_BYTES

STDIN: Final = "-"
FILE: Final = click.Path(exists=True, dir_okay=False, allow_dash=True)


def read_text(name: str) -> bytes:
    """The bytes of a file, of standard input for `-`."""
    return sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()


@click.command(cls=Verb)
@click.argument("file", type=FILE)
@click.option("--key", default="", help="The workflow's key. Default: the file's own, else from its name.")
@click.option("--name", default="", help="The workflow's name. Default: the file's own.")
@click.option("--lenient", is_flag=True, help="Let a step that leads to an unknown step end the run, with a warning.")
@click.option("--activate/--no-activate", default=True, help="Whether new entries run on it. Default yes.")
@click.option("--dry-run", is_flag=True, help="Do everything but store.")
@guarded
@pass_session
def publish(session: Session, file: str, **given: Any) -> None:
    """Publish a workflow file as a new version.

    Publishing the text of the latest version again stores nothing and answers that version.
    """
    import grpc
    from statewright.v1 import PublishRequest

    source = decoded(session, file)
    given["validate_only"] = given.pop("dry_run")
    request = PublishRequest(source=source, **given)
    try:
        response = session.call(session.client.workflows.Publish, request)
    except grpc.RpcError as error:
        raise _refused(session, error, file, request) from error
    _report_published(session, file, source, response, dry=request.validate_only)


def decoded(session: Session, file: str) -> str:
    """The text of a file. Raises Complaint when it is not UTF-8, or larger than a definition may be."""
    from service.cli.errors import Complaint

    text = read_text(file)
    if len(text) > MAX_BYTES:
        raise _too_large(session, file, len(text))
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Complaint(
            f"{file} is not UTF-8: byte {error.start} cannot be read",
            next_step="save it as UTF-8",
            as_json=session.json,
        ) from None


def _too_large(session: Session, file: str, size: int) -> Exception:
    """The complaint about a text that a server would not even take."""
    from service.cli.errors import Complaint

    message = f"{file} has {size:,} bytes; a definition has at most {MAX_BYTES:,} (1 MiB)"
    place = {"path": "", "line": 1, "column": 1, "code": "too_large"}
    return Complaint(
        f"{message} [too_large]",
        reason="INVALID_DEFINITION",
        violations=[place | {"description": message}] if session.json else [],
        next_step="split the workflow, or keep large data elsewhere",
        as_json=session.json,
    )


def _refused(session: Session, error: Any, file: str, request: Any) -> Exception:
    """The complaint about a refused definition, with every problem at its place in the file."""
    from statewright.v1 import ValidateRequest

    from service.cli.errors import Complaint, of_call
    from service.cli.problems import counted, placed, print_problems
    from service.cli.shapes import plain_list

    complaint = of_call(error, session.address, as_json=session.json)
    if complaint.reason != "INVALID_DEFINITION":
        return complaint
    question = ValidateRequest(source=request.source, lenient=request.lenient, key=request.key, name=request.name)
    problems = placed(plain_list(session.call(session.client.workflows.Validate, question).problems))
    if problems and not session.json:
        print_problems(file, request.source, problems)
        return Complaint(f"{file}: not valid: {counted(problems)}", next_step=complaint.next_step)
    if problems:
        complaint.violations = tuple({"file": file, **problem} for problem in problems)
    return complaint


def _report_published(session: Session, file: str, source: str, response: Any, *, dry: bool) -> None:
    from service.cli.output import note, print_json
    from service.cli.problems import placed, print_problems
    from service.cli.shapes import plain_list

    warnings = placed(plain_list(response.problems))
    version = response.version
    if session.json:
        shape = {"workflow": version.workflow, "version": version.number, "created": response.created}
        print_json(shape | {"active": version.active, "activated": response.activated, "warnings": warnings})
        return
    print_problems(file, source, warnings)
    what, active = "nothing new:", "active" if version.active else "not active"
    if response.created:
        what = "published"
    elif response.activated and not dry:
        what, active = "nothing to store:", "active again"
    note(f"{what} {version.workflow} version {version.number} ({active})")


def is_file(target: str) -> bool:
    """Whether FILE|KEY names a file. Raises BadParameter for what looks like one and is not there."""
    if target == STDIN or Path(target).is_file():
        return True
    if Path(target).suffix in (".yaml", ".yml", ".json") or "/" in target:
        raise click.BadParameter(f"there is no file {target!r}", param_hint="FILE|KEY")
    return False


def write_text(session: Session, text: str, output: Path | None, shape: dict[str, Any]) -> None:
    """A text that was made, to a file or to standard output; `shape` is what is told of it with --json."""
    from service.cli.output import note, print_json

    if output:
        output.write_bytes(text.encode())
        shape = shape | {"file": str(output)}
    if session.json:
        print_json(shape)
    elif output:
        note(f"wrote {output}")
    else:
        click.echo(text, nl=sys.stdout.isatty() and not text.endswith("\n"))


@click.command(cls=Verb)
@click.argument("key")
@click.option("--format", "form", type=click.Choice(["yaml", "json", "canvas"]), help="Default: as published.")
@click.option("--version", type=click.IntRange(min=1), help="Default: the active one, else the latest.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write to a file.")
@pass_session
def export(session: Session, key: str, form: str | None, version: int | None, output: Path | None) -> None:
    """Write a published version out; publishing that text gives an equal version."""
    from statewright.v1 import DefinitionFormat, WorkflowServiceExportRequest

    from service.cli.shapes import number_of, word

    wanted = number_of(DefinitionFormat.DESCRIPTOR, form) if form else None
    request = WorkflowServiceExportRequest(key=key, version=version, format=wanted)
    response = session.call(session.client.workflows.Export, request)
    made = word(DefinitionFormat.DESCRIPTOR, response.format)
    shape = {"workflow": key, "version": response.version, "format": made, "source": response.source}
    write_text(session, response.source, output, shape)
