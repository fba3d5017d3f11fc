"""How an object of a definition becomes a model, problem by problem."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from statemachine.problem import CODES, Path, Problems
from statemachine.scalars import kind_of
from statemachine.spelling import respell
from statemachine.wording import shown


class Part(BaseModel):
    """The parent of all parts. `also` are other spellings of its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    also: ClassVar[Mapping[str, str]] = {}


PartType = TypeVar("PartType", bound=Part)


def read_part(model: type[PartType], raw: Any, path: Path, problems: Problems) -> PartType | None:
    """One part of a document. What is wrong is reported and left out; None when nothing usable is left."""
    if not isinstance(raw, Mapping):
        problems.add("not_an_object", path, f"an object has to stand here, not {kind_of(raw)}")
        return None
    spelled = respell(raw, path, problems, also=model.also)
    try:
        return model.model_validate(spelled)
    except ValidationError as error:
        report_invalid(error, model, spelled, path, problems)
        wrong = {detail["loc"][0] for detail in error.errors(include_url=False) if detail["loc"]}
    try:
        return model.model_validate({key: value for key, value in spelled.items() if key not in wrong})
    except ValidationError:
        return None


def report_invalid(error: ValidationError, model: type[BaseModel], raw: Any, path: Path, problems: Problems) -> None:
    """Turn pydantic's errors about `raw` into problems."""
    found: dict[Path, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        found.setdefault(_real_path(detail, raw), []).append(detail)
    # a union reports every member that did not fit: the deepest complaint is about the member that was meant
    around = {loc[:length] for loc in found for length in range(len(loc))}
    for loc, details in found.items():
        if loc not in around:
            _report_details(loc, details, model, path, problems)


def _real_path(detail: ErrorDetails, raw: Any) -> Path:
    """The path of an error without the segments that pydantic puts in for members of unions."""
    real: list[str | int] = []
    value = raw
    loc = detail["loc"]
    for number, segment in enumerate(loc):
        inside = isinstance(value, Mapping) and segment in value
        inside = inside or (isinstance(value, list) and isinstance(segment, int) and segment < len(value))
        if inside:
            value = value[segment]
            real.append(segment)
        elif number == len(loc) - 1 and detail["type"] == "missing":
            real.append(segment)
    return tuple(real)


def _report_details(
    loc: Path, details: Sequence[ErrorDetails], model: type[BaseModel], path: Path, problems: Problems
) -> None:
    """What is wrong at one place; more than one detail are the members of a union, none of which fitted."""
    detail = details[0]
    kind, place = detail["type"], (*path, *loc)
    key = str(problems.source_path(place)[-1]) if place else ""
    if kind == "missing":
        problems.add("missing_key", place, f"the key {key!r} is missing")
    elif kind == "extra_forbidden":
        options = keys_at(model, loc[:-1])
        listed = f"; the keys here are {', '.join(options)}" if options else ""
        problems.add("unknown_key", place, f"there is no key {key!r} here{listed}", problems.guess(key, options))
    elif kind in CODES:
        context = detail.get("ctx", {})
        problems.add(kind, place, detail["msg"], str(context.get("hint", "")))
    else:
        problems.add("bad_value", place, _wanted(key, details), _literal_hint(detail, problems))


def _wanted(key: str, details: Sequence[ErrorDetails]) -> str:
    """What the value of a key (or of an entry of a list) has to be, of all that would do."""
    wanted = [_WANTED.get(detail["type"], "").format(**detail.get("ctx", {})) for detail in details]
    if not all(wanted):
        message = details[0]["msg"].removeprefix("Value error, ")
        return message[:1].lower() + message[1:]
    value = details[0]["input"]
    written = shown(value) if isinstance(value, str | int | float) else kind_of(value)
    subject = "it" if key.isdecimal() else f"`{key}`"
    return f"{subject} has to be {' or '.join(dict.fromkeys(wanted))}, not {written}"


_WHOLE: Final = "a whole number"
_WANTED: Final[Mapping[str, str]] = {
    "literal_error": "{expected}",
    "bool_type": "true or false",
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": "a number",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "an object",
    "greater_than": "above {gt:,}",
    "greater_than_equal": "at least {ge:,}",
    "less_than": "below {lt:,}",
    "less_than_equal": "at most {le:,}",
}
"""What pydantic wanted, by the type of its complaint."""


def _literal_hint(detail: ErrorDetails, problems: Problems) -> str:
    if detail["type"] != "literal_error" or not isinstance(detail["input"], str):
        return ""
    options = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
    return problems.guess(detail["input"], options)


def keys_at(model: type[BaseModel], loc: Path) -> tuple[str, ...]:
    """The keys that the model knows at `loc`; none when that is not an object of fixed keys."""
    current: type[BaseModel] | None = model
    for segment in loc:
        if isinstance(segment, int) or current is None:
            continue
        field = next((f for name, f in current.model_fields.items() if segment in (name, f.alias)), None)
        current = _model_in(field.annotation) if field else None
    return tuple(field.alias or name for name, field in current.model_fields.items()) if current else ()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found:
            return found
    return None
