"""How property tests draw: in `make test` the same examples each time, in `make fuzz` others each time.

What passed yesterday must not fail today on the same code. So the profile `same` draws by the code of a test alone,
keeps no examples, and knows no clock; `fresh` is what campaigns draw with (`tests/fuzz/properties.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis.internal import constants_ast
from hypothesis.internal.conjecture import providers

SAME: Final = "same"
FRESH: Final = "fresh"
FOUND: Final = Path(__file__).parent / "fuzz" / "found"
"""Where campaigns put what they find; git does not look there."""


def settle_properties() -> None:
    """Make both profiles known, and load the one that is the same each time."""
    patient = [HealthCheck.too_slow]
    settings.register_profile(SAME, derandomize=True, deadline=None, print_blob=True, suppress_health_check=patient)
    settings.register_profile(FRESH, database=None, deadline=None, print_blob=True, suppress_health_check=patient)
    settings.load_profile(SAME)


def forget_constants() -> None:
    """Hypothesis mixes the constants of all modules that happen to be loaded into what it draws, and which these are
    depends on what ran before in the same process."""
    if settings.get_current_profile_name() == SAME:
        none = constants_ast.Constants()
        setattr(providers, "_get_local_constants", lambda: none)  # noqa: B010 - it is no name of ours
