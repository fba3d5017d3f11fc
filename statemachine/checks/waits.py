"""Waits that nothing may ever end."""

from __future__ import annotations

from datetime import timedelta
from heapq import heappop, heappush

from statemachine.checks.draft import Draft
from statemachine.checks.logic import constant
from statemachine.machine import ERROR, SKIP
from statemachine.problem import Problems
from statemachine.step import END, WaitingStep
from statemachine.workflow import Step


def check_timeouts(draft: Draft, problems: Problems) -> None:
    """Warn of waits that only an event can end, or not even that."""
    for step in draft.steps.values():
        if not _only_events_end(step):
            continue
        asked = step.runner.until_true() if isinstance(step.runner, WaitingStep) else None
        if asked is not None:
            if constant(asked) is False and not step.cases:
                message = f"{step.id!r} waits for a condition that never holds, and has no `timeout`"
                problems.add("wait_never_ends", draft.places[step.id], message)
            else:
                message = f"{step.id!r} waits for a condition that may never hold: add a `timeout`"
                problems.add("wait_without_timeout", draft.places[step.id], message)
        elif all(case.when is not None and constant(case.when) is False for case in step.cases):
            message = f"{step.id!r} waits for events that can never count, and has no `timeout`"
            problems.add("wait_never_ends", draft.places[step.id], message)
        else:
            message = f"{step.id!r} waits for an event that may never come: add a `timeout`"
            problems.add("wait_without_timeout", draft.places[step.id], message)


def check_durations(draft: Draft, problems: Problems) -> None:
    """Warn of waits that end later than the run may last."""
    most = draft.limits.max_duration
    if most is None:
        return
    starts = _earliest_starts(draft)
    for step_id, start in starts.items():
        step = draft.steps[step_id]
        rest = _rest(step)
        if start <= most < start + rest:
            reached = f", and begins after {_days(start)} at the earliest" if start else ""
            what = "the timer of this wait" if step.cases else "this wait"
            message = f"{what} takes {_days(rest)}{reached}: a run fails after {_days(most)} (`limits.max_duration`)"
            problems.add("wait_never_ends", draft.places[step_id], message)


def _only_events_end(step: Step) -> bool:
    runner = step.runner
    if not isinstance(runner, WaitingStep) or runner.quiet() is not None:
        return False
    return (bool(step.cases) or runner.until_true() is not None) and runner.timer_outcome() not in runner.outcomes()


def _earliest_starts(draft: Draft) -> dict[str, timedelta]:
    """How long after its start a run can be in each step at the earliest (Dijkstra): events come at once."""
    found: dict[str, timedelta] = {}
    waiting = [(timedelta(0), start) for start in draft.starts]
    while waiting:
        start, step_id = heappop(waiting)
        if step_id in found or step_id == END:
            continue
        found[step_id] = start
        for edge in draft.leaving.get(step_id, ()):
            heappush(waiting, (start + _spent(draft.steps[step_id], edge.outcome), edge.target))
    return found


def _spent(step: Step, outcome: str) -> timedelta:
    runner = step.runner
    by_timer = isinstance(runner, WaitingStep) and outcome == runner.timer_outcome()
    by_event = any(case.outcome == outcome for case in step.cases)
    return _rest(step) if by_timer and not by_event and outcome not in (SKIP, ERROR) else timedelta(0)


def _rest(step: Step) -> timedelta:
    rest = step.runner.least_rest() if isinstance(step.runner, WaitingStep) else None
    return rest or timedelta(0)


def _days(span: timedelta) -> str:
    """`2d 3h`; what is below a second is left out."""
    parts = []
    rest = round(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"
