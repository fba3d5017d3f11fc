"""Writes docs/errors.md from the table of problem codes, the corpus of bad workflows and the contract of the API.

`make errors-page` does it; a test proves that the page is current.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from service.cli.problems import described, shape_of
from service.rpc.errors import DOMAIN
from statemachine.definition import load_workflow
from statemachine.problem_codes import CHAPTERS, Code
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "errors.md"
CORPUS = ROOT / "tests" / "workflows" / "bad"
REASONS = ROOT / "protos" / "statewright" / "v1" / "error_reason.proto"
_LONGEST_EXAMPLE = 600
_HEAD = """# Errors

<!-- Written by `make errors-page` from statemachine/problem_codes.py, tests/workflows/bad and the protos. -->

What Statewright refuses has a stable code or reason. Programs may rely on it; the words around it may change.

- [Problems of definitions](#problems-of-definitions): what `statewright validate`, `Validate` and `Publish` find.
- [Reasons of the API](#reasons-of-the-api): why a call was refused.

Codes of *failed steps* stand with each step type in [the language](language.md#step-types).

## Problems of definitions

All problems of a definition are reported at once. Each has a code, a severity, a message, a path as your text spells
it, line, column, and what would be right. **Errors** keep a definition from being published; **warnings** do not, but
tell of something that hardly anybody wants. `statewright validate --strict` fails on warnings too.
"""
_API = f"""
## Reasons of the API

A refused call changes nothing. Its status carries a `google.rpc.ErrorInfo` with domain `{DOMAIN}` and one of these
reasons. What to do about each is said in [the API](api.md#errors).

| reason | code | meaning |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    chapters = "".join(_chapter(title, codes) for title, codes in CHAPTERS.items())
    reasons = "".join(f"| `{reason}` | `{code}` | {meaning} |\n" for reason, code, meaning in reasons_of_api())
    return _HEAD + chapters + _API + reasons


def example_of(code: str) -> Path:
    """The file of the corpus that shows a code: the shortest name first."""
    return min(CORPUS.glob(f"{code}.*"), key=lambda file: (len(file.name), file.name))


def reasons_of_api() -> Iterator[tuple[str, str, str]]:
    """(reason, status code, meaning) of each value of the enum ErrorReason, in its order."""
    for comment, reason in re.findall(r"((?:  //[^\n]*\n)+)  ERROR_REASON_([A-Z_]+) = \d+;", REASONS.read_text()):
        text = " ".join(line.strip().removeprefix("//").strip() for line in comment.strip().splitlines())
        code, _, meaning = text.partition(" ")
        if reason != "UNSPECIFIED":
            yield reason, code.strip(".,"), meaning


def _chapter(title: str, codes: Mapping[str, Code]) -> str:
    index = "".join(f"| [`{name}`](#{name}) | {code.severity} | {code.meaning} |\n" for name, code in codes.items())
    head = f"\n### {title}\n\n| code | severity | meaning |\n|---|---|---|\n{index}"
    return head + "".join(_section(name, code) for name, code in codes.items())


def _section(name: str, code: Code) -> str:
    return f"\n#### {name}\n\n{code.severity.capitalize()}. {code.meaning} **To mend:** {code.mend}\n{_example(name)}"


def _example(code: str) -> str:
    file = example_of(code)
    source = file.read_text(encoding="utf-8", errors="replace")
    told = _told(file, source, code)
    if len(source) > _LONGEST_EXAMPLE:
        name = file.relative_to(ROOT).as_posix()
        return f"\nExample: [{name}](../{name}).\n\n```text\n{told}```\n"
    language = "json" if file.suffix == ".json" else "yaml"
    return f"\n```{language} bad\n{source.rstrip()}\n```\n" + (f"\n```text\n{told}```\n" if told else "")


def _told(file: Path, source: str, code: str) -> str:
    """What `statewright validate` says of this code in the file."""
    problems = [shape_of(problem) for problem in load_workflow(file.read_bytes()).problems if problem.code == code]
    return "".join(f"{line.plain[:160].rstrip()}\n" for line in described(file.name, source, problems[:1]))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
