"""`statewright render`: a drawing of a workflow, published or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from service.cli.definitions import is_file, read_text, write_text
from service.cli.session import Session, Verb, pass_session


@click.command(cls=Verb)
@click.argument("target", metavar="FILE|KEY")
@click.option("--format", "form", type=click.Choice(["mermaid", "svg"]), help="Default: by the ending of --output.")
@click.option(
    "--counts/--no-counts",
    default=None,
    help="Write at each step how many enrollments rest there: the default for a KEY.",
)
@click.option("--version", type=click.IntRange(min=1), help="Default: the active one. Only with KEY.")
@click.option("--enrollment", default="", metavar="ID", help="Highlight the way it took. Only with KEY.")
@click.option("--lenient", is_flag=True, help="As in publish. Only with FILE.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write to a file.")
@pass_session
def render(session: Session, target: str, form: str | None, output: Path | None, **given: Any) -> None:
    """Draw a workflow file, which needs no server, or a published workflow: as Mermaid, or as SVG.

    TARGET is a file when there is one of that name, else the key of a published workflow.
    """
    form = form or ("svg" if output and output.suffix.lower() == ".svg" else "mermaid")
    text = _of_file(session, target, form, given) if is_file(target) else _of_key(session, target, form, given)
    write_text(session, text, output, {"format": form, "text": text})


def _of_file(session: Session, file: str, form: str, given: dict[str, Any]) -> str:
    from service.cli.errors import Complaint
    from service.cli.problems import counted, print_problems, shape_of
    from statemachine.definition import load_workflow
    from statemachine.errors import PreconditionFailed
    from statemachine.mermaid import draw_mermaid
    from statemachine.picture import picture_of
    from statemachine.svg import draw_svg

    for name in ("counts", "version", "enrollment"):
        if given[name]:
            raise click.UsageError(f"--{name} is about a published workflow; {name} has no meaning for a file")
    source = read_text(file)
    loaded = load_workflow(source, lenient=given["lenient"])
    if loaded.workflow is None:
        problems = [shape_of(problem) for problem in loaded.problems]
        if not session.json:
            print_problems(file, source.decode("utf-8", "replace"), problems)
        raise Complaint(
            f"{file} cannot be drawn: {counted(problems)}",
            next_step=f"statewright validate {file}",
            violations=problems if session.json else (),
            as_json=session.json,
        )
    picture = picture_of(loaded.workflow)
    try:
        return draw_svg(picture) if form == "svg" else draw_mermaid(picture)
    except PreconditionFailed as error:
        raise Complaint(str(error), next_step="use --format mermaid", as_json=session.json) from None


def _of_key(session: Session, key: str, form: str, given: dict[str, Any]) -> str:
    from statewright.v1 import RenderFormat, RenderRequest

    from service.cli.shapes import number_of

    request = RenderRequest(format=number_of(RenderFormat.DESCRIPTOR, form), key=key)
    request.enrollment_id = given["enrollment"]
    request.with_counts = given["counts"] is not False
    if given["version"]:
        request.version = given["version"]
    return str(session.call(session.client.workflows.Render, request).text)
