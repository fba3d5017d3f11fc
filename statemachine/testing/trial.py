"""Running tests: each case in a world of its own, held against what it expects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from statemachine.errors import LimitExceeded
from statemachine.simulation.script import Script
from statemachine.simulation.simulate import Simulated, simulate
from statemachine.simulation.world import World
from statemachine.testing.case import Case
from statemachine.testing.check import check
from statemachine.testing.coverage import Coverage, coverage
from statemachine.testing.difference import Difference
from statemachine.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Trial:
    """A test that was run. `simulated` is None when it could not be."""

    case: Case
    differences: tuple[Difference, ...]
    simulated: Simulated | None = None

    @property
    def passed(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True)
class Trials:
    """All tests of one workflow."""

    workflow: Workflow
    trials: tuple[Trial, ...]
    coverage: Coverage

    @property
    def passed(self) -> bool:
        return all(trial.passed for trial in self.trials)


def run_tests(
    workflow: Workflow,
    cases: Iterable[Case],
    others: Mapping[str, Workflow] | None = None,
    *,
    max_transitions: int | None = None,
) -> Trials:
    """Run every case. `others` are workflows by the names under which cases ask for them. Pure and deterministic.

    Raises LimitExceeded when all cases together make more than `max_transitions`.
    """
    trials: list[Trial] = []
    worlds: list[World] = []
    for case in cases:
        trial = run_test(workflow, case, others or {})
        trials.append(trial)
        if trial.simulated is not None:
            worlds.append(trial.simulated.world)
        if max_transitions is not None and sum(world.transitions for world in worlds) > max_transitions:
            text = f"the tests make more than {max_transitions:,} transitions; run them with `statewright test`"
            raise LimitExceeded(text, [("tests", "fewer or shorter tests")], limit="transitions",
                                maximum=str(max_transitions))  # fmt: skip
    return Trials(workflow, tuple(trials), coverage(workflow, worlds))


def run_test(workflow: Workflow, case: Case, others: Mapping[str, Workflow]) -> Trial:
    missing = [name for name in case.workflows if name not in others]
    if missing:
        return Trial(case, tuple(_absent(case, name) for name in missing))
    script = script_of(workflow, case, [others[name] for name in case.workflows])
    unknown = _unknown_results(case, script)
    if unknown:
        return Trial(case, unknown)
    simulated = simulate(script)
    return Trial(case, check(case, workflow.key, simulated), simulated)


def script_of(workflow: Workflow, case: Case, others: Sequence[Workflow]) -> Script:
    return Script(
        workflows=(workflow, *others),
        acts=case.acts,
        contacts=case.cast.contacts,
        results=case.results,
        global_variables=case.global_variables,
        starts_at=case.starts_at,
        lasts=case.lasts,
    )


def _absent(case: Case, name: str) -> Difference:
    return Difference("workflows", name, None, f"workflows: {name!r} is not there or is not valid", case.place)


def _unknown_results(case: Case, script: Script) -> tuple[Difference, ...]:
    """Results for steps of other workflows can only be looked up here."""
    known = {(workflow.key, step_id) for workflow in script.workflows for step_id in workflow.steps}
    return tuple(
        Difference("results", None, f"{flow}/{step}", f"results: there is no step {step!r} in {flow!r}", case.place)
        for flow, step in case.results
        if (flow, step) not in known
    )
