"""One visit of a step: entered, done, and left by its outcome, rested in, or failed."""

from __future__ import annotations

from typing import cast

from statemachine.ending import end_as, end_by_step
from statemachine.errors import ErrorPassedOn, StepFailed
from statemachine.failing import pass_on, step_failed
from statemachine.frame import TOO_MANY_UNDOS, Leaving, Undo, too_many_undos
from statemachine.listening import begin_listening
from statemachine.machine import SKIP, leave_transition
from statemachine.offspring import order, rest_for
from statemachine.ordering import order_task
from statemachine.run import Run
from statemachine.sending.message import send
from statemachine.snapshot import Status
from statemachine.step import EffectStep, PureStep
from statemachine.step_result import Await, End, Launch, Outcome, Rest
from statemachine.steps.message import MessageStep
from statemachine.way_out import complete_step, doubts, fire, go
from statemachine.workflow import OUT, Step


def enter(run: Run, step: Step) -> None:
    """Enter a step and do what it says, up to its outcome, its rest or its failure."""
    run.step_id = step.id
    run.visit += 1
    run.entered_at = run.now
    run.doubts.clear()
    if run.frames:
        run.drop_frames(step)
    if step.when is not None and run.frame is None and not step.when.test(run.scope):
        run.edited_input = None
        run.note("step_skipped", step=step.id, step_type=step.type, metadata=doubts(run))
        return go(run, SKIP)
    run.step_starts[step.id] = run.now
    try:
        if step.undo:
            _begin_undoable(run, step)
        _do(run, step)
    except ErrorPassedOn as failure:
        pass_on(run, step, failure.thrown)
    except StepFailed as failure:
        step_failed(run, step, failure.code, failure.message)
    return None


def _begin_undoable(run: Run, step: Step) -> None:
    """Keep that there will be something to undo; refuse the step beforehand when too much is kept already."""
    if too_many_undos(run.undos):
        raise StepFailed("too_many_undos", TOO_MANY_UNDOS)
    run.begin_undoable(Undo(step.id, run.visit))


def _do(run: Run, step: Step) -> None:
    """Raises StepFailed or ErrorPassedOn when the step cannot do what it says."""
    runner = step.runner
    if runner.effect and isinstance(runner, MessageStep):
        return send(run, step, runner)
    if runner.effect:
        return order_task(run, step, cast(EffectStep, runner))
    result = cast(PureStep, runner).run(run)
    if isinstance(result, Outcome):
        return complete_step(run, step, result.name, result.output, metadata=result.metadata, way=result.way)
    if isinstance(result, End):
        return end_by_step(run, step, result)
    if isinstance(result, Leaving):
        return _leave_guard(run, step, result)
    if isinstance(result, Await):
        return rest_for(run, step, result)
    if isinstance(result, Launch):
        order(run, step, result.children)
        return complete_step(run, step, result.outcome.name, result.outcome.output, metadata=result.outcome.metadata)
    return _rest(run, step, result)


def _rest(run: Run, step: Step, rest: Rest) -> None:
    """Stay in a wait, unless something that happened since its anchor already ends it."""
    outcome = begin_listening(run, step, rest)
    if outcome is not None:
        return complete_step(run, step, outcome.name, outcome.output, metadata=outcome.metadata)
    run.resting = True
    run.status = Status.WAITING
    return None


def _leave_guard(run: Run, step: Step, leaving: Leaving) -> None:
    """The `finally` of a `try` is done that was only passed: go on to where the run was going."""
    target = OUT if leaving.status else leaving.to
    if target not in step.ways_out:
        message = f"this version of the workflow has no way from {step.id!r} to {target!r}"
        return step_failed(run, step, "way_lost", message)
    run.executed_steps += 1
    run.note("step_completed", step=step.id, step_type=step.type, outcome="left", duration_ms=0)
    hop = step.ways_out[target]
    if hop in run.workflow_version.steps and hop != target:
        run.depart(hop, leaving)
    elif target == OUT:
        return end_as(run, End(leaving.status, leaving.reason))
    return fire(run, leave_transition(target))
