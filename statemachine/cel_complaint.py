"""What CEL's compiler complains of, in words of the author instead of its grammar."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from statemachine.names import did_you_mean

FUNCTIONS: Final = (
    "contains", "startsWith", "endsWith", "matches", "size", "replace", "split", "substring", "charAt", "indexOf",
    "lastIndexOf", "trim", "lowerAscii", "upperAscii", "toLowerCase", "toUpperCase", "join", "has", "all", "exists",
    "exists_one", "filter", "map", "timestamp", "duration", "string", "int", "double", "bool", "type", "getFullYear",
    "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds",
)  # fmt: skip
"""The functions that an author may have meant."""


def in_words(complaint: str) -> str:
    """The complaint as one sentence; one of an unknown kind stays as it is."""
    complaint = complaint.removeprefix("Syntax error: ")
    for pattern, words in _KINDS:
        match = pattern.fullmatch(complaint)
        if match:
            return words(match)
    return complaint


def _unfinished(match: re.Match[str]) -> str:
    missing = re.findall(r"'(.)'", match[1])
    return "the expression is not finished" + ("" if len(missing) > 3 else f": {' or '.join(missing)} is missing")


def _missing(match: re.Match[str]) -> str:
    return f"a {match[1]} is missing " + ("at the end" if match[2] == "<EOF>" else f"before {match[2]!r}")


def _misplaced(match: re.Match[str]) -> str:
    hint = ": is an operator missing before it?" if match[2] == "<EOF>" else ""
    return f"{match[1]!r} cannot stand here{hint}"


def _unreadable(match: re.Match[str]) -> str:
    sign = match[1].strip()
    return f"{sign!r} means nothing here" + ("; to compare, write ==" if sign.startswith("=") else "")


def _unknown(match: re.Match[str]) -> str:
    name = match[1]
    if name in FUNCTIONS:
        return f"the function {name!r} cannot be called like this"
    if name == "math":
        return "`math` has no such function, or not with these arguments"
    near = did_you_mean(name, FUNCTIONS)
    return f"there is no function {name!r}" + (f"; {near}" if near else "")


_KINDS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"mismatched input '<EOF>' expecting (.*)"), _unfinished),
    (re.compile(r"missing '(.*)' at '(.*)'"), _missing),
    (re.compile(r"(?:mismatched|extraneous) input '(.*?)' expecting (.*)"), _misplaced),
    (re.compile(r"no viable alternative at input '(.*)'()"), _misplaced),
    (re.compile(r"token recognition error at: '(.*)'"), _unreadable),
    (re.compile(r"undeclared reference to '(.*)'"), _unknown),
)
