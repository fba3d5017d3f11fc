"""The command that tells editors what a workflow file may hold."""

from __future__ import annotations

from pathlib import Path

import click

from service.cli.session import Session, Verb, pass_session


@click.command(cls=Verb)
@click.option("--output", "-o", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write to a file.")
@pass_session
def schema(session: Session, output: Path | None) -> None:
    """Print the JSON Schema of workflow files, for editors; needs no server.

    Write it beside your files and name it in their first line: `# yaml-language-server: $schema=workflow.schema.json`.
    """
    import json

    from service.cli.output import note, print_json
    from statemachine.schema import definition_schema

    text = json.dumps(definition_schema(), indent=2, ensure_ascii=False)
    if output is None:
        click.echo(text)
        return
    output.write_text(text + "\n", encoding="utf-8")
    if session.json:
        print_json({"file": str(output)})
    else:
        note(f"wrote {output}")
