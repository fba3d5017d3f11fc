"""docs/pictures.md and docs/pictures/: a drawing of every workflow in examples/. `make pictures` writes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from statemachine.definition import compile_workflow
from statemachine.picture import picture_of
from statemachine.svg import draw_svg
from statemachine.workflow import Workflow
from tests.examples import ROOT, WORKFLOWS, name_of

PAGE: Final = ROOT / "docs" / "pictures.md"
FOLDER: Final = ROOT / "docs" / "pictures"
_HEAD: Final = """# Pictures of the examples

[Examples](examples.md) says what they are for. Each is drawn from its machine by
`statewright render FILE --format svg`, and drawn anew by `make pictures`.
"""


def wanted() -> dict[Path, str]:
    """The text of every file that has to be there, by its path."""
    drawings = {FOLDER / f"{_name(file)}.svg": draw_svg(picture_of(workflow)) for file, workflow in _examples()}
    return {PAGE: _HEAD + "".join(_section(file, workflow) for file, workflow in _examples()), **drawings}


def present() -> set[Path]:
    """What is there."""
    return {PAGE, *FOLDER.glob("*")}


def _examples() -> Iterator[tuple[Path, Workflow]]:
    return ((file, compile_workflow(file.read_text(encoding="utf-8"))) for file in WORKFLOWS)


def _name(file: Path) -> str:
    return name_of(file.with_suffix("")).replace("/", "-")


def _section(file: Path, workflow: Workflow) -> str:
    path = file.relative_to(ROOT).as_posix()
    about = f"{workflow.description.strip()}\n\n" if workflow.description.strip() else ""
    return f"\n## {workflow.name}\n\n{about}[{path}](../{path})\n\n![{workflow.name}](pictures/{_name(file)}.svg)\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for stale in present() - set(wanted()):
        stale.unlink()
    for path, text in wanted().items():
        path.write_text(text, encoding="utf-8")
