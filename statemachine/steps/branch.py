"""The condition step: which way to go, decided by what is true now.

A condition never raises: what cannot be evaluated is false.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import ConfigDict

from statemachine.keys import AnyCondition, about
from statemachine.path import Path
from statemachine.step import Build, Context, PureStep, StepConfig
from statemachine.step_result import Outcome, Result
from statemachine.steps.parts import Parts

if TYPE_CHECKING:
    from statemachine.condition import Condition

DEFAULT: Final = "default"
_NO_CONDITION: Final = "a condition step needs a condition: `field` + `operator`, `conditions`, `expression` or `cases`"


class CaseConfig(StepConfig):
    """One way out: `when` (or `conditions`) in any condition form; `next` names a step."""

    id: str | None = about("The outcome's name. Default: case_1, case_2, …", "pro")
    name: str | None = about("What people call the case.", "Paying customers")
    when: AnyCondition = about("What must hold.", {"field": "plan", "operator": "in", "value": ["pro", "team"]})
    conditions: AnyCondition = about(
        "Another name for `when`, with `operator` for more than one.", ["contact.score > 50"]
    )
    operator: str | None = about("How `conditions` are combined: AND, OR or NOT.", "OR")
    default: bool = about("`true`: this is the way when no other case holds.", True, default=False)
    next: str | None = about("The step that the case leads to.", "call")


class BranchConfig(StepConfig):
    """Cases, or the keys of one condition in any form: those are left for the condition parser to judge."""

    model_config = ConfigDict(extra="allow", frozen=True)

    cases: list[CaseConfig] | None = about(
        "Several ways out; the first that holds wins.", [{"id": "pro", "when": "contact.plan == 'pro'", "next": "call"}]
    )
    branches: list[CaseConfig] | None = about("Another name for `cases`.", [{"id": "a", "conditions": ["score > 1"]}])
    default: str | None = about("With `cases`: the step to go to when none holds.", "end")
    condition: AnyCondition = about("The condition, in any form.", "contact.score > 50")


@dataclass(frozen=True, slots=True)
class _Case:
    outcome: str
    condition: Condition | None
    target: str | None


class Branch(PureStep):
    """Choose a way by what is true now.

    Outcomes `true` and `false`, or the ids of the cases and `default`; the first case that holds wins."""

    name = "condition"
    aliases: ClassVar[tuple[str, ...]] = ("if", "conditional", "switch")
    Config = BranchConfig
    undoable = False
    silent = True
    free_form: ClassVar[tuple[str, ...]] = ("value", "right")

    def __init__(self, config: BranchConfig, build: Build) -> None:
        parts = Parts(build)
        self._targets: dict[str, str] = {}
        self._otherwise = DEFAULT
        self._cases: tuple[_Case, ...]
        key = "cases" if config.cases is not None else "branches"
        entries = config.cases if config.cases is not None else config.branches
        if entries is None:
            self._cases = self._two_ways(config, parts, build)
            self._otherwise = "false"
        else:
            self._cases = self._many_ways(key, entries, parts, build)
            if config.default is not None:
                self._targets[self._otherwise] = config.default
            _refuse_mixture(config, key, build)
        self._conditions = tuple((case.outcome, case.condition) for case in self._cases if case.condition is not None)
        self.reads = parts.reads

    def outcomes(self) -> tuple[str, ...]:
        names = tuple(case.outcome for case in self._cases)
        return (*names, self._otherwise) if self._otherwise == "false" else (self._otherwise, *names)

    def targets(self) -> Mapping[str, str]:
        return self._targets

    def conditions(self) -> tuple[tuple[str, Condition], ...]:
        """(outcome, condition) in the order they are tried, for explanations."""
        return self._conditions

    def run(self, context: Context) -> Result:
        scope = context.scope
        for case in self._cases:
            if case.condition is not None and case.condition.test(scope):
                return Outcome(case.outcome)
        return Outcome(self._otherwise)

    def _two_ways(self, config: BranchConfig, parts: Parts, build: Build) -> tuple[_Case, ...]:
        if config.default is not None:
            build.problem("conflicting_keys", ("default",), "`default` belongs to `cases`; use `branches: {false: …}`")
        path, raw = _condition_of(config)
        if raw is None:
            build.problem("no_condition", (), _NO_CONDITION)
            return (_Case("true", None, None),)
        return (_Case("true", parts.condition(path, raw), None),)

    def _many_ways(self, key: str, entries: list[CaseConfig], parts: Parts, build: Build) -> tuple[_Case, ...]:
        cases: list[_Case] = []
        seen: set[str] = set()
        if not entries:
            build.problem("no_condition", (key,), f"`{key}` is empty; {_NO_CONDITION}")
        for index, entry in enumerate(entries):
            outcome = entry.id or (DEFAULT if entry.default else f"case_{index + 1}")
            if outcome in seen:
                build.problem("duplicate_id", (key, index, "id"), f"the case id {outcome!r} is used by an earlier case")
            elif outcome == "error":
                build.problem("reserved_id", (key, index, "id"), "`error` is where failures go; choose another case id")
            seen.add(outcome)
            if entry.next is not None:
                self._targets[outcome] = entry.next
            if entry.default:
                self._otherwise = outcome
            else:
                cases.append(_Case(outcome, _case_condition((key, index), entry, parts, build), entry.next))
        return tuple(cases)


def _condition_of(config: BranchConfig) -> tuple[Path, Any]:
    """Where the one condition of a config is, and its text or tree; None when there is none."""
    own = dict(config.model_extra or {})
    if config.condition is not None and not own:
        return ("condition",), config.condition
    if config.condition is not None:
        own["condition"] = config.condition
    if set(own) == {"conditions"}:
        return ("conditions",), own["conditions"] or None
    return (), own or None


def _case_condition(path: Path, entry: CaseConfig, parts: Parts, build: Build) -> Condition | None:
    if entry.when is not None and entry.conditions is not None:
        build.problem("conflicting_keys", (*path, "conditions"), "a case has `when` or `conditions`, not both")
    if entry.when is not None:
        return parts.condition((*path, "when"), entry.when)
    if not entry.conditions:
        build.problem("no_condition", path, "a case needs `when` (or `default: true`)")
        return None
    if entry.operator is not None:
        return parts.condition(path, {"operator": entry.operator, "conditions": entry.conditions})
    return parts.condition((*path, "conditions"), entry.conditions)


def _refuse_mixture(config: BranchConfig, key: str, build: Build) -> None:
    extra = dict(config.model_extra or {})
    if config.condition is not None:
        extra["condition"] = config.condition
    if config.cases is not None and config.branches is not None:
        extra["branches"] = config.branches
    for name in extra:
        build.problem("conflicting_keys", (name,), f"`{name}` does not go together with `{key}`")
