"""Which steps are part of which loop, and where that makes `break` and `continue` lead.

The steps of a `body` written in place are. Where a loop only names the first step of its body, as in a canvas, its body
is what can be entered from there without passing the loop, and not from where the loop goes on when it is done.

A way leads into a body only from the loop itself, and from within (`checks/loops.py` refuses all others). So the loops
that a run is in are known from the step it is in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from statemachine.checks.graph import edges_of, reachable, ways
from statemachine.machine import SKIP
from statemachine.steps.loop import BODY, DONE, Jump, Loop
from statemachine.workflow import Step

if TYPE_CHECKING:
    from statemachine.assembly import Assembly
    from statemachine.layout import Entry
    from statemachine.problem import Problems


def nest(made: Assembly, problems: Problems) -> None:
    """Complete `within` of all steps, and let `break` and `continue` lead back to their loop."""
    loops = [step for step in made.steps.values() if isinstance(step.runner, Loop)]
    if loops:
        around = _around(made.steps, loops)
        made.steps.update({step_id: replace(made.steps[step_id], within=within) for step_id, within in around.items()})
    for entry in made.entries:
        step = made.steps.get(entry.id)
        if step is not None and isinstance(step.runner, Jump):
            made.steps[step.id] = _led_back(step, entry, problems)


def _around(steps: Mapping[str, Step], loops: Sequence[Step]) -> dict[str, tuple[str, ...]]:
    """Step → the loops whose body it is part of, the outermost first."""
    bodies = {loop.id: {step.id for step in steps.values() if loop.id in step.within} for loop in loops}
    jumps = {step.id for step in steps.values() if isinstance(step.runner, Jump)}
    edges = [edge for edge in edges_of(steps) if edge.source not in jumps or edge.outcome == SKIP]
    graph = ways(steps, edges)
    for loop in loops:
        if not bodies[loop.id]:
            inside = {**graph, loop.id: ()}
            begun, after = reachable(inside, [loop.targets[BODY]]), reachable(inside, [loop.targets[DONE]])
            bodies[loop.id] = set(begun - after - {loop.id})
    by_size = sorted(bodies, key=lambda loop: -len(bodies[loop]))
    return {step_id: tuple(loop for loop in by_size if step_id in bodies[loop]) for step_id in steps}


def _led_back(step: Step, entry: Entry, problems: Problems) -> Step:
    if not step.within:
        message = f"{step.type!r} stands in no loop: only steps of a loop's `body` can end its round"
        problems.add("outside_loop", (*entry.path, "type"), message)
        return step
    loop = step.within[-1]
    for target, place in entry.branches.values():
        if target not in (loop, step.on_error):
            problems.add("conflicting_keys", place, f"{step.type!r} leads back to its loop, {loop!r}")
    return replace(step, targets=dict.fromkeys(step.targets, loop))
