"""How much there is to compile in one definition.

Each text has limits of its own, but a definition may hold thousands of them. So expressions, templates and patterns are
paid for from one purse, in work that depends on the text alone: a definition that loads today loads everywhere, always.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

MAX_WORK: Final = 600_000
"""What one definition may cost: about so many microseconds on a slow machine."""


class TooComplex(Exception):  # noqa: N818
    """The definition would take too long to compile."""


@contextmanager
def metered() -> Iterator[None]:
    """Within this, `spend` takes from one purse and raises TooComplex when it is empty."""
    token = _left.set([MAX_WORK])
    try:
        yield
    finally:
        _left.reset(token)


def spend(work: int) -> None:
    """Pay for some work before it is done. Outside of `metered` everything is free."""
    left = _left.get()
    if left is None:
        return
    left[0] -= work
    if left[0] < 0:
        raise TooComplex


_left: Final[ContextVar[list[int] | None]] = ContextVar("left", default=None)
