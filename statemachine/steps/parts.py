"""What every step type is put together from: compiled parts that remember what they read, and keys of later issues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from statemachine.contact import standard_field
from statemachine.step import Reads

if TYPE_CHECKING:
    from statemachine.condition import Condition
    from statemachine.expression import Expression
    from statemachine.scope import Scope
    from statemachine.step import Build, StepConfig
    from statemachine.template import Value

Path = tuple[str | int, ...]

_OTHER_ROOTS: Final = frozenset({
    "trigger", "input", "event", "variables", "workflow", "vars", "conversation", "global", "steps", "loop",
    "enrollment", "execution", "resources", "connection", "error", "last_error", "now",
})  # fmt: skip
_CONTACT_ROOTS: Final = ("contact", "customer")
_CUSTOM: Final = ("custom_fields", "metadata")
_WHOLE: Final = frozenset({"*"})


def later() -> Any:
    """A key of the language that is known but not built: `refuse_later` reports it wherever it is used."""
    return Field(default=None, json_schema_extra={"not_supported_yet": True})


def refuse_later(config: StepConfig, build: Build) -> None:
    """Report every used key of `config` that was declared with `later()`."""
    for name, spec in type(config).model_fields.items():
        extra = spec.json_schema_extra
        if name in config.model_fields_set and isinstance(extra, Mapping) and extra.get("not_supported_yet"):
            key = spec.alias or name
            build.problem("not_supported_yet", (key,), f"`{key}` is not supported yet")


def contact_fields(paths: Iterable[Path]) -> frozenset[str]:
    """The contact fields that these paths read, as `Reads.contact` names them; {"*"} when it cannot be told."""
    fields: set[str] = set()
    for path in paths:
        fields.update(_fields_of(path))
    return _WHOLE if "*" in fields else frozenset(fields)


def _fields_of(path: Path) -> frozenset[str]:
    if not path or path[0] in _OTHER_ROOTS:
        return frozenset()
    names = path[1:] if path[0] in _CONTACT_ROOTS else path
    if names and names[0] in _CUSTOM:
        names = names[1:]
    if not names or not isinstance(names[0], str):
        return _WHOLE
    return field_reads(names[0])


def field_reads(name: str) -> frozenset[str]:
    """What reading one contact field needs: `name` is made of two others, the id is always known."""
    if name == "id":
        return frozenset()
    if name == "name":
        return frozenset({"name", "first_name", "last_name"})
    return frozenset({standard_field(name) or name})


class Parts:
    """Compiles the templates, conditions and expressions of one step and adds up what they read."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self.reads = Reads()

    def value(self, path: Path, raw: Any) -> Value:
        value = self._build.value(path, raw)
        self._read(value.paths)
        return value

    def optional(self, path: Path, raw: Any) -> Value | None:
        """Like `value`, or None for a key that was not given."""
        return None if raw is None else self.value(path, raw)

    def condition(self, path: Path, raw: Any) -> Condition | None:
        condition = self._build.condition(path, raw)
        if condition is not None:
            self.reads |= condition.reads
        return condition

    def expression(self, path: Path, text: str) -> Expression | None:
        expression = self._build.expression(path, text)
        if expression is not None:
            self._read(expression.paths)
        return expression

    def field(self, name: str) -> None:
        """Declare that the step reads this contact field (or "tags", "lists", "score", "*") by itself."""
        self.reads |= Reads(_WHOLE if name == "*" else field_reads(name))

    def _read(self, paths: Iterable[Path]) -> None:
        self.reads |= Reads(contact_fields(paths))


def text_of(value: Any) -> str:
    """A resolved value as the text a person would expect: null is empty, whole numbers have no fraction."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def texts_of(value: Any) -> list[str]:
    """A resolved text or list of texts as a list without empty entries."""
    items = value if isinstance(value, (list, tuple)) else [value]
    return [text for text in (text_of(item).strip() for item in items) if text]


def resolve(value: Value | None, scope: Scope) -> Any:
    """The value of an optional part; None when it was not given."""
    return None if value is None else value.resolve(scope)
