"""Moving a run to another version of its workflow: whether it fits there, and what becomes of it.

A run keeps its place: it goes on resting where it rests, on the rules of the other version. Steps of equal id belong
together; for the others a mapping says which new step is the old one. What moves with the run, and how:

- **Variables** stay; those the other version begins with and the run lacks are set, as at a start. Outputs, starts and
  split variants of steps stay; of a mapped step that is gone they go under the new name.
- **Its wait** must be of the same kind there (events or none, a timer or none). The timer stays as it was reckoned
  (`keep`), or is reckoned anew by the new step, from when the run came to rest (`recompute`), which may end it at once.
  Which events end the wait is what the new version says, from now on; its anchor stays with `keep`.
- **Its open task** stays as it was ordered, under its old name, input and idempotency key; its result moves the run on
  the new version. So the new step must be of the same type and know every outcome of the old one.
- **`limits.max_duration`** stays as it was reckoned, or (`recompute`) is moved by the difference between the versions.
- **`limits.max_execution`** of the new version holds from the next task on; with `recompute`, at once.
- **Its place in loops** moves with it: the new step must be in the same loops, of the same kinds. Items stay as they
  were when the loop began.
- **Children** that run a part of the workflow stay on their version, and so does their parent until they have ended.
- What is held while a run is paused stays held, and a paused run stays paused.
- **A failed run** stays failed, in the step that failed: a retry enters that step of the new version.
- **Exit rules, triggers and limits** are those of the new version at once. Nothing that happened before is looked at
  again, and no step is entered: steps added before its place are not run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final, cast

from statemachine.active_time import EXECUTION
from statemachine.beginning import RUN
from statemachine.cause import OperatorCause, Surroundings
from statemachine.decision import Decision
from statemachine.errors import MigrationRefused, StepFailed
from statemachine.frame import renamed, step_names, undo_renamed
from statemachine.gathering import begin_silence
from statemachine.listening import WAIT
from statemachine.run import Run
from statemachine.snapshot import Snapshot, Status
from statemachine.standstill import CONTINUE
from statemachine.step import PureStep, WaitingStep
from statemachine.step_result import Rest
from statemachine.steps.loop import body_kind
from statemachine.steps.parts import resolve
from statemachine.way_out import end_timers
from statemachine.workflow import Step, Workflow, fork_around, is_closed


class Fit(StrEnum):
    """How a run's place in one version fits into another."""

    UNCHANGED = "unchanged"
    MAPPED = "mapped"
    NEEDS_MAPPING = "needs_mapping"
    IMPOSSIBLE = "impossible"


MOVABLE: Final = frozenset({Fit.UNCHANGED, Fit.MAPPED})


@dataclass(frozen=True, slots=True)
class Route:
    """From one compiled version to another, by explicit `mapping` (old step id → new) on top of equal ids."""

    source: Workflow
    target: Workflow
    mapping: Mapping[str, str] = field(default_factory=dict)
    timers: str = "keep"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a run that stands in a step goes: `step` of the other version ("" when nothing is known).

    `reason` is a stable code when it cannot go: `step_removed` (needs mapping), `target_unknown`, `step_type_differs`,
    `wait_kind_differs`, `task_open`, `outcomes_differ`, `loops_differ`, `children_open`; and of single runs
    `history_full`, `variables_too_large` or the code with which the new step's timer could not be reckoned.
    """

    fit: Fit
    step: str = ""
    reason: str = ""
    message: str = ""


def place(route: Route, step_id: str, *, entering: bool = False) -> Placement:
    """Where a run goes that rests in `step_id` of the source; `entering`: that is only to enter it (anew)."""
    source = route.source.steps[step_id]
    wanted = route.mapping.get(step_id, step_id)
    target = route.target.steps.get(wanted)
    if target is None:
        return _nowhere(route, step_id, wanted)
    if fork_around(source, route.source.steps) or (source.runner.forks and not entering):
        message = (
            f"{source.id!r} belongs to children that run a part of version {route.source.version}: let them end first"
        )
        return Placement(Fit.IMPOSSIBLE, wanted, "children_open", message)
    reason, message = _loop_misfit(source, target, route)
    if not reason and not entering:
        reason, message = _misfit(source, target, route)
    if reason:
        return Placement(Fit.IMPOSSIBLE, wanted, reason, message)
    return Placement(Fit.UNCHANGED if wanted == step_id else Fit.MAPPED, wanted)


def _nowhere(route: Route, step_id: str, wanted: str) -> Placement:
    if step_id not in route.mapping:
        message = f"step {step_id!r} is not in version {route.target.version}: map it to a step there"
        return Placement(Fit.NEEDS_MAPPING, "", "step_removed", message)
    close = get_close_matches(wanted, route.target.steps, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    message = f"version {route.target.version} has no step {wanted!r}{hint}"
    return Placement(Fit.IMPOSSIBLE, wanted, "target_unknown", message)


def _loop_misfit(source: Step, target: Step, route: Route) -> tuple[str, str]:
    """As `_misfit`, when the run is in other loops there."""
    if not source.within and not target.within:
        return "", ""
    before = [(route.mapping.get(name, name), *kind) for name, *kind in _bodies(source, route.source)]
    after = [(name, *kind) for name, *kind in _bodies(target, route.target)]
    if before == after:
        return "", ""
    around = [", ".join(within) or "no body" for within in (source.within, target.within)]
    return (
        "loops_differ",
        f"{source.id!r} is in {around[0]} and {target.id!r} in {around[1]}, or in bodies of other kinds",
    )


def _bodies(step: Step, workflow: Workflow) -> Iterator[tuple[str, str, str]]:
    """(carrier, its kind, which body) of each body that a step stands in."""
    for name, body in zip(step.within, step.bodies, strict=True):
        yield name, body if is_closed(name) else body_kind(workflow.steps[name]), body


def _misfit(source: Step, target: Step, route: Route) -> tuple[str, str]:
    """A code and a sentence when a run that rests in one step cannot rest in the other."""
    if source.runner.effect:
        return _task_misfit(source, target)
    if source.type != target.type:
        message = f"{source.id!r} is a {source.type} step and {target.id!r} a {target.type} step"
        return "step_type_differs", message
    kinds = _wait_kind(source), _wait_kind(target)
    if route.timers == "keep" and kinds[0] != kinds[1]:
        message = f"{source.id!r} waits for {kinds[0]} and {target.id!r} for {kinds[1]}: reckon its timer anew"
        return "wait_kind_differs", message
    return "", ""


def _task_misfit(source: Step, target: Step) -> tuple[str, str]:
    if source.type != target.type:
        message = f"its task is open ({source.type}) and {target.id!r} is a {target.type} step: let it finish first"
        return "task_open", message
    unknown = sorted(set(source.runner.outcomes()) - set(target.runner.outcomes()))
    if unknown:
        return "outcomes_differ", f"the open task may answer {', '.join(unknown)}, which {target.id!r} does not know"
    return "", ""


def _wait_kind(step: Step) -> str:
    runner = step.runner
    timed = isinstance(runner, WaitingStep) and runner.timer_outcome() in runner.outcomes()
    if isinstance(runner, WaitingStep) and runner.quiet() is not None:
        return "a silence"
    if not step.cases:
        return "a time"
    what = "bursts of events" if isinstance(runner, WaitingStep) and runner.burst() is not None else "events"
    return f"{what} or a time-out" if timed else what


def placement_of(route: Route, snapshot: Snapshot) -> Placement:
    """`place` for one run that is live or has failed, with what only the run itself shows."""
    entering = CONTINUE in snapshot.deadlines or snapshot.status is Status.FAILED
    found = place(route, snapshot.step or "", entering=entering)
    if "outcome" in snapshot.gathered and found.fit in MOVABLE:
        target = route.target.steps[found.step]
        gathers = isinstance(target.runner, WaitingStep) and target.runner.burst() is not None
        if not gathers or snapshot.gathered["outcome"] not in target.runner.outcomes():
            message = (
                f"{snapshot.step!r} is gathering a burst, for which {found.step!r} has no way: let it finish first"
            )
            return Placement(Fit.IMPOSSIBLE, found.step, "wait_kind_differs", message)
    return found


def migrate(route: Route, snapshot: Snapshot, cause: OperatorCause, surroundings: Surroundings) -> Decision:
    """Move a run, live or failed, from the source to the target. `cause` is `op:migrate` with `migration_data`.

    Raises MigrationRefused, with the code of `Placement`, when the run does not fit; nothing changes then.
    """
    found = _require_movable(route, snapshot, cause.data["from_version"])
    run = Run(route.target, snapshot, _trimmed(cause, snapshot), surroundings)
    if run.history_full:
        raise MigrationRefused("history_full", f"the history of {snapshot.id} is full", step=snapshot.step)
    run.version = route.target.version
    run.step_id = found.step
    if snapshot.live:
        run.state = found.step
    _rename(run, route)
    try:
        _set_new_variables(run)
        until = _reckon_anew(run, route) if route.timers == "recompute" and snapshot.live else None
    except StepFailed as failure:
        raise MigrationRefused(failure.code, failure.message, step=snapshot.step) from failure
    metadata: dict[str, Any] = {
        "from_version": snapshot.version,
        "to_version": run.version,
        "status": run.status.value,
    }
    if found.step != snapshot.step:
        metadata["from_step"] = snapshot.step
    if until is not None:
        metadata["until"] = until.isoformat()
    if run.resting:
        run.note("migrated", step=found.step, step_type=run.step.type, metadata=metadata)
    else:
        run.note("migrated", metadata=metadata)
    return run.freeze()


def migration_data(route: Route) -> dict[str, Any]:
    """The data of an `op:migrate` cause."""
    return {
        "from_version": route.source.version,
        "to_version": route.target.version,
        "mapping": dict(route.mapping),
        "timers": route.timers,
    }


def route_of(source: Workflow, target: Workflow, data: Mapping[str, Any]) -> Route:
    """The route that a recorded `op:migrate` cause took."""
    return Route(source, target, data.get("mapping", {}), data.get("timers", "keep"))


def _require_movable(route: Route, snapshot: Snapshot, from_version: int) -> Placement:
    if snapshot.step is None or not (snapshot.live or snapshot.status is Status.FAILED):
        message = f"enrollment {snapshot.id} has ended ({snapshot.status})"
        raise MigrationRefused("not_live", message, step=snapshot.step)
    if snapshot.version != from_version:
        message = f"enrollment {snapshot.id} is on version {snapshot.version}, not {from_version}"
        raise MigrationRefused("other_version", message, step=snapshot.step)
    found = placement_of(route, snapshot)
    if found.fit not in MOVABLE:
        raise MigrationRefused(found.reason, found.message, step=snapshot.step)
    return found


def _trimmed(cause: OperatorCause, snapshot: Snapshot) -> OperatorCause:
    """The cause with only that part of the mapping that concerns the run: it is kept in every history."""
    names = {snapshot.step, snapshot.previous_step, *snapshot.outputs, *snapshot.step_starts, *snapshot.variants}
    names.update(*(step_names(frame) for frame in snapshot.frames), (undo.step for undo in snapshot.undos))
    mapping = {old: new for old, new in cause.data["mapping"].items() if old in names}
    return replace(cause, data={**cause.data, "mapping": mapping})


def _rename(run: Run, route: Route) -> None:
    """What mapped steps that are gone left behind goes under their new names."""
    if run.frames:
        run.frames = tuple(renamed(frame, route.mapping) for frame in run.frames)
    if run.undos:
        run.undos = tuple(undo_renamed(undo, route.mapping) for undo in run.undos)
    moved = {old: new for old, new in route.mapping.items() if old not in route.target.steps}
    if not moved:
        return
    if any(old in run.outputs for old in moved):
        run.replace_outputs(_renamed(run.outputs, moved))
    run.step_starts = _renamed(run.step_starts, moved)
    run.variants = _renamed(run.variants, moved)
    run.moments = _renamed(run.moments, moved)
    if run.previous_step is not None:
        run.previous_step = moved.get(run.previous_step, run.previous_step)


def _renamed(data: Mapping[str, Any], moved: Mapping[str, str]) -> dict[str, Any]:
    taken = data.keys() - moved.keys()
    return {moved[name] if moved.get(name, name) not in taken and name in moved else name: data[name] for name in data}


def _set_new_variables(run: Run) -> None:
    declared = run.workflow_version.variables
    if declared is not None:
        begun = resolve(declared, run.scope)
        run.set_variables({name: value for name, value in begun.items() if name not in run.variables})


def _reckon_anew(run: Run, route: Route) -> datetime | None:
    """Set the deadlines that the new version would have set; answers that of the wait, if there is one."""
    _move_run_deadline(run, route)
    if CONTINUE in run.deadlines or not isinstance(run.step.runner, WaitingStep):
        return None
    began = run.entered_at or run.now
    rest = _rest_as_of(run, began)
    if run.gathered:
        return None
    end_timers(run)
    if isinstance(rest, Rest):
        run.anchor_at, deadline = rest.anchor_at, rest.deadline
        if rest.silent_at is not None:
            begin_silence(run, rest.silent_at)
    else:
        run.anchor_at, deadline = None, began
    if deadline is not None:
        run.deadlines[WAIT] = deadline
    return deadline


def _rest_as_of(run: Run, began: datetime) -> Any:
    """What the new step says to a run that enters it at that instant."""
    present, run.now = run.now, began
    run.scope.now = began
    try:
        return cast(PureStep, run.step.runner).run(run)
    finally:
        run.now = run.scope.now = present


def _move_run_deadline(run: Run, route: Route) -> None:
    _move_active_time(run, route)
    before, after = route.source.limits.max_duration, route.target.limits.max_duration
    if after is None:
        run.deadlines.pop(RUN, None)
    elif before is not None and RUN in run.deadlines:
        run.deadlines[RUN] += after - before
    else:
        run.deadlines[RUN] = run.enrolled_at + after


def _move_active_time(run: Run, route: Route) -> None:
    before, after = route.source.limits.max_execution, route.target.limits.max_execution
    until = run.deadlines.pop(EXECUTION, None)
    if run.task is not None and after is not None:
        used = timedelta(0) if until is None or before is None else before - (until - run.now)
        run.deadlines[EXECUTION] = run.now + max(after - used, timedelta(0))
