"""Steps that take the errors of other steps: try, fallback, error_handler.

A `try` and a `fallback` are entered again when one of their bodies is left, as a loop is: by its end, by an error of
one of its steps, or by a way that leads out past `finally`. What became of the body is written in the guard of the run
(`frame.py`) by then; which error leads to which step is found out when the workflow is compiled (`nesting.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from statemachine.errors import ErrorPassedOn
from statemachine.frame import Guard, Thrown
from statemachine.keys import Shape, about
from statemachine.step import Build, Context, PureStep, StepConfig
from statemachine.step_result import Outcome, Result

DONE: Final = "done"
STEPS: Final = "steps"
CATCH: Final = "catch"
FINALLY: Final = "finally"


class TryConfig(StepConfig):
    steps: Annotated[Any, Shape("body")] = about(
        "The steps to try.", [{"id": "charge", "type": "task", "config": {"queue": "charges"}}]
    )
    catch: Annotated[Any, Shape("body")] = about(
        "What to do when one of them fails for good.",
        [{"id": "sorry", "type": "send_sms", "config": {"body": "Sorry"}}],
    )
    finally_: Annotated[Any, Shape("body")] = about(
        "What to do in any case, at the end.", [{"id": "free", "type": "remove_tag", "config": {"tag": "busy"}}],
        alias="finally",
    )  # fmt: skip


class Try(PureStep):
    """Do some steps; when one of them fails for good, do others; and do yet others in any case.

    Outcomes `steps`, `catch` and `finally` (its bodies) and `done`; fails as a step of a body did that nothing took."""

    name = "try"
    Config = TryConfig
    undoable = False
    silent = True
    guards = True
    needs_body = STEPS

    def __init__(self, config: TryConfig, build: Build) -> None:
        known = build.branches()
        self._catches, self._finishes = CATCH in known, FINALLY in known
        if STEPS in known and not self._catches and not self._finishes:
            build.problem("missing_key", (CATCH,), "a try without `catch` and `finally` changes nothing: add one")

    def outcomes(self) -> tuple[str, ...]:
        return DONE, *self.bodies()

    def bodies(self) -> tuple[str, ...]:
        return STEPS, *([CATCH] if self._catches else []), *([FINALLY] if self._finishes else [])

    def after(self, body: str, *, failed: bool = False) -> str | None:
        if failed and body == STEPS and self._catches:
            return CATCH
        if self._finishes and body != FINALLY:
            return FINALLY
        return None if failed else DONE

    def run(self, context: Context) -> Result:
        guard = context.frame
        if not isinstance(guard, Guard):
            return self._do(STEPS, Guard(context.step_id, STEPS), context)
        thrown = guard.thrown
        onward = self.after(guard.body, failed=thrown is not None)
        if onward == CATCH and thrown is not None:
            return self._do(CATCH, Guard(guard.step, CATCH, caught=thrown.error), context)
        if onward == FINALLY:
            caught = guard.caught if thrown is None else thrown.error
            pending = guard.pending if thrown is None else thrown
            return self._do(FINALLY, Guard(guard.step, FINALLY, caught=caught, pending=pending), context)
        context.keep_frame(None)
        pending = thrown or guard.pending
        if isinstance(pending, Thrown):
            raise ErrorPassedOn(pending)
        return Outcome(DONE) if pending is None else pending

    def _do(self, body: str, guard: Guard, context: Context) -> Outcome:
        context.keep_frame(guard)
        return Outcome(body)


class FallbackConfig(StepConfig):
    steps: Annotated[Any, Shape("alternatives")] = about(
        "The alternatives, each a step or a list of steps: tried in order until one succeeds.",
        [{"id": "sms", "type": "send_sms", "config": {"body": "Hi"}}, {"id": "call", "type": "task"}],
    )


class Fallback(PureStep):
    """Try alternatives in order until one succeeds.

    Outcomes `1`, `2`, … (its alternatives) and `done`; fails as the last alternative did."""

    name = "fallback"
    Config = FallbackConfig
    undoable = False
    guards = True
    needs_body = "1"

    def __init__(self, config: FallbackConfig, build: Build) -> None:
        numbers = {int(name) for name in build.branches() if name.isdecimal() and name.isascii()}
        self._count = next(number for number in range(len(numbers) + 1) if number + 1 not in numbers)

    def outcomes(self) -> tuple[str, ...]:
        return DONE, *self.bodies()

    def bodies(self) -> tuple[str, ...]:
        return tuple(str(number) for number in range(1, self._count + 1))

    def after(self, body: str, *, failed: bool = False) -> str | None:
        if not failed:
            return DONE
        following = int(body) + 1
        return str(following) if following <= self._count else None

    def gives_output(self, outcome: str) -> bool:
        return outcome == DONE

    def output_parts(self) -> frozenset[str]:
        return frozenset({"alternative", "failed"})

    def run(self, context: Context) -> Result:
        guard = context.frame
        if not isinstance(guard, Guard) or guard.body not in self.bodies():
            context.keep_frame(Guard(context.step_id, "1"))
            return Outcome("1")
        if guard.thrown is None:
            context.keep_frame(None)
            number = int(guard.body)
            return Outcome(DONE, {"alternative": number, "failed": number - 1})
        onward = self.after(guard.body, failed=True)
        if onward is None:
            context.keep_frame(None)
            raise ErrorPassedOn(guard.thrown)
        context.keep_frame(replace(guard, body=onward, caught=guard.thrown.error, thrown=None))
        return Outcome(onward)


class HandlerConfig(StepConfig):
    scope: Literal["list", "named"] = about(
        "`list`: takes the errors of earlier steps of its list; `named`: of steps whose `on_error` names it.",
        "named",
        default="list",
    )
    steps: Annotated[Any, Shape("body")] = about(
        "What to do when it is entered, as ids of steps or as steps written in place.", ["tell"]
    )


class ErrorHandler(PureStep):
    """Take the errors of the earlier steps of a list; passed by when there are none."""

    name = "error_handler"
    Config = HandlerConfig
    undoable = False
    silent = True
    can_fail = False

    def __init__(self, config: HandlerConfig, build: Build) -> None:
        pass

    def run(self, context: Context) -> Result:
        return Outcome(DONE)
