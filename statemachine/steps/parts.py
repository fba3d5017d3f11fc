"""What step types are made of: compiled parts that remember what they read, and keys that cannot be used yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from statemachine.path import Path
from statemachine.reads import Reads, reads_of
from statemachine.scope import contact_fields
from statemachine.values import text

if TYPE_CHECKING:
    from statemachine.condition import Condition
    from statemachine.expression import Expression
    from statemachine.scope import Scope
    from statemachine.step import Build, StepConfig
    from statemachine.template import Value


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


class Parts:
    """Compiles the templates, conditions and expressions of one step and adds up what they read."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self.reads = Reads()
        self.paths: set[Path] = set()

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
            self.paths |= condition.paths
        return condition

    def expression(self, path: Path, text: str) -> Expression | None:
        expression = self._build.expression(path, text)
        if expression is not None:
            self._read(expression.paths)
        return expression

    def field(self, name: str) -> None:
        """Declare that the step reads this contact field (or "tags", "lists", "score", "*") by itself."""
        self.reads |= Reads(frozenset({"*"}) if name == "*" else contact_fields([("contact", name)]))

    def conversation(self) -> None:
        """Declare that the step reads or changes the run's conversation by itself."""
        self.reads |= Reads(conversation=True)

    def shared(self, paths: Iterable[tuple[str, ...]]) -> None:
        """Declare that the step sets these global variables; of one that it sets in part it needs the rest."""
        named = list(paths)
        partly = frozenset(path[0] for path in named if len(path) > 1)
        self.reads |= Reads(globals=partly, sets=frozenset(path[0] for path in named))

    def _read(self, paths: Iterable[Path]) -> None:
        paths = frozenset(paths)
        self.paths |= paths
        self.reads |= reads_of(paths)


def texts_of(value: Any) -> list[str]:
    """A resolved text or list of texts as a list without empty entries."""
    items = value if isinstance(value, (list, tuple)) else [value]
    return [found for found in (text(item).strip() for item in items) if found]


def resolve(value: Value | None, scope: Scope) -> Any:
    """The value of an optional part as plain data; None when it was not given."""
    return None if value is None else plain(value.resolve(scope))


def plain(value: Any) -> Any:
    """The value as data that JSON can hold: instants become text, mappings objects, sequences lists."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return text(value)
