"""Forms: what a person has to answer with a decision, as an author writes it, and the check of what they answered.

    form:
      amount: {type: number, required: true, min: 0, max: 10000}
      reason: {type: text, required: [rejected]}
      level: {choices: [gold, silver]}

A field that is only a word is its type: `{comment: text}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from statemachine.errors import InvalidInput
from statemachine.names import did_you_mean, snake_case
from statemachine.record import record

if TYPE_CHECKING:
    from statemachine.path import Path
    from statemachine.step import Build

RESERVED: Final = ("decision", "by", "at")
"""What every decision's output has besides the form's fields."""

TYPES: Final[Mapping[str, str]] = {
    "text": "text", "string": "text", "number": "number", "integer": "integer", "boolean": "boolean", "date": "date",
    "list": "list", "array": "list", "choice": "text",
}  # fmt: skip
"""Words for a field's type → its canonical name."""

_KEYS: Final = ("type", "required", "choices", "label", "min", "max", "max_length")
_ALIASES: Final = {"enum": "choices", "options": "choices", "title": "label", "minimum": "min", "maximum": "max"}
_MAX_FIELDS: Final = 100
_MAX_TEXT: Final = 10_000


@record
class Field:
    """One field. `required` names the decisions that need it."""

    name: str
    type: str
    required: tuple[str, ...] = ()
    choices: tuple[Any, ...] = ()
    label: str = ""
    min: float | None = None
    max: float | None = None
    max_length: int = _MAX_TEXT


def described(fields: Iterable[Field]) -> list[dict[str, Any]]:
    """The form as the task tells it to whoever shows it; what is not said is left out."""
    found = []
    for one in fields:
        told: dict[str, Any] = {"name": one.name, "type": one.type}
        for name in ("label", "min", "max"):
            if getattr(one, name) not in (None, ""):
                told[name] = getattr(one, name)
        for name in ("required", "choices"):
            if getattr(one, name):
                told[name] = list(getattr(one, name))
        found.append(told)
    return found


def read_form(raw: Any, decisions: Sequence[str], build: Build) -> tuple[Field, ...]:
    """The fields of a form; every mistake is reported at its place."""
    path: Path = ("form",)
    if raw is None:
        return ()
    if not isinstance(raw, Mapping) or not raw:
        build.problem("bad_value", path, "`form` names its fields: `form: {amount: {type: number, required: true}}`")
        return ()
    if len(raw) > _MAX_FIELDS:
        build.problem("bad_value", path, f"a form has at most {_MAX_FIELDS} fields, not {len(raw)}")
        return ()
    fields = [_field(str(name), spec, (*path, str(name)), decisions, build) for name, spec in raw.items()]
    return tuple(one for one in fields if one is not None)


def _field(name: str, raw: Any, path: Path, decisions: Sequence[str], build: Build) -> Field | None:
    if name in RESERVED:
        build.problem("reserved_id", path, f"every decision has `{name}` of its own; call the field something else")
        return None
    place = path if isinstance(raw, str) else (*path, "type")
    if isinstance(raw, str):
        raw = {"type": raw}
    if not isinstance(raw, Mapping):
        build.problem("bad_value", path, "a field is a type, or `{type, required?, choices?, label?, min?, max?}`")
        return None
    spec = _spelled(raw, path, build)
    kind = _type(spec, path, place, build)
    return Field(
        name,
        kind,
        _required(spec.get("required"), path, decisions, build),
        _choices(spec.get("choices"), kind, path, build),
        str(spec.get("label") or ""),
        *_bounds(spec, kind, path, build),
        _max_length(spec.get("max_length"), kind, path, build),
    )


def _spelled(raw: Mapping[Any, Any], path: Path, build: Build) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in raw.items():
        name = snake_case(str(key))
        name = _ALIASES.get(name, name)
        if name not in _KEYS:
            message = f"a field has no key {key!r}: {', '.join(_KEYS)}"
            build.problem("unknown_key", (*path, str(key)), message, suggestion=did_you_mean(str(key), _KEYS))
        elif name in found:
            build.problem("conflicting_keys", (*path, str(key)), f"`{name}` is said twice")
        else:
            found[name] = value
    return found


def _type(spec: Mapping[str, Any], path: Path, place: Path, build: Build) -> str:
    word = spec.get("type", "text")
    kind = TYPES.get(word) if isinstance(word, str) else None
    if kind is None:
        options = ", ".join(dict.fromkeys(TYPES.values()))
        near = did_you_mean(str(word), TYPES)
        build.problem("bad_value", place, f"a field is one of {options}, not {word!r}", suggestion=near)
        return "text"
    if word == "choice" and not spec.get("choices"):
        build.problem("missing_key", path, "a choice needs `choices`")
    return kind


def _required(raw: Any, path: Path, decisions: Sequence[str], build: Build) -> tuple[str, ...]:
    """`true`: with every decision; one or several decisions: with these."""
    if raw is None or isinstance(raw, bool):
        return tuple(decisions) if raw else ()
    names = [raw] if isinstance(raw, str) else raw
    if not isinstance(names, list) or not all(name in decisions for name in names):
        options = ", ".join(decisions)
        message = f"`required` is true, false, or some of the decisions: {options}"
        build.problem("bad_value", (*path, "required"), message)
        return ()
    return tuple(names)


def _choices(raw: Any, kind: str, path: Path, build: Build) -> tuple[Any, ...]:
    if raw is None:
        return ()
    place = (*path, "choices")
    if kind not in ("text", "list", "number", "integer"):
        build.problem("not_applicable", place, f"a field of type {kind} has no choices")
        return ()
    item = Field("", "text" if kind == "list" else kind)
    if not isinstance(raw, list) or not raw or any(_fault(item, choice) for choice in raw):
        build.problem("bad_value", place, f"`choices` is a list of what may be answered, each a {item.type}")
        return ()
    if len({str(choice) for choice in raw}) < len(raw):
        build.problem("bad_value", place, "a choice stands twice")
    return tuple(raw)


def _bounds(spec: Mapping[str, Any], kind: str, path: Path, build: Build) -> tuple[float | None, float | None]:
    found: list[float | None] = []
    for name in ("min", "max"):
        bound = spec.get(name)
        if bound is None or (_is_number(bound) and kind in ("number", "integer")):
            found.append(bound)
        elif kind in ("number", "integer"):
            build.problem("bad_value", (*path, name), f"`{name}` is a number")
            found.append(None)
        else:
            build.problem("not_applicable", (*path, name), f"a field of type {kind} has no `{name}`")
            found.append(None)
    least, most = found
    if least is not None and most is not None and least > most:
        build.problem("bad_value", (*path, "max"), "`max` is less than `min`: nothing could be answered")
    return least, most


def _max_length(raw: Any, kind: str, path: Path, build: Build) -> int:
    if raw is None:
        return _MAX_TEXT
    if kind != "text":
        build.problem("not_applicable", (*path, "max_length"), f"a field of type {kind} has no `max_length`")
    elif isinstance(raw, bool) or not isinstance(raw, int) or not 1 <= raw <= _MAX_TEXT:
        build.problem("bad_value", (*path, "max_length"), f"`max_length` is a whole number from 1 to {_MAX_TEXT:,}")
    else:
        return raw
    return _MAX_TEXT


def check_answer(fields: Sequence[Field], decision: str, data: Mapping[str, Any]) -> None:
    """Raises InvalidInput with everything that is wrong with an answer, by `data.<field>`.

    Without any fields everything may be answered but what a decision has of its own.
    """
    faults: list[tuple[str, str]] = [
        (f"data.{name}", "not this: every decision has it of its own") for name in RESERVED if name in data
    ]
    known = {one.name: one for one in fields}
    if fields:
        faults += [
            (f"data.{name}", f"a field of the form: {', '.join(known)}")
            for name in data
            if name not in (*known, *RESERVED)
        ]
    for one in fields:
        value = data.get(one.name)
        missing = value is None or (one.type == "text" and isinstance(value, str) and not value.strip())
        if missing and decision in one.required:
            faults.append((f"data.{one.name}", f"required when {decision}"))
        elif value is not None and (fault := _fault(one, value)):
            faults.append((f"data.{one.name}", fault))
    if faults:
        place, wanted = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InvalidInput(f"{place}: {wanted}{more}", faults)


def _fault(one: Field, value: Any) -> str:
    """What would be right instead; "" when it is."""
    wanted, right = _RIGHT[one.type]
    if not right(value):
        return wanted
    if one.type == "text" and len(value) > one.max_length:
        return f"at most {one.max_length:,} characters"
    if (one.min is not None and value < one.min) or (one.max is not None and value > one.max):
        return (
            f"{wanted}{'' if one.min is None else f' from {one.min:g}'}{'' if one.max is None else f' to {one.max:g}'}"
        )
    answers = value if one.type == "list" else [value]
    if one.choices and any(answer not in one.choices for answer in answers):
        return f"one of {', '.join(map(str, one.choices))}"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) == len("2026-01-31") and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_RIGHT: Final[Mapping[str, tuple[str, Callable[[Any], bool]]]] = {
    "text": ("a text", lambda value: isinstance(value, str)),
    "number": ("a number", _is_number),
    "integer": ("a whole number", lambda value: _is_number(value) and value == int(value)),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "date": ("a date such as 2026-01-31", _is_date),
    "list": ("a list of texts", _is_list),
}
"""What a value of a type is, in words, and whether one is."""
