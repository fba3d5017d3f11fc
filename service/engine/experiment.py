"""The result of an experiment: what became of those who were given each variant, and whether it is chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from service.engine.catalog import Catalog
from service.engine.significance import MISMATCH, Comparison, Interval, Sample, compare, interval_of, shares_kept
from service.engine.splitting import find_split
from service.storage.database import Transaction
from service.storage.experiment_queries import Entered, GoalEvent, Outcome, any_event, count_outcome
from service.storage.funnel_queries import Cohort
from service.storage.split_weights import Setting, settings_of
from service.storage.workflow_queries import find_version
from statemachine.errors import InvalidInput
from statemachine.names import canonical_event
from statemachine.shares import WHOLE, Shares
from statemachine.steps.split import HOLDOUT, Split
from statemachine.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Question:
    """`cohort.version` is the version whose split it is, `step` "" its only one. `goal` "" is any goal; with a
    `goal_event`, such events are counted instead."""

    cohort: Cohort
    step: str = ""
    goal: str = ""
    goal_event: str = ""
    within: timedelta | None = None
    control: str = ""
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Variant:
    """`comparison` is None for the control, `share` in basis points."""

    label: str
    share: int
    sample: Sample
    interval: Interval
    goals: Mapping[str, int]
    comparison: Comparison | None
    significant: bool
    removed: bool


@dataclass(frozen=True, slots=True)
class Result:
    version: int
    step: str
    variants: Sequence[Variant]
    shares_p_value: float | None
    warnings: Sequence[str] = field(default_factory=tuple)


def ask_experiment(transaction: Transaction, catalog: Catalog, question: Question) -> Result:
    """Raises NotFound, or InvalidInput for what there is not: the step, the goal, the event, the control."""
    cohort = question.cohort
    _, stored = find_version(transaction, cohort.tenant, cohort.workflow, cohort.version)
    workflow = catalog.version(transaction, cohort.tenant, cohort.workflow, stored.version)
    step, split = find_split(workflow, question.step)
    shares = _shares(catalog, cohort, workflow, step, split)
    settings = settings_of(transaction, cohort.tenant, cohort.workflow, step)
    event = _goal_event(transaction, question)
    outcome = count_outcome(transaction, cohort, step, event, weighted=bool(settings))
    entered, goals = outcome.entered, outcome.goals
    labels = list(dict.fromkeys([*shares, *sorted({one.label for one in entered})]))
    control = _control(question.control, labels)
    converted = _converted(question, workflow, outcome)
    counts = Counter[str]()
    for one in entered:
        counts[one.label] += one.count
    samples = {label: Sample(converted.get(label, 0), counts[label]) for label in labels}
    variants = [
        _variant(label, samples, shares, goals.get(label, {}), control, question.confidence) for label in labels
    ]
    whole = cohort.started_from is None and cohort.started_before is None
    p_value = _shares_p_value(transaction, catalog, cohort, step, entered, settings) if whole and entered else None
    warnings = _warnings(question, workflow, variants, p_value)
    return Result(stored.version, step, variants, p_value, warnings)


def _shares(catalog: Catalog, cohort: Cohort, workflow: Workflow, step: str, split: Split) -> Shares:
    found = catalog.directory.shares_in(cohort.tenant).get(cohort.workflow, {}).get(workflow.version, {}).get(step)
    return found.shares if found else split.shares


def _control(wanted: str, labels: Sequence[str]) -> str:
    if wanted and wanted not in labels:
        wish = f"a variant: {', '.join(labels)}"
        raise InvalidInput(f"control: {wish}", [("control", wish)])
    return wanted or ("control" if "control" in labels else labels[0])


def _goal_event(transaction: Transaction, question: Question) -> GoalEvent | None:
    if not question.goal_event:
        return None
    kind = canonical_event(question.goal_event).type
    if not any_event(transaction, question.cohort.tenant, kind):
        wish = f"a type of event that came; there is no {kind!r}"
        raise InvalidInput(f"goal_event: {wish}", [("goal_event", wish)])
    return GoalEvent(kind, question.within)


def _converted(question: Question, workflow: Workflow, outcome: Outcome) -> Mapping[str, int]:
    if question.goal_event or not question.goal:
        return outcome.converted
    known = {rule.goal for rule in workflow.exits if rule.goal}
    known |= {goal for found in outcome.goals.values() for goal in found}
    if question.goal not in known:
        wish = f"a goal of the workflow ({', '.join(sorted(known)) or 'it has none'})"
        raise InvalidInput(f"goal: {wish}", [("goal", wish)])
    return {label: found.get(question.goal, 0) for label, found in outcome.goals.items()}


def _variant(
    label: str,
    samples: Mapping[str, Sample],
    shares: Shares,
    goals: Mapping[str, int],
    control: str,
    confidence: float,
) -> Variant:
    comparison = None if label == control else compare(samples[control], samples[label], confidence)
    threshold = (1 - confidence) / max(1, len(samples) - 1)
    p_value = comparison.p_value if comparison else None
    return Variant(
        label,
        shares.get(label, 0),
        samples[label],
        interval_of(samples[label], confidence),
        goals,
        comparison,
        p_value is not None and p_value < threshold,
        label not in shares,
    )


def _shares_p_value(
    transaction: Transaction,
    catalog: Catalog,
    cohort: Cohort,
    step: str,
    entered: Sequence[Entered],
    set_shares: Sequence[Setting],
) -> float:
    """Holds the counts against the shares that were in force for each of them."""
    settings = {(one.version, one.revision): one.shares for one in set_shares}
    counted: Counter[str] = Counter()
    periods: Counter[tuple[int, int | None]] = Counter()
    for one in entered:
        counted[one.label] += one.count
        periods[one.version, one.revision] += one.count
    expected = []
    for (version, revision), number in periods.items():
        found = catalog.version(transaction, cohort.tenant, cohort.workflow, version).steps.get(step)
        defined = found.runner.shares if found is not None and isinstance(found.runner, Split) else {}
        shares = defined if revision is None else settings[version, revision]
        expected.append((number, {label: share / WHOLE for label, share in shares.items()}))
    return shares_kept(counted, expected)


def _warnings(
    question: Question, workflow: Workflow, variants: Sequence[Variant], p_value: float | None
) -> tuple[str, ...]:
    found: list[str] = []
    live = [one for one in variants if one.share or one.sample.entered]
    if any(one.sample.small for one in live):
        found.append("some variants have fewer than 10 who converted, or who did not: it is too early to decide")
    if p_value is not None and p_value < MISMATCH:
        found.append("the numbers do not fit the shares that were in force: find out why before you trust the rates")
    if not question.goal_event:
        if not any(rule.goal for rule in workflow.exits):
            found.append("the workflow has no goal: give an exit rule one, or count an event as the goal")
        elif any(one.label == HOLDOUT for one in live):
            found.append("runs of the holdout end at once and reach no goal: count an event as the goal to compare it")
    if len(live) > 2 and not any(one.significant for one in live):
        found.append("with several variants a difference has to be clearer than with two to count as significant")
    return tuple(found)
