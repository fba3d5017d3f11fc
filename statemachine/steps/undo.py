"""The step that undoes others: each finished step that says how, in reverse order, once."""

from __future__ import annotations

from typing import Final

from statemachine.errors import ErrorPassedOn
from statemachine.frame import Undoing
from statemachine.step import Build, Context, PureStep, StepConfig
from statemachine.step_result import Outcome, Result
from statemachine.workflow import undo_body

DONE: Final = "done"


class CompensateConfig(StepConfig):
    pass


class Compensate(PureStep):
    """Undo finished steps in reverse order.

    Outcome `done`; fails as the steps of an undo did, which is then tried again by a retry or the next such step."""

    name = "compensate"
    Config = CompensateConfig
    undoes = True
    undoable = False

    def __init__(self, config: CompensateConfig, build: Build) -> None:
        pass

    def output_parts(self) -> frozenset[str]:
        return frozenset({"undone"})

    def run(self, context: Context) -> Result:
        before, count = context.frame, 0
        if isinstance(before, Undoing):
            if before.thrown is not None:
                context.keep_frame(None)
                raise ErrorPassedOn(before.thrown)
            context.drop_undo(before.undo)
            count = before.count + 1
        undo = context.next_undo()
        if undo is None:
            context.keep_frame(None)
            return Outcome(DONE, {"undone": count})
        context.keep_frame(Undoing(context.step_id, undo, count))
        return Outcome("undo", metadata={"undoes": undo.step, "visit": undo.visit}, way=undo_body(undo.step))
