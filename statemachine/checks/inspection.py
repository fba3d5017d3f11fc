"""Every check, in the order in which they look."""

from __future__ import annotations

from typing import Final

from statemachine.checks.branches import check_ways_out
from statemachine.checks.cases import check_branches, check_conditions, check_events
from statemachine.checks.draft import Check, Draft
from statemachine.checks.flow import check_ends, check_reach, check_rings
from statemachine.checks.history import check_look_back
from statemachine.checks.loops import check_loop_names, check_ways_in
from statemachine.checks.names import check_early, check_outputs, check_parts, check_spelling, check_variables
from statemachine.checks.rules import check_exits, check_triggers
from statemachine.checks.undos import check_undo_names, check_undos
from statemachine.checks.values import check_values
from statemachine.checks.waits import check_durations, check_timeouts
from statemachine.problem import Problems

_ALWAYS: Final[tuple[Check, ...]] = (
    check_ways_in,
    check_ways_out,
    check_rings,
    check_early,
    check_loop_names,
    check_undo_names,
    check_undos,
    check_parts,
    check_outputs,
    check_spelling,
    check_conditions,
    check_branches,
    check_look_back,
    check_timeouts,
)
_WITH_EVERY_STEP: Final[tuple[Check, ...]] = (check_reach, check_ends, check_durations, check_values, check_variables)
"""With a step, or a way out of one, missing they would complain of what is right."""
_WITHOUT_ERRORS: Final[tuple[Check, ...]] = (check_events, check_triggers, check_exits)
"""A condition that cannot be read is no condition to these."""


def inspect(draft: Draft, problems: Problems, *, whole: bool) -> None:
    """Report what is wrong, or looks wrong. `whole`: every step is there, with every way out of it."""
    sound = not problems.failed
    for check in (*_ALWAYS, *(_WITH_EVERY_STEP if whole else ()), *(_WITHOUT_ERRORS if sound else ())):
        check(draft, problems)
