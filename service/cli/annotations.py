"""Problems as workflow commands of GitHub Actions, which shows them at their lines in a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def annotations_of(files: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line per problem. `files` are {file, problems}."""
    for file in files:
        for problem in file["problems"]:
            yield _annotation(file["file"], problem)


def _annotation(name: str, problem: Mapping[str, Any]) -> str:
    properties = {"file": name.removeprefix("./"), "line": problem["line"], "col": problem["column"]}
    properties["title"] = f"{problem['code']} at {problem['path']}" if problem["path"] else problem["code"]
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items() if value)
    text = f"{problem['message']}. {problem['suggestion']}"
    return f"::{problem['severity']} {listed}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
