"""Problems as SARIF 2.1.0 (OASIS), which code scanning services read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import quote

from statemachine.problem_codes import CODES

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_of(files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One run with a rule per code that occurs. `files` are {file, problems}."""
    codes = sorted({problem["code"] for file in files for problem in file["problems"]})
    driver = {"name": "statewright", "version": version("statewright"), "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": {"uri": uri_of(file["file"])}} for file in files],
        "results": [
            _result(problem, codes.index(problem["code"]), file["file"], index)
            for index, file in enumerate(files)
            for problem in file["problems"]
        ],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def uri_of(name: str) -> str:
    """A file's name as a relative or absolute URI reference."""
    return quote("stdin" if name == "-" else name.replace("\\", "/").removeprefix("./"), safe="/")


def _rule(code: str) -> dict[str, Any]:
    known = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": known.meaning},
        "help": {"text": f"{known.mend} See docs/errors.md#{code} of Statewright."},
        "defaultConfiguration": {"level": known.severity},
    }


def _result(problem: Mapping[str, Any], rule: int, name: str, artifact: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": uri_of(name), "index": artifact}}
    if problem["line"]:
        place["region"] = {"startLine": problem["line"], "startColumn": problem["column"]}
    location: dict[str, Any] = {"physicalLocation": place}
    if problem["path"]:
        location["logicalLocations"] = [{"fullyQualifiedName": problem["path"]}]
    return {
        "ruleId": problem["code"],
        "ruleIndex": rule,
        "level": problem["severity"],
        "message": {"text": f"{problem['message']}. {problem['suggestion']}"},
        "locations": [location],
    }
