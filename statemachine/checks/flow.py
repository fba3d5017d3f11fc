"""Steps that nothing leads to, and rings that lead nowhere or never rest."""

from __future__ import annotations

from datetime import timedelta

from statemachine.checks.draft import Draft
from statemachine.checks.graph import backwards, reachable, rings
from statemachine.problem import Problems
from statemachine.step import END, WaitingStep
from statemachine.workflow import Step


def check_reach(draft: Draft, problems: Problems) -> None:
    """Warn of steps that no run can enter."""
    reached = reachable(draft.ways, draft.starts)
    for step_id in draft.steps:
        if step_id not in reached:
            problems.add("unreachable_step", draft.places[step_id], f"no way leads to {step_id!r}")


def check_rings(draft: Draft, problems: Problems) -> None:
    """Report rings that would never end, and warn of those that may run away."""
    for ring in rings(draft.ways_on, [step.id for step in draft.steps.values() if _is_pure(step)]):
        message = f"{shown(ring)} is a ring with neither a wait nor an effect: it would never end"
        problems.add("pure_ring", draft.places[ring[0]], message)
    for ring in rings(draft.ways_on, [step.id for step in draft.steps.values() if not surely_waits(step)]):
        members = [draft.steps[step_id] for step_id in ring]
        if all(_is_pure(step) for step in members):
            continue
        waits = any(isinstance(step.runner, WaitingStep) for step in members)
        why = "a ring whose wait can be over at once" if waits else "a ring without a wait"
        problems.add("ring_without_wait", draft.places[ring[0]], f"{shown(ring)} is {why}: it may run away")


def check_ends(draft: Draft, problems: Problems) -> None:
    """Warn of rings that no step leads out of, unless an exit rule or a limit ends the run."""
    if draft.exits or draft.limits.max_duration or draft.limits.max_transitions or draft.limits.max_execution:
        return
    ending = {edge.source for edge in draft.edges if edge.target == END}
    ending |= {step.id for step in draft.steps.values() if step.runner.may_end()}
    saved = reachable(backwards(draft.ways), ending)
    lost = reachable(draft.ways, draft.starts) - saved
    for ring in rings(draft.ways, [step_id for step_id in draft.steps if step_id in lost]):
        if not all(_is_pure(draft.steps[step_id]) for step_id in ring):
            message = f"{shown(ring)} goes round for ever: no step leads out, no exit rule and no limit ends the run"
            problems.add("dead_end", draft.places[ring[0]], message)


def surely_waits(step: Step) -> bool:
    """Whether the step rests for a while each time it runs. A template may say anything: it is trusted."""
    return isinstance(step.runner, WaitingStep) and step.runner.least_rest() != timedelta(0)


def _is_pure(step: Step) -> bool:
    return not step.runner.effect and not isinstance(step.runner, WaitingStep)


def shown(ring: list[str]) -> str:
    """A ring as people read it: `a → b → a`."""
    return " → ".join(ring[:10]) + (" → …" if len(ring) > 10 else f" → {ring[0]}")
