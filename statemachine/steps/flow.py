"""Steps that only steer the run: goto, exit, end, pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from statemachine.keys import REQUIRED, Template, about
from statemachine.step import Build, Context, PureStep, StepConfig
from statemachine.step_result import End, Outcome, Result
from statemachine.steps.parts import Parts, resolve
from statemachine.values import text


class GotoConfig(StepConfig):
    to: str = about("The id of the step to go on at, or `end`.", "remind", default=REQUIRED)


class Goto(PureStep):
    """Go on at another step."""

    name = "goto"
    Config = GotoConfig
    undoable = False
    silent = True
    can_fail = False

    def __init__(self, config: GotoConfig, build: Build) -> None:
        self._to = config.to

    def targets(self) -> Mapping[str, str]:
        return {"done": self._to}

    def run(self, context: Context) -> Result:
        return Outcome("done")


class ExitConfig(StepConfig):
    reason: Template = about("The run's exit reason.", "not interested")


class Exit(PureStep):
    """Leave the workflow: status exited, with the given reason."""

    name = "exit"
    Config = ExitConfig
    undoable = False
    silent = True

    def __init__(self, config: ExitConfig, build: Build) -> None:
        parts = Parts(build)
        self._reason = parts.optional(("reason",), config.reason)
        self.reads = parts.reads

    def outcomes(self) -> tuple[str, ...]:
        return ()

    def run(self, context: Context) -> Result:
        return End("exited", text(resolve(self._reason, context.scope)) or None)


class EndConfig(StepConfig):
    pass


class Complete(PureStep):
    """Complete the run here."""

    name = "end"
    Config = EndConfig
    undoable = False
    silent = True
    can_fail = False

    def __init__(self, config: EndConfig, build: Build) -> None:
        pass

    def outcomes(self) -> tuple[str, ...]:
        return ()

    def run(self, context: Context) -> Result:
        return End("completed")


class PassConfig(StepConfig):
    note: str | None = about("A note for people.", "From here on everybody gets the offer.")
    text: str | None = about("Another name for `note`.", "From here on everybody gets the offer.")


class Pass(PureStep):
    """Do nothing; a place for a note or a name to jump to."""

    name = "pass"
    aliases: ClassVar[tuple[str, ...]] = ("noop", "note")
    Config = PassConfig
    undoable = False
    silent = True
    can_fail = False

    def __init__(self, config: PassConfig, build: Build) -> None:
        pass

    def run(self, context: Context) -> Result:
        return Outcome("done")
