"""The course of a run: entering steps, doing them, resting, leaving by an outcome, ending.

A run goes through pure steps until it blocks (a wait, a task) or ends: run-to-block. After 1,000 transitions of one
cause it commits and asks to be continued, so that no run can hold up its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, cast

from statemachine.active_time import start_clock, stop_clock
from statemachine.asking import PEOPLE_TIMERS, ask, close_human
from statemachine.errors import ErrorPassedOn, StepFailed
from statemachine.failure import LastError
from statemachine.frame import Frame, Guard, Leaving, Thrown, Undo, undo_to_data, undoing_around
from statemachine.gathering import BURST_TIMERS, QUIET
from statemachine.limits import MAX_TRANSITIONS_PER_CAUSE, MAX_UNDOS, MAX_UNDOS_BYTES, larger_than
from statemachine.listening import WAIT, begin_listening
from statemachine.machine import (
    COMPLETE,
    COMPLETED,
    ERROR,
    EXIT,
    FAIL,
    HANDLE_FAILURE,
    SKIP,
    leave_transition,
    undone_transition,
)
from statemachine.offspring import dismiss, order, rest_for
from statemachine.retry import AMBIGUOUS
from statemachine.run import Run
from statemachine.sending import gate
from statemachine.sending.caps import with_send, without_send
from statemachine.snapshot import OpenTask, Status
from statemachine.standstill import CONTINUE
from statemachine.step import END, Await, EffectStep, End, Launch, Outcome, PureStep, Rest
from statemachine.steps.message import SKIPPED, MessageStep
from statemachine.steps.parts import resolve
from statemachine.workflow import ON_FAILURE, OUT, UNDONE, Step

RUN: Final = "run"
WAIT_TIMERS: Final = (WAIT, QUIET, *BURST_TIMERS)
"""The deadlines that belong to the wait in which a run rests."""
_STEP_TIMERS: Final = (*WAIT_TIMERS, *PEOPLE_TIMERS)


# --- starting and going on ---


def wait_outside(run: Run, queue: Mapping[str, Any]) -> None:
    """Wait to begin until there is a place."""
    run.status = Status.PENDING
    run.queued = queue["rule"]
    run.note("queued", metadata=dict(queue))


def start(run: Run) -> None:
    """Begin: mostly the first cause of an enrollment."""
    run.queued = ""
    take_place(run)
    run.note("started", metadata={name: run.trigger[name] for name in _TRIGGER_NOTE if run.trigger.get(name)})
    if begin(run):
        proceed(run)


def begin(run: Run) -> bool:
    """Put a run before its first step; False when it has failed already."""
    workflow = run.workflow_version
    if run.origin is not None and run.origin.outcome:
        fire(run, workflow.machine.begin(workflow.machine.target(run.origin.step, run.origin.outcome)))
        return True
    try:
        _set_initial_variables(run)
    except StepFailed as failure:
        error = run.keep_error(failure.code, failure.message)
        _fail(run, error)
        return run.ended_at is None
    set_run_deadline(run)
    fire(run, workflow.machine.begin(workflow.beginning(run.trigger.get("trigger_id"))))
    return True


def take_place(run: Run) -> None:
    """Hold a place of its workflow, if they are counted; a child lives on that of its parent."""
    if run.workflow_version.limits.counted and run.parent_id is None:
        run.place_at = run.now


_TRIGGER_NOTE: Final = ("type", "id", "trigger_id")


def set_run_deadline(run: Run) -> None:
    maximum = run.workflow_version.limits.max_duration
    if maximum is not None:
        run.deadlines[RUN] = run.now + maximum


def _set_initial_variables(run: Run) -> None:
    if run.workflow_version.variables is not None:
        run.set_variables({**resolve(run.workflow_version.variables, run.scope), **run.variables})


def proceed(run: Run) -> None:
    """Enter steps until the run rests, ends or has made its share of transitions for one cause."""
    run.resting = False
    run.status = Status.RUNNING
    while run.ended_at is None and not run.resting:
        if run.state == COMPLETED:
            return finish(run, Status.COMPLETED)
        if run.state == UNDONE:
            _come_back(run)
        if _is_through(run):
            return _end_of_body(run)
        if run.moves >= MAX_TRANSITIONS_PER_CAUSE:
            return ask_to_continue(run)
        if _within_limits(run):
            _enter(run, run.workflow_version.steps[run.state])
    return None


def _come_back(run: Run) -> None:
    """From the end of an undo to the step that undoes."""
    undoing = run.frames[undoing_around(run.frames) - 1]
    fire(run, undone_transition(undoing.step))


def stand(run: Run) -> None:
    """Stay before the next step, to go on when nothing holds the run any more."""
    run.resting = False
    if run.ended_at is not None:
        return None
    if run.state == COMPLETED:
        return finish(run, Status.COMPLETED)
    if run.state == UNDONE:
        _come_back(run)
    if _is_through(run):
        return _end_of_body(run)
    run.step_id = run.state
    run.deadlines[CONTINUE] = run.now
    if run.status is not Status.PAUSED:
        run.status = Status.RUNNING
    return None


def _is_through(run: Run) -> bool:
    """Whether a child that runs a body has come to its end: back to the step that started it."""
    return run.origin is not None and bool(run.origin.outcome) and run.state == run.origin.step


def _end_of_body(run: Run) -> None:
    depth = len(run.workflow_version.steps[run.state].within)
    own = run.frames[depth] if len(run.frames) > depth else None
    run.broke = isinstance(own, Frame) and own.broken
    finish(run, Status.COMPLETED)


def ask_to_continue(run: Run) -> None:
    run.step_id = run.state
    run.continuing = True
    run.continues += 1
    run.deadlines[CONTINUE] = run.now


def _within_limits(run: Run) -> bool:
    maximum = run.workflow_version.limits.max_transitions
    if maximum is not None and run.transitions > maximum and not run.failing:
        run.step_id = run.state
        fail_run(run, "max_transitions", f"the run made more than {maximum} transitions (limits.max_transitions)")
    elif run.history_full:
        run.step_id = run.state
        fail_run(run, "history_limit", "the history is full")
    return run.ended_at is None


# --- one step ---


def _enter(run: Run, step: Step) -> None:
    """Enter a step and do what it says, up to its outcome, its rest or its failure."""
    run.step_id = step.id
    run.visit += 1
    run.entered_at = run.now
    run.doubts.clear()
    if run.frames:
        run.drop_frames(step)
    if step.when is not None and run.frame is None and not step.when.test(run.scope):
        run.edited_input = None
        run.note("step_skipped", step=step.id, step_type=step.type, metadata=_reason(run))
        return _go(run, SKIP)
    run.step_starts[step.id] = run.now
    try:
        if step.undo:
            _begin_undoable(run, step)
        _do(run, step)
    except ErrorPassedOn as failure:
        _pass_on(run, step, failure.thrown)
    except StepFailed as failure:
        step_failed(run, step, failure.code, failure.message)
    return None


def _begin_undoable(run: Run, step: Step) -> None:
    """Keep that there will be something to undo; refuse the step beforehand when too much is kept already."""
    if len(run.undos) >= MAX_UNDOS or larger_than([undo_to_data(undo) for undo in run.undos], MAX_UNDOS_BYTES):
        most = f"{MAX_UNDOS} steps or {MAX_UNDOS_BYTES // 1024} KiB of input and output"
        raise StepFailed("too_many_undos", f"more could have to be undone than is kept: {most}")
    run.begin_undoable(Undo(step.id, run.visit))


def _do(run: Run, step: Step) -> None:
    runner = step.runner
    if runner.effect and isinstance(runner, MessageStep):
        return _send(run, step, runner)
    if runner.effect:
        return _order(run, step, cast(EffectStep, runner))
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


def complete_step(run: Run, step: Step, outcome: str, output: Any = None, **note: Any) -> None:
    """The step has done its work. Raises StepFailed when its output cannot be kept."""
    run.keep_output(step, output)
    leave_step(run, step, outcome, output, **note)


def leave_step(
    run: Run,
    step: Step,
    outcome: str,
    output: Any,
    metadata: Mapping[str, Any] | None = None,
    way: str = "",
    **note: Any,
) -> None:
    """Leave a step whose output has been kept. `way` is the transition, when it is not called as the outcome."""
    elapsed = run.now - (run.entered_at or run.now)
    run.executed_steps += 1
    if run.last_error is not None and run.last_error.step == step.id:
        run.clear_error()
    run.note(
        "step_completed",
        step=step.id,
        step_type=step.type,
        outcome=outcome,
        output=output,
        duration_ms=elapsed // _MILLISECOND if elapsed else 0,
        metadata={**metadata, **_reason(run)} if metadata else _reason(run),
        **note,
    )
    if step.undo:
        run.end_undoable(output, done=outcome != SKIPPED)
    _take(run, way or outcome)


_MILLISECOND: Final = timedelta(milliseconds=1)


def _reason(run: Run) -> dict[str, Any]:
    """What history says of conditions that could not be answered."""
    reason = run.take_doubts()
    return {"reason": reason} if reason else {}


def _take(run: Run, outcome: str) -> None:
    """Leave the step by an outcome."""
    run.previous_step = run.step_id
    run.anchor_at = None
    if run.deadlines:
        end_timers(run)
        stop_clock(run)
    run.task = None
    if run.brood is not None:
        dismiss(run)
    _go(run, outcome)


def _go(run: Run, transition: str) -> None:
    """Take a way out of the step, past the `finally` of every `try` that it leads out of."""
    via = run.step.via
    if transition in via:
        run.depart(via[transition], Leaving(_target(run.step, transition)))
    fire(run, transition)


def _target(step: Step, transition: str) -> str:
    if transition == SKIP:
        return step.following
    return step.targets.get(transition, step.on_error or END)


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
        return _end(run, End(leaving.status, leaving.reason))
    return fire(run, leave_transition(target))


def end_timers(run: Run) -> None:
    """The timers of the wait go, and what it has gathered."""
    for name in _STEP_TIMERS:
        run.deadlines.pop(name, None)
    run.gathered = {}


def fire(run: Run, transition: str) -> None:
    run.workflow_version.machine.fire(run, transition)
    run.transitions += 1


def _send(run: Run, step: Step, runner: MessageStep, *, held: bool = False) -> None:
    """Order a message, unless the gate says otherwise. `held`: the run has rested in the step for its sake."""
    channel = runner.channel(run)
    ruling = gate.ask(run, step.sending, channel)
    run.rulings = (*run.rulings, (channel, ruling.verdict, ruling.rule))
    if ruling.verdict == gate.SKIPPED:
        return _skip_message(run, step, channel, ruling, held=held)
    if ruling.verdict == gate.HELD:
        return _hold_message(run, step, channel, ruling)
    _order(run, step, runner, {} if step.sending is None else {"verdict": gate.SENT, "channel": channel})
    return _count_message(run, step, channel)


def ask_again(run: Run) -> None:
    """The time has come until which the gate held the message of the step in which the run rests."""
    step = run.step
    run.resting = False
    run.deadlines.pop(WAIT, None)
    if run.gathered:
        run.edited_input, run.gathered = run.gathered["input"], {}
    run.step_starts[step.id] = run.now
    try:
        _send(run, step, cast(MessageStep, step.runner), held=True)
    except StepFailed as failure:
        step_failed(run, step, failure.code, failure.message)
    if run.ended_at is None and not run.resting:
        proceed(run)


def _edited(given: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """The input of a task as an operator edited it for the retry of this step; a null removes."""
    edited, run.edited_input = run.edited_input or {}, None
    gone = {key for key, value in edited.items() if value is None}
    return {key: value for key, value in {**given, **edited}.items() if key not in gone}


def _order(run: Run, step: Step, runner: EffectStep, said: Mapping[str, Any] | None = None) -> None:
    order = runner.order(run)
    task_input = _edited(order.input, run)
    run.orders.append(
        replace(
            order,
            input=task_input,
            timeout_s=step.timeout.total_seconds() if step.timeout else order.timeout_s,
            max_attempts=step.retry.max_attempts,
            at_most_once=step.at_most_once,
        )
    )
    run.task = OpenTask(step.id, run.visit)
    if order.human is None:
        start_clock(run)
    if step.undo:
        run.drop_undo(Undo(step.id, run.visit))
        run.begin_undoable(Undo(step.id, run.visit, task_input))
    if order.human is not None:
        said = {**(said or {}), **ask(run, order.human)}
    note = {**said, **_reason(run)} if said else _reason(run)
    run.note("step_started", step=step.id, step_type=step.type, attempt=1, input=task_input, metadata=note)
    run.resting = True
    run.status = Status.WAITING


def _skip_message(run: Run, step: Step, channel: str, ruling: gate.Ruling, *, held: bool) -> None:
    """The message must not go out: go on as if the step were done, or where the definition says."""
    metadata = {"verdict": ruling.verdict, "rule": ruling.rule, "channel": channel, "reason": ruling.reason}
    outcome = SKIPPED if SKIPPED in step.targets else "done"
    if step.undo:
        run.end_undoable(None, done=False)
    cast(EffectStep, step.runner).finish(run)
    if held:
        return leave_step(run, step, outcome, None, metadata=metadata)
    run.note("step_skipped", step=step.id, step_type=step.type, outcome=outcome, metadata=metadata)
    return _go(run, outcome)


def _hold_message(run: Run, step: Step, channel: str, ruling: gate.Ruling) -> None:
    """The message may not go out yet: rest in the step until the gate is to be asked again."""
    assert ruling.until is not None
    run.deadlines[WAIT] = ruling.until
    if run.edited_input:
        run.gathered = {"input": run.edited_input}
        run.edited_input = None
    metadata = {
        "verdict": ruling.verdict,
        "rule": ruling.rule,
        "channel": channel,
        "reason": ruling.reason,
        "until": ruling.until.isoformat(),
    }
    run.note("waiting", step=step.id, step_type=step.type, metadata=metadata)
    run.resting = True
    run.status = Status.WAITING


def _count_message(run: Run, step: Step, channel: str) -> None:
    """Remember the message on its contact, when any cap counts it."""
    run.sent = True
    own, counted = run.workflow_version.counts, run.surroundings.counted
    reach = max(own, counted) if own is not None and counted is not None else own or counted
    if reach is not None and run.person is not None:
        run.contact_read = True
        run.change_contact(replace(run.person, sends=with_send(run.person.sends, channel, run.now, reach)))


def _give_back(run: Run, step: Step, code: str) -> None:
    """The message did not go out: its slot is free again. When nobody knows, it counts."""
    began = run.step_starts.get(step.id)
    if run.person is None or not run.person.sends or began is None or code in AMBIGUOUS:
        return
    run.contact_read = True
    sends = without_send(run.person.sends, cast(MessageStep, step.runner).channel(run), began)
    if sends != run.person.sends:
        run.change_contact(replace(run.person, sends=sends))


# --- waits ---


def _rest(run: Run, step: Step, rest: Rest) -> None:
    """Stay in a wait, unless something that happened since its anchor already ends it."""
    outcome = begin_listening(run, step, rest)
    if outcome is not None:
        return complete_step(run, step, outcome.name, outcome.output, metadata=outcome.metadata)
    run.resting = True
    run.status = Status.WAITING
    return None


def wake(run: Run, outcome: str, output: Any = None, **note: Any) -> None:
    """The wait in which the run rests is over."""
    try:
        complete_step(run, run.step, outcome, output, **note)
    except StepFailed as failure:
        return settle_failure(run, failure.code, failure.message)
    return proceed(run)


# --- failing ---


def settle_failure(run: Run, code: str, message: str, *, transient: bool = False) -> None:
    """The step in which the run rests has failed for good; go where the definition says."""
    step_failed(run, run.step, code, message, transient=transient)
    if run.ended_at is None:
        proceed(run)


def step_failed(run: Run, step: Step, code: str, message: str, *, transient: bool = False) -> None:
    """The step has failed for good: take its `error` transition, or fail the run."""
    attempt = run.task.attempt if run.task else 0
    if attempt and isinstance(step.runner, MessageStep):
        _give_back(run, step, code)
    error = run.keep_error(code, message, transient=transient)
    run.task = None
    if step.undo:
        run.end_undoable(None, done=False)
    run.failed_steps += 1
    run.note(
        "step_failed",
        step=step.id,
        step_type=step.type,
        outcome=ERROR,
        attempt=attempt,
        level="error",
        error_code=code,
        error=message,
    )
    _throw(run, step, Thrown(error))


def _pass_on(run: Run, step: Step, thrown: Thrown) -> None:
    """A guard lets an error out that happened in one of its bodies."""
    run.set_error(thrown.error)
    run.note(
        "step_failed",
        step=step.id,
        step_type=step.type,
        outcome=ERROR,
        level="error",
        error_code=thrown.error.code,
        error=thrown.error.message,
        metadata={"of": thrown.error.step},
    )
    _throw(run, step, thrown)


def _throw(run: Run, step: Step, thrown: Thrown) -> None:
    """Where an error goes: to the step's `on_error`, to what catches it, or nowhere, which fails the run."""
    workflow = run.workflow_version
    if step.on_error is None and step.caught_by is None:
        if thrown.frames:
            run.restore(thrown)
        return _fail(run, thrown.error)
    catcher = step.caught_by if step.on_error is None else None
    if catcher is not None and (catcher == UNDONE or workflow.steps[catcher].runner.guards):
        run.throw(catcher, thrown)
    return _take(run, ERROR)


def _fail(run: Run, error: LastError) -> None:
    """The run has failed where it stands: do what `on_failure` says, once, and end it."""
    if not _has_failure_steps(run):
        return finish(run, Status.FAILED)
    revoke(run)
    if run.brood is not None:
        dismiss(run, "parent_failed")
    run.deadlines = {}
    run.anchor_at = None
    frames = run.frames
    run.set_frames((Guard(ON_FAILURE, ON_FAILURE, caught=error, pending=Thrown(error, frames)),))
    return fire(run, HANDLE_FAILURE)


def _has_failure_steps(run: Run) -> bool:
    """Whether there is something to do when the run fails now."""
    parts = run.failing or run.before.part
    return bool(run.workflow_version.on_failure) and not parts and not run.history_full


def _end_failing(run: Run) -> None:
    """`on_failure` is done, or left: the run stands again where it failed, with what it failed with."""
    pending = cast(Thrown, cast(Guard, run.frames[0]).pending)
    run.set_frames(())
    run.step_id = ""
    run.restore(pending)
    run.set_error(pending.error)
    run.exit_reason = run.goal = None


# --- endings ---


def end_by_step(run: Run, step: Step, end: End) -> None:
    """The step ends the run."""
    run.executed_steps += 1
    run.note("step_completed", step=step.id, step_type=step.type, outcome=end.status, duration_ms=0)
    end_from(run, step, end)


def end_from(run: Run, step: Step, end: End) -> None:
    """End the run out of a step, past the `finally` of every `try` around it."""
    if OUT in step.ways_out:
        run.depart(step.ways_out[OUT], Leaving(status=end.status, reason=end.reason))
        return fire(run, leave_transition(OUT))
    return _end(run, end)


def _end(run: Run, end: End) -> None:
    if end.status == Status.COMPLETED:
        leave(run, COMPLETE)
        return finish(run, Status.COMPLETED)
    return exit_run(run, end.reason)


def exit_run(run: Run, reason: str | None, *, goal: str | None = None, event: str | None = None) -> None:
    run.exit_reason = reason
    run.goal = goal
    leave(run, EXIT)
    finish(run, Status.EXITED, **({"event": event} if event else {}))


def fail_run(run: Run, code: str, message: str) -> None:
    """Fail the run as a whole; no `on_error` of a step catches that.

    The step in which it rests has failed with it: what `on_failure` does next is other visits, of other steps.
    """
    error = run.keep_error(code, message)
    if run.resting and _has_failure_steps(run):
        step = run.step
        run.note(
            "step_failed",
            step=step.id,
            step_type=step.type,
            outcome=ERROR,
            level="error",
            error_code=code,
            error=message,
        )
    leave(run, FAIL)
    _fail(run, error)


def leave(run: Run, transition: str) -> None:
    """Take an engine's transition out of the step, if the run is in one."""
    if run.state in run.workflow_version.steps:
        fire(run, transition)


def finish(run: Run, status: Status, **metadata: str) -> None:
    """Write the end of the run: timers, open tasks and rests go with it."""
    revoke(run)
    if run.brood is not None:
        dismiss(run, f"parent_{status.value}")
    if run.failing and status is not Status.CANCELLED:
        status, metadata = Status.FAILED, {}
        _end_failing(run)
    run.status = status
    run.ended_at = run.now
    run.queued = ""
    run.deadlines = {}
    run.gathered = {}
    run.anchor_at = None
    run.paused_at = None
    run.held = ()
    run.moments = {}
    run.resting = False
    if status is not Status.FAILED:
        run.step_id = ""
        run.frames = ()
    if run.undos:
        run.undos = tuple(undo for undo in run.undos if undo.done and status is Status.FAILED)
    failure = run.last_error if status is Status.FAILED else None
    if run.exit_reason:
        metadata = {"reason": run.exit_reason, **metadata}
    if run.goal:
        metadata = {**metadata, "goal": run.goal}
    run.note(
        status.value,
        level="error" if failure else "info",
        error_code=failure.code if failure else None,
        error=failure.message if failure else None,
        metadata=metadata,
    )


def revoke(run: Run, ending: str = "cancelled") -> None:
    """The open task must not run any more."""
    if run.task is not None:
        if run.step.runner.human:
            close_human(run, ending)
        run.revoked.append((run.task.step, run.task.visit))
        run.task = None
