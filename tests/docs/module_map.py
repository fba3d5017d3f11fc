"""The map of the house: every module with the first sentence of its docstring; with words, those that have them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import ROOT

WINGS = ("statemachine", "service")


def modules() -> Iterator[tuple[str, str]]:
    """(path, first sentence) of every module of both wings, by path; migrations tell their own story."""
    for wing in WINGS:
        for path in sorted((ROOT / wing).rglob("*.py")):
            if path.name != "__init__.py" and "migrations" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), _first_sentence(path)


def _first_sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).partition(". ")[0].rstrip(".")


def main(words: list[str]) -> None:
    for name, sentence in modules():
        if all(word.lower() in f"{name} {sentence}".lower() for word in words):
            print(f"{name:<46} {sentence}")


if __name__ == "__main__":
    main(sys.argv[1:])
