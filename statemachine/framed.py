"""Where a run stands inside of bodies: the frames around its step, what is thrown and left through them, and undos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from statemachine.frame import (
    AnyFrame,
    Frame,
    Guard,
    Leaving,
    Thrown,
    Undo,
    Undoing,
    loop_names,
    undo_names,
    undoing_around,
)
from statemachine.snapshot import Snapshot
from statemachine.standing import Standing
from statemachine.workflow import ON_FAILURE, UNDO_BODY, UNDONE, Step, Workflow, undo_body


class Framed(Standing):
    """See the module. Every body of steps that the run is in has a frame, the outermost first (`frame.py`)."""

    __slots__ = ("_undoable_at_end", "workflow_version")

    def __init__(self, workflow: Workflow, before: Snapshot, now: datetime) -> None:
        super().__init__(before, now)
        self.workflow_version = workflow
        self._undoable_at_end: tuple[Undo, ...] | None = None

    @property
    def step(self) -> Step:
        return self.workflow_version.steps[self.step_id]

    @property
    def frame(self) -> AnyFrame | None:
        """That of the step itself, when it is under way."""
        return self.frames[-1] if self.frames and self.frames[-1].step == self.step_id else None

    def keep_frame(self, frame: AnyFrame | None) -> None:
        around = self.frames[: self._depth(self.step)]
        self.set_frames(around if frame is None else (*around, frame))

    def break_loop(self) -> None:
        loop = self._innermost(lambda frame: isinstance(frame, Frame))
        self._replace_frame(loop, replace(cast(Frame, self.frames[loop]), broken=True))

    def throw(self, guard_id: str, thrown: Thrown) -> None:
        """Give an error to what takes it: a guard, or (UNDONE) the step that undoes. What is inside of it goes with the
        error, for a retry."""
        depth = self._innermost(
            lambda frame: isinstance(frame, Undoing) if guard_id == UNDONE else frame.step == guard_id
        )
        inner = Thrown(thrown.error, (*self.frames[depth:], *thrown.frames))
        self._replace_frame(depth, replace(cast(Guard | Undoing, self.frames[depth]), thrown=inner))

    def depart(self, guard_id: str, leaving: Leaving) -> None:
        """Remember where to go on when the `finally` of this guard is done."""
        depth = self._innermost(lambda frame: frame.step == guard_id)
        self._replace_frame(depth, replace(cast(Guard, self.frames[depth]), pending=leaving))

    def restore(self, thrown: Thrown) -> None:
        """Stand again where an error happened that nothing took, unless the version has no such place."""
        step = self.workflow_version.steps.get(thrown.error.step)
        frames = (*self.frames, *thrown.frames)
        if step is not None and _fits(step, frames):
            self.step_id = step.id
            self.set_frames(frames)

    @property
    def failing(self) -> bool:
        """Whether the run has failed and does what `on_failure` says; children that run a body leave that to it."""
        return bool(self.frames) and self.frames[0].step == ON_FAILURE and not self.before.part

    def _depth(self, step: Step) -> int:
        """How many frames are around a step; those of an undo stand inside of the step that undoes."""
        if step.within and step.within[0].startswith(UNDO_BODY):
            return undoing_around(self.frames) + len(step.within) - 1
        return len(step.within)

    def _innermost(self, wanted: Callable[[AnyFrame], bool]) -> int:
        return next(depth for depth in range(len(self.frames) - 1, -1, -1) if wanted(self.frames[depth]))

    def _replace_frame(self, depth: int, frame: AnyFrame) -> None:
        self.set_frames((*self.frames[:depth], frame, *self.frames[depth + 1 :]))

    def drop_frames(self, step: Step) -> None:
        """Entering a step leaves every body that it is not part of; entering a loop from its body does not leave it."""
        depth = self._depth(step)
        inside = len(self.frames) > depth and self.frames[depth].step == step.id
        if len(self.frames) > depth + inside:
            self.set_frames(self.frames[: depth + inside])

    def set_frames(self, frames: tuple[AnyFrame, ...]) -> None:
        self.frames = frames

    @property
    def outputs_seen(self) -> Mapping[str, Any]:
        """The outputs; while a step is undone, its own is that of the visit which is undone."""
        undo = undo_names(self.frames) if self.undos else None
        return self.outputs if undo is None else {**self.outputs, undo["step"]: undo["output"]}

    def begin_undoable(self, undo: Undo) -> None:
        self.undos = (*self.undos, undo)

    def end_undoable(self, output: Any, *, done: bool) -> None:
        """This visit of the step is finished (`done`), or it has failed, which leaves nothing to undo."""
        own = ("", self.visit)
        kept = [undo for undo in self.undos if undo.name != own]
        mine = next((undo for undo in self.undos if undo.name == own), None)
        if mine is not None and done:
            kept.append(replace(mine, output=output, done=True))
        self.undos = tuple(kept)

    @property
    def undoable(self) -> tuple[Undo, ...]:
        """What can be undone, also when the run has ended by this cause and forgets it."""
        return self.undos if self._undoable_at_end is None else self._undoable_at_end

    def forget_undos(self, *, failed: bool) -> None:
        """The run has ended; when it failed, a retry may undo what is finished."""
        self._undoable_at_end = self.undos
        self.undos = tuple(undo for undo in self.undos if undo.done and failed)

    def next_undo(self) -> Undo | None:
        steps = self.workflow_version.steps
        ready = (undo for undo in reversed(self.undos) if undo.done and undo.step in steps and steps[undo.step].undo)
        return next(ready, None)

    def drop_undo(self, undo: Undo) -> None:
        self.undos = tuple(one for one in self.undos if one.name != undo.name)

    def loop_names(self) -> dict[str, Any] | None:
        """What `loop.…` leads to; None outside of loops."""
        return loop_names(self.frames, self.workflow_version.item_names) if self.frames else None


def _fits(step: Step, frames: Sequence[AnyFrame]) -> bool:
    """Whether these are the frames around a step, and perhaps its own."""
    inside = undoing_around(frames)
    names = [frame.step for frame in frames[inside:]]
    if inside:
        names.insert(0, undo_body(cast(Undoing, frames[inside - 1]).undo.step))
    return tuple(names[: len(step.within)]) == step.within
