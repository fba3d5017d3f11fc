"""`statewright validate`: check files and directories of workflows without a server, for people or for machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from service.cli.definitions import STDIN, read_text
from service.cli.session import Session, Verb, pass_session

SUFFIXES: Final = (".yaml", ".yml", ".json")
_FILE_OR_DIRECTORY: Final = click.Path(exists=True, allow_dash=True)

Checked = Sequence[Mapping[str, Any]]
"""Per file: {file, source, valid, workflow, steps, problems}."""


@click.command(cls=Verb)
@click.argument("files", nargs=-1, required=True, type=_FILE_OR_DIRECTORY, metavar="FILE|DIRECTORY...")
@click.option("--lenient", is_flag=True, help="Let a step that leads to an unknown step end the run, with a warning.")
@click.option("--strict", is_flag=True, help="Exit code 1 for warnings too.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github"]),
    help="sarif: SARIF 2.1.0 for code scanning; github: annotations in a workflow's log. Default text.",
)
@pass_session
def validate(session: Session, files: Sequence[str], lenient: bool, strict: bool, form: str | None) -> None:
    """Check workflow files; needs no server.

    Prints every problem with its place and what would be right. Of a directory every .yaml, .yml and .json file in it
    and below is checked, workflow tests (*.test.yaml) and hidden ones aside. Exit code 1 when one of the problems is
    an error.
    """
    checked = [_check(name, lenient) for name in _named(files)]
    _FORMS[form or ("json" if session.json else "text")](checked)
    fatal = ("error", "warning") if strict else ("error",)
    if any(problem["severity"] in fatal for file in checked for problem in file["problems"]):
        raise click.exceptions.Exit(1)


def _named(files: Sequence[str]) -> list[str]:
    """The files meant, each once; a directory stands for those in it."""
    found: dict[str, None] = {}
    for name in files:
        found |= dict.fromkeys(_inside(name) if name != STDIN and Path(name).is_dir() else (name,))
    return list(found)


def _inside(directory: str) -> list[str]:
    names = [str(path) for path in sorted(Path(directory).rglob("*")) if _is_definition(path, Path(directory))]
    if not names:
        raise click.BadParameter(
            f"there is no {', '.join(SUFFIXES)} file in {directory!r}", param_hint="FILE|DIRECTORY"
        )
    return names


def _is_definition(path: Path, top: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(top).parts)
    return path.suffix in SUFFIXES and not path.stem.endswith(".test") and not hidden and path.is_file()


def _check(name: str, lenient: bool) -> dict[str, Any]:
    from service.cli.problems import shape_of
    from service.cli.suites import is_test_file
    from statemachine.definition import load_workflow

    if is_test_file(Path(name)):
        return _check_tests(Path(name))
    source = read_text(name)
    loaded = load_workflow(source, lenient=lenient)
    return {
        "file": name,
        "source": source.decode("utf-8", "replace"),
        "valid": loaded.workflow is not None,
        "workflow": loaded.workflow.key if loaded.workflow else None,
        "steps": len(loaded.workflow.steps) if loaded.workflow else None,
        "problems": [shape_of(problem) for problem in loaded.problems],
    }


def _check_tests(file: Path) -> dict[str, Any]:
    """A file of tests, held against the workflow that it is about."""
    from service.cli.problems import shape_of
    from service.cli.suites import find_suites

    [suite] = find_suites([file])
    page = next(page for page in suite.pages if page.file == file)
    if suite.workflow is None:
        page.problems = (*page.problems, suite.refusal)
    return {
        "file": str(file),
        "source": page.source,
        "valid": page.valid,
        "workflow": suite.workflow.key if suite.workflow else None,
        "steps": len(suite.workflow.steps) if suite.workflow else None,
        "problems": [shape_of(problem) for problem in page.problems],
    }


def _print_text(checked: Checked) -> None:
    from service.cli.output import note
    from service.cli.problems import counted, print_problems

    for file in checked:
        print_problems(file["file"], file["source"], file["problems"])
        about = f"workflow {file['workflow']!r}, {file['steps']} steps, " if file["valid"] else ""
        note(f"{file['file']}: {'ok' if file['valid'] else 'not valid'}: {about}{counted(file['problems'])}")
    if len(checked) > 1:
        note(f"{len(checked)} files: {counted([problem for file in checked for problem in file['problems']])}")


def _print_json(checked: Checked) -> None:
    from service.cli.output import print_json

    files = [{key: value for key, value in file.items() if key != "source"} for file in checked]
    problems = [{"file": file["file"]} | problem for file in files for problem in file["problems"]]
    print_json({"valid": all(file["valid"] for file in files), "problems": problems, "files": files})


def _print_sarif(checked: Checked) -> None:
    from service.cli.output import print_json
    from service.cli.sarif import sarif_of

    print_json(sarif_of(checked))


def _print_github(checked: Checked) -> None:
    from service.cli.annotations import annotations_of

    for line in annotations_of(checked):
        click.echo(line)


_FORMS: Final[Mapping[str, Callable[[Checked], None]]] = {
    "text": _print_text,
    "json": _print_json,
    "sarif": _print_sarif,
    "github": _print_github,
}
