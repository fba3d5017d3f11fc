"""What is said of a template that cannot be compiled."""

from __future__ import annotations

from typing import Any

from statemachine.problem import Within, at_offset


class TemplateError(ValueError):
    """A template that cannot be compiled. `column` counts from 1 within its text; None when unknown."""

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.column = column

    def within(self, raw: Any) -> Within | None:
        """Where in the template the mistake is."""
        return at_offset(raw, self.column - 1) if isinstance(raw, str) and self.column else None
