"""Single values of a definition: what a duration, a zone or a name may look like, and what to call anything else."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from statemachine.calendar import find_zone, zone_names
from statemachine.duration import parse_duration
from statemachine.keys import Shape
from statemachine.names import did_you_mean

NAME_PATTERN: Final = "[A-Za-z0-9_](?:[A-Za-z0-9_.:-]{0,98}[A-Za-z0-9_])?"
VARIABLE_PATTERN: Final = "[A-Za-z_][A-Za-z0-9_]{0,99}"
_NAME: Final = re.compile(NAME_PATTERN + r"\Z")
_VARIABLE: Final = re.compile(VARIABLE_PATTERN + r"\Z")


def _duration(raw: Any) -> Any:
    try:
        return parse_duration(raw)
    except ValueError as error:
        raise _custom("bad_duration", str(error)) from None


def _zone(raw: Any) -> Any:
    try:
        if isinstance(raw, str):
            find_zone(raw)
        return raw
    except ValueError as error:
        raise _custom("bad_timezone", str(error), did_you_mean(raw, zone_names())) from None


def _name(raw: Any) -> Any:
    """Ids may be written as numbers; they are text all the same."""
    text = str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw
    if isinstance(text, str) and not is_name(text):
        message = f"{text[:60]!r} is no name: use up to 100 letters, digits, _ - . :"
        raise _custom("bad_name", message)
    return text


def is_name(text: str) -> bool:
    """Whether a text may be the key of a workflow or the id of a step or trigger."""
    return _NAME.match(text) is not None


def _variable(raw: Any) -> Any:
    if isinstance(raw, str) and not _VARIABLE.match(raw):
        raise _custom("bad_name", f"{raw[:60]!r} is no variable name: use letters, digits and _")
    return raw


def _label(raw: Any) -> Any:
    return str(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else raw


def _custom(code: Literal["bad_duration", "bad_timezone", "bad_name"], message: str, hint: str = "") -> Exception:
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint})


Duration = Annotated[timedelta, BeforeValidator(_duration), Shape("duration")]
Zone = Annotated[str, BeforeValidator(_zone), Shape("zone")]
Name = Annotated[str, BeforeValidator(_name), Shape("name")]
Variable = Annotated[str, BeforeValidator(_variable), Shape("variable")]
Label = Annotated[str, BeforeValidator(_label), Shape("label")]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Target = Annotated[str, BeforeValidator(_label), Shape("target")]


def kind_of(value: Any) -> str:
    """What a value is, in the words of YAML and JSON."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    names = {dict: "an object", list: "a list", str: "text", int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)
