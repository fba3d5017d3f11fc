"""Frames: where a run stands in the steps around its step. Plain data, part of the snapshot.

A run has one frame for each step in whose body it is, the outermost first: a `Frame` for a loop, a `Guard` for a step
that takes the errors of its bodies (`try`, `fallback`, and `on_failure`), an `Undoing` for one that undoes others. What
stands in which body is known from the definition (`Step.within`), so that leaving a body by any way (a `goto`, an
error) drops the frames it leaves behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias, cast

from statemachine.failure import LastError, last_error_from_data, last_error_to_data
from statemachine.limits import MAX_UNDOS, MAX_UNDOS_BYTES, larger_than
from statemachine.record import record


@record
class Frame:
    """One loop under way. `index` counts its rounds from 0.

    `items` are those of a for_each loop, as they were when it began; `rounds` says how many a count loop makes.
    `broken`: no further round begins. A round that is a run of its own has but its own item: `first` is the index of
    the first of `items`.
    """

    step: str
    index: int = 0
    items: tuple[Any, ...] | None = None
    rounds: int | None = None
    broken: bool = False
    first: int = 0


@record
class Thrown:
    """An error on its way outward. `frames` are those in which it happened, from the guard that has it inwards: what
    a retry goes on with."""

    error: LastError
    frames: tuple[AnyFrame, ...] = ()


@record
class Leaving:
    """Where a run goes on that leaves a `try` other than by its end, once `finally` is done: at the step `to` (or
    `end`), or out of the workflow with a status and a reason."""

    to: str = ""
    status: str = ""
    reason: str | None = None


@record
class Guard:
    """One `try` or `fallback` under way; `body` is the outcome that led into the body it is in.

    `caught` is the error that its bodies deal with. `thrown` is one that has just left a body. `pending` is what goes
    on when `finally` is done.
    """

    step: str
    body: str
    caught: LastError | None = None
    thrown: Thrown | None = None
    pending: Thrown | Leaving | None = None


@record
class Undo:
    """A step that can be undone: which visit of it, with what input and output. `done`: it is finished.

    `run` is the id of the branch or round whose step it was, "" for a step of the run itself.
    """

    step: str
    visit: int
    input: Any = None
    output: Any = None
    done: bool = False
    run: str = ""

    @property
    def name(self) -> tuple[str, int]:
        """What tells it from all others that a run knows."""
        return self.run, self.visit


TOO_MANY_UNDOS: Final = (
    f"more could have to be undone than is kept: {MAX_UNDOS} steps or {MAX_UNDOS_BYTES // 1024} KiB of input and output"
)


def too_many_undos(undos: Sequence[Undo]) -> bool:
    """Whether no further step may begin that would have to be kept with these."""
    return len(undos) >= MAX_UNDOS or larger_than([undo_to_data(undo) for undo in undos], MAX_UNDOS_BYTES)


@record
class Undoing:
    """One `compensate` step under way, which undoes `undo`; `count` are undone before. The steps of the undo stand in
    it, as if in its body."""

    step: str
    undo: Undo
    count: int = 0
    thrown: Thrown | None = None


AnyFrame: TypeAlias = Frame | Guard | Undoing


def loop_names(frames: Sequence[AnyFrame], item_names: Mapping[str, str]) -> dict[str, Any] | None:
    """What `loop.…` leads to; None outside of loops. `item_names`: loop → what its author calls the item."""
    names: dict[str, Any] | None = None
    called: dict[str, Any] = {}
    for frame in frames:
        if not isinstance(frame, Frame):
            continue
        own: dict[str, Any] = {"index": frame.index}
        place = frame.index - frame.first
        if frame.items is not None and place < len(frame.items):
            own["item"] = frame.items[place]
            if frame.step in item_names:
                called[item_names[frame.step]] = own["item"]
        names = {**called, **own} if names is None else {**called, **own, "parent": names}
    return names


def undoing_around(frames: Sequence[AnyFrame]) -> int:
    """How many frames there are up to the undo under way, itself included; 0 outside of undos."""
    found = (depth for depth in range(len(frames), 0, -1) if isinstance(frames[depth - 1], Undoing))
    return next(found, 0)


def undo_names(frames: Sequence[AnyFrame]) -> dict[str, Any] | None:
    """What `undo.…` leads to; None outside of undos."""
    depth = undoing_around(frames)
    undo = cast(Undoing, frames[depth - 1]).undo if depth else None
    return None if undo is None else {"step": undo.step, "input": undo.input, "output": undo.output}


def caught_around(frames: Sequence[AnyFrame]) -> LastError | None:
    """The error with which the innermost guard deals."""
    return next((frame.caught for frame in reversed(frames) if isinstance(frame, Guard) and frame.caught), None)


def step_names(frame: AnyFrame) -> Iterator[str]:
    """The ids of steps that a frame speaks of."""
    yield frame.step
    if isinstance(frame, Frame):
        return
    if isinstance(frame, Undoing):
        yield frame.undo.step
    elif isinstance(frame.pending, Leaving):
        yield frame.pending.to
    for thrown in (frame.thrown, frame.pending if isinstance(frame, Guard) else None):
        if isinstance(thrown, Thrown):
            yield thrown.error.step
            for inner in thrown.frames:
                yield from step_names(inner)


def renamed(frame: AnyFrame, names: Mapping[str, str]) -> AnyFrame:
    """The same place where steps have other ids."""
    step = names.get(frame.step, frame.step)
    if isinstance(frame, Frame):
        return replace(frame, step=step)
    if isinstance(frame, Undoing):
        inner = None if frame.thrown is None else _thrown_renamed(frame.thrown, names)
        return replace(frame, step=step, undo=undo_renamed(frame.undo, names), thrown=inner)
    pending = frame.pending
    if isinstance(pending, Leaving):
        pending = replace(pending, to=names.get(pending.to, pending.to))
    elif pending is not None:
        pending = _thrown_renamed(pending, names)
    thrown = None if frame.thrown is None else _thrown_renamed(frame.thrown, names)
    return replace(frame, step=step, thrown=thrown, pending=pending)


def undo_renamed(undo: Undo, names: Mapping[str, str]) -> Undo:
    return replace(undo, step=names.get(undo.step, undo.step))


def _thrown_renamed(thrown: Thrown, names: Mapping[str, str]) -> Thrown:
    error = replace(thrown.error, step=names.get(thrown.error.step, thrown.error.step))
    return Thrown(error, tuple(renamed(frame, names) for frame in thrown.frames))


def frame_to_data(frame: AnyFrame) -> dict[str, Any]:
    """JSON-ready; what is at its default is left out."""
    if isinstance(frame, Guard):
        return _guard_to_data(frame)
    if isinstance(frame, Undoing):
        thrown = {} if frame.thrown is None else {"thrown": _thrown_to_data(frame.thrown)}
        return {"undoing": frame.step, "undo": undo_to_data(frame.undo), "count": frame.count, **thrown}
    data: dict[str, Any] = {"loop": frame.step, "index": frame.index}
    if frame.items is not None:
        data["items"] = list(frame.items)
    if frame.rounds is not None:
        data["rounds"] = frame.rounds
    if frame.broken:
        data["broken"] = True
    if frame.first:
        data["first"] = frame.first
    return data


def _guard_to_data(guard: Guard) -> dict[str, Any]:
    data: dict[str, Any] = {"guard": guard.step, "body": guard.body}
    if guard.caught is not None:
        data["caught"] = last_error_to_data(guard.caught)
    if guard.thrown is not None:
        data["thrown"] = _thrown_to_data(guard.thrown)
    if isinstance(guard.pending, Thrown):
        data["pending"] = _thrown_to_data(guard.pending)
    elif guard.pending is not None:
        values = {"to": guard.pending.to, "status": guard.pending.status, "reason": guard.pending.reason}
        data["leaving"] = {name: value for name, value in values.items() if value}
    return data


def _thrown_to_data(thrown: Thrown) -> dict[str, Any]:
    return {"error": last_error_to_data(thrown.error), "frames": [frame_to_data(frame) for frame in thrown.frames]}


def frames_from_data(data: Iterable[Mapping[str, Any]]) -> tuple[AnyFrame, ...]:
    return tuple(_guard(one) if "guard" in one else _undoing(one) if "undoing" in one else _loop(one) for one in data)


def _loop(data: Mapping[str, Any]) -> Frame:
    items = tuple(data["items"]) if "items" in data else None
    return Frame(
        data["loop"], data["index"], items, data.get("rounds"), data.get("broken", False), data.get("first", 0)
    )


def undo_to_data(undo: Undo) -> dict[str, Any]:
    data: dict[str, Any] = {"step": undo.step, "visit": undo.visit}
    if undo.input is not None:
        data["input"] = undo.input
    if undo.output is not None:
        data["output"] = undo.output
    if undo.done:
        data["done"] = True
    if undo.run:
        data["run"] = undo.run
    return data


def undo_from_data(data: Mapping[str, Any]) -> Undo:
    return Undo(
        data["step"], data["visit"], data.get("input"), data.get("output"), data.get("done", False), data.get("run", "")
    )


def _undoing(data: Mapping[str, Any]) -> Undoing:
    return Undoing(data["undoing"], undo_from_data(data["undo"]), data["count"], _thrown(data.get("thrown")))


def _guard(data: Mapping[str, Any]) -> Guard:
    pending: Thrown | Leaving | None = _thrown(data.get("pending"))
    if "leaving" in data:
        pending = Leaving(**data["leaving"])
    caught = data.get("caught")
    return Guard(
        data["guard"],
        data["body"],
        None if caught is None else last_error_from_data(caught),
        _thrown(data.get("thrown")),
        pending,
    )


def _thrown(data: Mapping[str, Any] | None) -> Thrown | None:
    return None if data is None else Thrown(last_error_from_data(data["error"]), frames_from_data(data["frames"]))
