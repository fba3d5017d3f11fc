"""Which of several events of one type is meant: its key, or a part of its data, has to be that of the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from statemachine.condition_tree import Condition, Trace
from statemachine.errors import StepFailed
from statemachine.path import Path, format_path, walk
from statemachine.scope import Scope
from statemachine.values import text

if TYPE_CHECKING:
    from statemachine.template import Value


@dataclass(frozen=True, slots=True)
class KeyIs(Condition):
    """The event's key, or what `part` of its data leads to, is `wanted`. Compared as text; nothing equals nothing."""

    wanted: Value
    part: Path | None = None

    def test(self, scope: Scope) -> bool:
        wanted = self._wanted(scope)
        return wanted != "" and wanted == self._found(scope)

    def explain(self, scope: Scope) -> Trace:
        wanted, found = self._wanted(scope), self._found(scope)
        return Trace(
            f"{self._subject} is {wanted!r}",
            self.test(scope),
            found,
            error="" if wanted else "the key that it is held against is empty",
            subject=self._subject,
            operator="equals",
            expected=wanted,
        )

    @property
    def paths(self) -> frozenset[Path]:
        return frozenset(self.wanted.paths)

    @property
    def _subject(self) -> str:
        return "event.key" if self.part is None else format_path(("event", "data", *self.part))

    def _wanted(self, scope: Scope) -> str:
        try:
            return _plain(self.wanted.resolve(scope))
        except StepFailed as failure:
            scope.doubt("key", failure.message)
            return ""

    def _found(self, scope: Scope) -> str:
        if scope.event is None:
            return ""
        return _plain(scope.event.key if self.part is None else walk(scope.event.data, self.part))


def _plain(value: Any) -> str:
    return text(value).strip() if isinstance(value, str | int | float) else ""
