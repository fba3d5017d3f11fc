"""The command that writes a workflow file in another spelling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from service.cli.definitions import FILE, read_text, write_text
from service.cli.session import Session, Verb, pass_session


@click.command(cls=Verb)
@click.argument("file", type=FILE)
@click.option("--to", "form", type=click.Choice(["yaml", "json", "canvas"]), required=True, help="What to write.")
@click.option("--key", default="", help="The workflow's key. Default: the file's own, else from its name.")
@click.option("--name", default="", help="The workflow's name. Default: the file's own.")
@click.option("--lenient", is_flag=True, help="Let a step that leads to an unknown step end the run, with a warning.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write to a file.")
@pass_session
def convert(session: Session, file: str, form: Any, output: Path | None, **given: Any) -> None:
    """Write a workflow file as steps in YAML or JSON, or as a canvas; needs no server.

    Nothing is lost but comments: steps keep the looks of the drawing that they were, and steps without a place on the
    canvas get one. Exit code 1 when the file has errors.
    """
    from service.cli.output import note, print_json
    from service.cli.problems import counted, print_problems, shape_of
    from statemachine.conversion import convert as written_as
    from statemachine.definition import load_workflow

    source = read_text(file)
    loaded = load_workflow(source, key=given["key"] or None, name=given["name"] or None, lenient=given["lenient"])
    problems = [shape_of(problem) for problem in loaded.problems]
    shape = {"input": file, "from": loaded.source_format, "format": form, "problems": problems}
    if loaded.workflow is not None:
        text = written_as(loaded, form)
        write_text(session, text, output, shape | {"source": text})
        return
    if session.json:
        print_json(shape | {"source": None})
    else:
        print_problems(file, source.decode("utf-8", "replace"), problems)
        note(f"{file}: not converted: {counted(problems)}")
    raise click.exceptions.Exit(1)
