"""Patterns of authors: RE2 regular expressions, which take time linear in the text whatever the pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import re2

from statemachine.meter import spend

MAX_PATTERN_LENGTH: Final = 2000
_MAX_MEMORY: Final = 1 << 18
_MAX_KEPT: Final = 512
_WORK: Final = 100
_WORK_REFUSED: Final = 2_000
_WORK_REFUSED_PER_LETTER: Final = 8


class PatternError(ValueError):
    """The pattern is no RE2 regular expression; the message says why."""


def compile_pattern(pattern: str) -> Any:
    """The compiled pattern; `search` finds it anywhere in a text. Raises PatternError."""
    try:
        compiled = _compile(pattern)
    except PatternError:
        spend(_WORK_REFUSED + _WORK_REFUSED_PER_LETTER * len(pattern))
        raise
    spend(_WORK + compiled.programsize // 2)
    return compiled


@lru_cache(maxsize=_MAX_KEPT)
def _compile(pattern: str) -> Any:
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise PatternError(f"the pattern is {len(pattern)} characters long; at most {MAX_PATTERN_LENGTH}")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it cannot be read"
        raise PatternError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from error
