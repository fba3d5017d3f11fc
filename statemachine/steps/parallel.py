"""Parallel branches: several lists of steps at once, each a child of the run, joined when enough of them are done."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from statemachine.errors import StepFailed
from statemachine.keys import Shape, about
from statemachine.kin import Brood, size_known
from statemachine.step import Build, Context, FamilyStep, StepConfig
from statemachine.step_result import Await, Child, Outcome, Result

DONE: Final = "done"
BRANCHES: Final = "branches"
RESERVED: Final = frozenset({DONE, "error", "end"})
"""What no branch may be called: an outcome, or a target."""
MAX_BRANCHES: Final = 100
MAX_BRANCHES_BYTES: Final = 64 * 1024 * 1024
"""What all branches together may begin with: each with all that the run knows."""

Policy = Literal["fail", "continue"]
JoinKind = Annotated[Literal["all", "any"] | Annotated[int, Field(ge=1, le=MAX_BRANCHES)], Shape("join")]


class ParallelConfig(StepConfig):
    branches: Annotated[Any, Shape("parallel_branches")] = about(
        "The branches: name → steps of it.",
        {"email": [{"id": "mail", "type": "send_email", "config": {"subject": "Hi", "body": "Hello"}}]},
    )
    join: JoinKind = about(
        "How many branches must be done before the run goes on: `all`, `any` of them, or a number.",
        "any",
        2,
        default="all",
    )
    on_branch_error: Policy = about(
        "What a failing branch does: `fail` the step and cancel the others, or let them `continue`.",
        "continue",
        default="fail",
    )


class Parallel(FamilyStep):
    """Go through several branches at once, and on when all of them (or any, or a number) are done.

    Outcomes: `done`; each branch is a way into its steps, taken by a child of the run."""

    name = "parallel"
    undoable = False
    forks = True
    Config = ParallelConfig

    def __init__(self, config: ParallelConfig, build: Build) -> None:
        self._names = tuple(name for name in build.branches() if name not in RESERVED)
        self._policy = config.on_branch_error
        if config.branches is not None:
            message = f"`branches` leads the name of each branch to a list of steps, not to {config.branches!r}"
            build.problem("bad_value", (BRANCHES,), message[:200])
        elif len(self._names) < 2:
            build.problem("missing_key", (BRANCHES,), "a parallel step needs at least two `branches: {name: [steps]}`")
        if len(self._names) > MAX_BRANCHES:
            build.problem("bad_value", (BRANCHES,), f"there are {len(self._names)} branches; at most {MAX_BRANCHES}")
        count = len(self._names)
        if isinstance(config.join, int) and config.join > count >= 2:
            build.problem(
                "bad_value", ("join",), f"`join: {config.join}` waits for more branches than there are ({count})"
            )
        self.needed = count if config.join == "all" else 1 if config.join == "any" else config.join

    @property
    def surely_all(self) -> bool:
        """Whether every branch has been gone through when the step is done."""
        return self.needed == len(self._names) and self._policy == "fail"

    def outcomes(self) -> tuple[str, ...]:
        return DONE, *self._names

    def bodies(self) -> tuple[str, ...]:
        return self._names

    def gives_output(self, outcome: str) -> bool:
        return outcome == DONE

    def output_parts(self) -> frozenset[str]:
        return frozenset(self._names)

    def run(self, context: Context) -> Result:
        each = size_known(context.scope, MAX_BRANCHES_BYTES)
        if each * len(self._names) > MAX_BRANCHES_BYTES:
            limit, knows = f"{MAX_BRANCHES_BYTES // 2**20} MiB", f"{each // 2**10} KiB"
            message = f"{len(self._names)} branches, each with all that the run knows ({knows}), are over {limit}"
            raise StepFailed("branches_too_large", message)
        return Await(tuple(Child(name, outcome=name) for name in self._names), Brood())

    def gather(self, context: Context, brood: Brood) -> Result:
        if brood.failed and self._policy == "fail":
            raise first_failure(brood)
        everybody = self.needed == len(self._names)
        enough = not brood.open if everybody else len(brood.results) >= self.needed
        if not enough and everybody:
            return Await((), brood)
        if not enough:
            if len(brood.results) + len(brood.open) < self.needed:
                wanted = f"{len(brood.results)} of {self.needed} branches were done when all the others had failed"
                raise StepFailed("join_failed", f"{wanted}: {first_failure(brood).message}")
            return Await((), brood)
        return Outcome(DONE, left_by(brood, self._names), metadata={"joined": list(brood.results)})


def first_failure(brood: Brood) -> StepFailed:
    failure = next(iter(brood.failed.values()))
    return StepFailed(failure["code"], failure["message"])


def left_by(brood: Brood, names: tuple[str, ...]) -> dict[str, Any]:
    """What the children left that have ended, in the order of `names`; of one that failed, its error."""
    found = {**brood.results, **{name: {"error": dict(error)} for name, error in brood.failed.items()}}
    return {name: found[name] for name in names if name in found}
