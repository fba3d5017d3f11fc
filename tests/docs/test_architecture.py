"""The page about the architecture names no file that is not there, and every module says what it is about."""

import re
from pathlib import Path

from tests.docs.module_map import WINGS, modules
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_every_file_that_the_architecture_names_exists() -> None:
    named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)\b", PAGE))
    there = {name for wing in WINGS for name in _endings(ROOT / wing)}
    assert named - there == set()


def _endings(wing: Path) -> set[str]:
    """Every way in which a file of a wing may be named: with as much of its folders as a writer likes."""
    found: set[str] = set()
    for path in wing.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        found |= {"/".join(parts[start:]) for start in range(len(parts))}
    return found


def test_the_architecture_names_every_folder() -> None:
    folders = {path.parent.relative_to(ROOT).parts[-1] for wing in WINGS for path in (ROOT / wing).rglob("*.py")}
    assert {folder for folder in folders if not re.search(rf"`(?:[a-z_]+/)*{folder}/", PAGE)} == {"versions"}


def test_every_module_says_in_a_sentence_what_it_is_about() -> None:
    assert [name for name, sentence in modules() if not 8 <= len(sentence) <= 250] == []
