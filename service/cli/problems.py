"""Problems of definitions as people read them: file:line:column, the line itself, and a caret under the place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

    from statemachine.problem import Problem

_WIDEST = 160


def shape_of(problem: Problem) -> dict[str, Any]:
    """A problem found by this program in the shape of one that a server found."""
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "suggestion": problem.suggestion,
    }


def placed(shapes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The shapes of a server, where 0 means that line and column are unknown."""
    return [shape | {"line": shape["line"] or None, "column": shape["column"] or None} for shape in shapes]


def print_problems(name: str, source: str, problems: Sequence[Mapping[str, Any]]) -> None:
    """Every problem with its line of the source; in colour on a terminal."""
    from service.cli.output import console

    for line in described(name, source, problems):
        console().print(line, soft_wrap=True)


def described(name: str, source: str, problems: Iterable[Mapping[str, Any]]) -> Iterator[Text]:
    """The lines that tell of problems, each with its place, its line of the source, a caret and a help."""
    from rich.text import Text

    lines = source.splitlines()
    for problem in problems:
        yield _headline(name, problem)
        yield from _excerpt(lines, problem)
        if problem["path"]:
            yield Text(f"{'':>5} = at {problem['path']}", style="dim")
        if problem["suggestion"]:
            yield Text(f"{'':>5} = help: {problem['suggestion']}", style="green")


def counted(problems: Sequence[Mapping[str, Any]]) -> str:
    """`2 errors, 1 warning`; `no problems`."""
    parts = []
    for severity in ("error", "warning"):
        count = sum(problem["severity"] == severity for problem in problems)
        if count:
            parts.append(f"{count} {severity}{'s' if count != 1 else ''}")
    return ", ".join(parts) or "no problems"


def _headline(name: str, problem: Mapping[str, Any]) -> Text:
    from rich.text import Text

    place = f":{problem['line']}:{problem['column']}" if problem["line"] else ""
    style = "bold red" if problem["severity"] == "error" else "yellow"
    return Text.assemble(
        (f"{name}{place}", "bold"),
        ": ",
        (problem["severity"], style),
        f": {problem['message']} ",
        (f"[{problem['code']}]", "dim"),
    )


def _excerpt(lines: Sequence[str], problem: Mapping[str, Any]) -> Iterator[Text]:
    from rich.cells import cell_len
    from rich.text import Text

    number, column = problem["line"], problem["column"]
    if not number or number > len(lines):
        return
    text, shift = _cut(lines[number - 1].expandtabs(1), column)
    before = text[: column - 1 - shift]
    yield Text(f"{number:>5} | {text}")
    yield Text.assemble(f"{'':>5} | ", (" " * cell_len(before) + "^", "bold red"))


def _cut(text: str, column: int) -> tuple[str, int]:
    """A long line cut around a column, and by how much its start was cut."""
    start = max(0, column - _WIDEST // 2) if len(text) > _WIDEST else 0
    return text[start : start + _WIDEST].rstrip(), start
