"""try, fallback, error_handler and loops against Python's own try, except, finally and for, in any nesting."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statemachine.snapshot import Status
from tests.statemachine.checked_world import Simulation, compiled
from tests.statemachine.test_guards import HANDLER, bad, jump, mark

Data = dict[str, Any]


class _ExitError(Exception):
    pass


class _FarError(Exception):
    pass


class _BreakError(Exception):
    pass


class _ContinueError(Exception):
    pass


class _FailedError(Exception):
    pass


_LEAPS: dict[str, type[Exception]] = {
    "bad": _FailedError, "exit": _ExitError, "jump": _FarError, "break": _BreakError, "continue": _ContinueError
}  # fmt: skip


@st.composite
def lists(draw: st.DrawFn, depth: int = 0, looped: bool = False, final: bool = False) -> list[Any]:
    """Lists of (kind, …); in a `finally` nothing leads out."""
    leaps = ("mark",) if final else ("mark", "bad", "exit", "jump", *(("break", "continue") if looped else ()))
    kinds = ("mark", "mark", "bad", *leaps, *(("try", "try", "loop", "fallback", "handler") if depth < 3 else ()))
    made: list[Any] = []
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3)):
        inner = lists(depth + 1, looped, final)
        if kind == "try":
            shape = draw(st.sampled_from((("catch",), ("finally",), ("catch", "finally"))))
            made.append((
                kind, draw(inner), draw(inner) if "catch" in shape else None,
                draw(lists(depth + 1, False, True)) if "finally" in shape else None,
            ))  # fmt: skip
        elif kind == "loop":
            made.append((kind, draw(lists(depth + 1, True, final))))
        elif kind == "fallback":
            made.append((kind, [draw(inner) for _ in range(draw(st.integers(1, 3)))]))
        elif kind == "handler" and made:
            made.append((kind, draw(inner)))
        else:
            made.append(("mark",) if kind == "handler" else (kind,))
    return made


class _Writer:
    """The tree as steps, and what Python would do with it."""

    def __init__(self) -> None:
        self.count = 0
        self.seen: list[str] = []

    def steps(self, tree: list[Any]) -> list[Data]:
        return [self._step(*node) for node in tree]

    def _step(self, kind: str, *parts: Any) -> Data:
        self.count += 1
        name = f"{kind}{self.count}"
        if kind == "try":
            bodies = {"steps": parts[0], "catch": parts[1], "finally": parts[2]}
            return {"id": name, "type": "try", **{key: self.steps(body) for key, body in bodies.items() if body}}
        if kind == "loop":
            return {"id": name, "type": "count", "config": {"count": 2}, "body": self.steps(parts[0])}
        if kind == "fallback":
            return {"id": name, "type": "fallback", "steps": [self.steps(body) for body in parts[0]]}
        if kind == "handler":
            return {**HANDLER, "id": name, "steps": self.steps(parts[0])}
        if kind == "jump":
            return jump("far", name=name)
        return {"mark": mark(name), "bad": bad(name)}.get(kind, {"id": name, "type": kind})

    def play(self, steps: list[Data]) -> None:
        handlers = [number for number, step in enumerate(steps) if step["type"] == "error_handler"]
        number = 0
        while number < len(steps):
            step, number = steps[number], number + 1
            if step["type"] == "error_handler":
                continue
            try:
                self._play_one(step)
            except _FailedError:
                while True:
                    behind = [place for place in handlers if place >= number]
                    if not behind:
                        raise
                    number = behind[0] + 1
                    try:
                        self.play(steps[behind[0]]["steps"])
                        break
                    except _FailedError:
                        continue

    def _play_one(self, step: Data) -> None:
        kind = step["type"]
        if kind == "try":
            self._play_try(step)
        elif kind == "fallback":
            self._play_fallback(step["steps"])
        elif kind == "count":
            for _ in range(2):
                try:
                    self.play(step["body"])
                except _BreakError:
                    break
                except _ContinueError:
                    continue
        elif kind == "set_variable":
            self.seen.append(step["id"])
        else:
            raise _LEAPS[{"goto": "jump", "for_each": "bad"}.get(kind) or kind]

    def _play_try(self, step: Data) -> None:
        try:
            try:
                self.play(step["steps"])
            except _FailedError:
                if "catch" not in step:
                    raise
                self.play(step["catch"])
        finally:
            self.play(step.get("finally", []))

    def _play_fallback(self, alternatives: list[list[Data]]) -> None:
        for number, body in enumerate(alternatives, 1):
            try:
                self.play(body)
            except _FailedError:
                if number == len(alternatives):
                    raise
            else:
                break


def _expected(writer: _Writer, steps: list[Data]) -> tuple[Status, list[str]]:
    try:
        writer.play(steps)
    except _FailedError:
        return Status.FAILED, writer.seen
    except _ExitError:
        return Status.EXITED, writer.seen
    except _FarError:
        writer.seen.append("far")
    return Status.COMPLETED, writer.seen


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lists())
def test_the_same_is_done_in_the_same_order_as_python_would(tree: list[Any]) -> None:
    writer = _Writer()
    steps = writer.steps(tree)
    whole = [*steps, {"id": "over", "type": "end"}, mark("far")]
    simulation = Simulation(compiled(*whole, variables={"seen": ""}))
    simulation.trigger("go", data={"text": "no list"})
    status, seen = _expected(writer, steps)
    assert (simulation.run.status, simulation.run.variables["seen"].split()) == (status, seen)
    if status is Status.FAILED:
        step = simulation.records[simulation.last].workflow.steps[str(simulation.run.step)]
        assert step.within == tuple(frame.step for frame in simulation.run.frames)
    simulation.audit()
