"""The workflows in examples/; tests of one may stand in `<name>.test.yaml` beside it."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "examples"
WORKFLOWS: Final = tuple(
    file
    for file in sorted(FOLDER.rglob("*"))
    if file.suffix in (".yaml", ".yml", ".json") and not file.stem.endswith(".test")
)


def name_of(file: Path) -> str:
    """As `canvas/linear.json`."""
    return file.relative_to(FOLDER).as_posix()
