"""The pages of the documentation, taken apart: code blocks, sections, tables, links."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from statemachine.definition import load_workflow
from statemachine.workflow import Workflow

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
LANGUAGE = ROOT / "docs" / "language.md"
API = ROOT / "docs" / "api.md"

_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{2,4}) (.+)$", re.MULTILINE)
_QUOTED = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `info` is what stands behind the fence, `line` counts from 1."""

    page: Path
    line: int
    info: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(*infos: str) -> Iterator[Block]:
    """Every block of these kinds, in all pages."""
    for page in PAGES:
        text = page.read_text()
        for match in _FENCE.finditer(text):
            if match["info"].strip() in infos:
                line = text.count("\n", 0, match.start()) + 1
                yield Block(page, line, match["info"].strip(), match["text"])


@cache
def published() -> dict[str, Workflow]:
    """The workflows that the pages show, by the names of files in which tests look for them."""
    shown = [loaded.workflow for loaded in (load_workflow(block.text) for block in blocks("yaml")) if loaded.workflow]
    return {f"{workflow.key}.yaml": workflow for workflow in shown}


def prose(page: Path) -> str:
    """The page without its blocks."""
    return _FENCE.sub("", page.read_text())


def headings(page: Path) -> list[str]:
    return [match[2] for match in _HEADING.finditer(prose(page))]


def sections(page: Path, level: int) -> dict[str, str]:
    """Heading → text, for the headings of one level; a section ends at the next heading of that level or above."""
    text = prose(page)
    found = [(match.start(), len(match[1]), match[2]) for match in _HEADING.finditer(text)]
    result = {}
    for index, (start, depth, title) in enumerate(found):
        if depth == level:
            end = next((place for place, other, _ in found[index + 1 :] if other <= level), len(text))
            result[title] = text[start:end]
    return result


def rows(text: str) -> list[list[str]]:
    """The cells of all table rows in a text, heads left out. A bar inside a cell is not expected."""
    table = [line for line in text.splitlines() if line.startswith("|")]
    rules = {index for index, line in enumerate(table) if set(line) <= set("|-: ")}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for index, line in enumerate(table)
        if index not in rules and index + 1 not in rules
    ]


def quoted(text: str) -> list[str]:
    """Everything between backticks."""
    return _QUOTED.findall(text)


def links(page: Path) -> list[str]:
    return _LINK.findall(prose(page))


def anchor(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    kept = "".join(char for char in heading.lower() if char.isalnum() or char in " -_")
    return kept.replace(" ", "-")


def whole(fragment: str) -> str:
    """A workflow around a list of steps, or around `steps` and `tests`."""
    if fragment.startswith("steps:"):
        return "key: fragment\n" + fragment
    return "key: fragment\nsteps:\n" + textwrap.indent(fragment, "  ")
