"""Frames: where a run stands in the loops around its step. Plain data, part of the snapshot.

A run has one frame for each loop whose body it is in, the outermost first. What stands in which body is known from the
definition (`Step.within`), so that leaving a body by any way (a `goto`, an error) drops the frames it leaves behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from statemachine.record import record


@record
class Frame:
    """One loop under way. `index` counts its rounds from 0.

    `items` are those of a for_each loop, as they were when it began; `rounds` says how many a count loop makes.
    `broken`: no further round begins.
    """

    loop: str
    index: int = 0
    items: tuple[Any, ...] | None = None
    rounds: int | None = None
    broken: bool = False


def loop_names(frames: Sequence[Frame], item_names: Mapping[str, str]) -> dict[str, Any] | None:
    """What `loop.…` leads to; None outside of loops. `item_names`: loop → what its author calls the item."""
    names: dict[str, Any] | None = None
    called: dict[str, Any] = {}
    for frame in frames:
        own: dict[str, Any] = {"index": frame.index}
        if frame.items is not None and frame.index < len(frame.items):
            own["item"] = frame.items[frame.index]
            if frame.loop in item_names:
                called[item_names[frame.loop]] = own["item"]
        names = {**called, **own} if names is None else {**called, **own, "parent": names}
    return names


def frame_to_data(frame: Frame) -> dict[str, Any]:
    """JSON-ready; what is at its default is left out."""
    data: dict[str, Any] = {"loop": frame.loop, "index": frame.index}
    if frame.items is not None:
        data["items"] = list(frame.items)
    if frame.rounds is not None:
        data["rounds"] = frame.rounds
    if frame.broken:
        data["broken"] = True
    return data


def frames_from_data(data: Iterable[Mapping[str, Any]]) -> tuple[Frame, ...]:
    return tuple(
        Frame(
            one["loop"],
            one["index"],
            tuple(one["items"]) if "items" in one else None,
            one.get("rounds"),
            one.get("broken", False),
        )
        for one in data
    )
