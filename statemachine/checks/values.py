"""What is read before it can have a value: dataflow over the graph of steps.

A *fact* is something a step may read: the output of a step, a variable, the event being handled, an error. Ways out of
steps make facts true (an outcome that leaves an output, an assignment, a failure) or false (a timer: no event is being
handled any more). A fact holds in a step when it holds on every way there; where a step reads one that does not hold,
the way without it is shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from statemachine.checks.draft import Draft
from statemachine.checks.graph import Edge
from statemachine.checks.logic import proved
from statemachine.compiler import Read
from statemachine.machine import ERROR, SKIP
from statemachine.path import Path, format_path
from statemachine.problem import Problems
from statemachine.step import END, FamilyStep, WaitingStep
from statemachine.steps.branch import Branch
from statemachine.steps.parallel import DONE, Parallel
from statemachine.workflow import Step, fork_around

VARIABLE_ROOTS: Final = frozenset({"variables", "vars", "workflow"})
ERROR_ROOTS: Final = frozenset({"error", "last_error"})


class Fact(NamedTuple):
    """`kind` is steps, variables, event or error; `name` the step or the variable."""

    kind: str
    name: str = ""


_EVENT: Final = Fact("event")
_FAILED: Final = Fact("error")


_State = tuple[str, bool]
"""A step, and whether the fact holds there."""
_MAX_JOURNEYS: Final = 50
_MAX_CASES: Final = 50


class _Change(NamedTuple):
    """What a way does to the facts: a bit for each."""

    made: int
    lost: int


def check_values(draft: Draft, problems: Problems) -> None:
    """Warn of reads of what may have no value yet."""
    asked = [(step_id, read, fact) for step_id, read, fact in _asked(draft) if _can_be(fact, draft)]
    flow = _Flow(draft, dict.fromkeys(fact for _, _, fact in asked))
    for step_id, read, fact in asked:
        if flow.misses(step_id, fact) and not flow.proved_inside(step_id, read, fact):
            code = "output_may_be_missing" if fact.kind == "steps" else "value_may_be_missing"
            message = _message(fact, read, flow.way_without(step_id, fact))
            problems.add(code, read.place, message, _HINTS[fact.kind], within=read.within)


class _Flow:
    """The facts that hold in each step on every way there."""

    def __init__(self, draft: Draft, facts: Iterable[Fact]) -> None:
        self._draft = draft
        self._bits = {fact: 1 << number for number, fact in enumerate(facts)}
        self._begin = _bits(_at_entry(draft), self._bits)
        self._changes = {edge: _change(edge, draft.steps, self._bits) for edge in draft.edges}
        self._outputs = _bits((fact for fact in self._bits if fact.kind == "steps"), self._bits)
        self._branches: dict[tuple[str, str], int] = {}
        for step in draft.steps.values():
            if _joins_all(step):
                self._join(step)
        self._known = self._solve()
        self._whens: dict[str, frozenset[Fact]] = {}
        self._journeys: dict[Fact, Mapping[_State, _State | None]] = {}

    def misses(self, step_id: str, fact: Fact) -> bool:
        """Whether the fact does not hold on some way to the step. Steps that nothing leads to miss nothing."""
        return step_id in self._known and not self._known[step_id] & self._bits[fact]

    def proved_inside(self, step_id: str, read: Read, fact: Fact) -> bool:
        """Whether the step's own `when` makes sure of it for everything else in the step."""
        when = self._draft.steps[step_id].when
        own_place = (*self._draft.places[step_id], "when")
        if when is None or read.place[: len(own_place)] == own_place:
            return False
        if step_id not in self._whens:
            self._whens[step_id] = frozenset(_facts(proved(when, True)))
        return fact in self._whens[step_id]

    def way_without(self, step_id: str, fact: Fact) -> list[str]:
        """A shortest way to the step on which the fact does not hold there; empty when too many were asked for."""
        if fact not in self._journeys:
            if len(self._journeys) >= _MAX_JOURNEYS:
                return []
            self._journeys[fact] = self._journey(self._bits[fact])
        came_from = self._journeys[fact]
        way: list[str] = []
        at: _State | None = (step_id, False)
        while at is not None:
            way.append(at[0])
            at = came_from[at]
        return way[::-1]

    def _solve(self) -> dict[str, int]:
        known = dict.fromkeys(self._draft.starts, self._begin)
        waiting = deque(self._draft.starts)
        while waiting:
            source = waiting.popleft()
            for edge in self._draft.leaving.get(source, ()):
                change = self._changes[edge]
                arriving = (known[source] & ~change.lost) | change.made
                if self._ends_branch(edge, arriving):
                    waiting += [owner for owner in self._draft.steps[source].within if owner in known]
                before = known.get(edge.target)
                after = arriving if before is None else before & arriving
                if edge.target != END and after != before:
                    known[edge.target] = after
                    waiting.append(edge.target)
        return known

    def _ends_branch(self, edge: Edge, arriving: int) -> bool:
        """Note the outputs that a branch surely leaves; whether that is news to what comes after all branches."""
        fork = fork_around(self._draft.steps[edge.source], self._draft.steps)
        if fork is None or edge.target not in (fork[0], END) or not _joins_all(self._draft.steps[fork[0]]):
            return False
        before = self._branches.get(fork, self._outputs)
        self._branches[fork] = arriving & before & self._outputs
        self._join(self._draft.steps[fork[0]])
        return self._branches[fork] != before

    def _join(self, owner: Step) -> None:
        """What all branches leave together is there when the step is done; of one not seen yet, anything."""
        made = 0
        for name in owner.runner.bodies():
            made |= self._branches.get((owner.id, name), self._outputs)
        for way in self._draft.leaving[owner.id]:
            if way.outcome == DONE:
                change = _change(way, self._draft.steps, self._bits)
                self._changes[way] = _Change(change.made | made, change.lost)

    def _journey(self, bit: int) -> Mapping[_State, _State | None]:
        """Where each state that can be reached was reached from, breadth first."""
        starts = [(start, bool(self._begin & bit)) for start in self._draft.starts]
        came_from: dict[_State, _State | None] = dict.fromkeys(starts)
        waiting = deque(starts)
        while waiting:
            state = waiting.popleft()
            for edge in self._draft.leaving.get(state[0], ()):
                change = self._changes[edge]
                following = (edge.target, bool(change.made & bit) or (state[1] and not change.lost & bit))
                if following not in came_from:
                    came_from[following] = state
                    waiting.append(following)
        return came_from


def _joins_all(step: Step) -> bool:
    return isinstance(step.runner, Parallel) and step.runner.surely_all


def fact_of(path: Path) -> Fact | None:
    """The fact that a path needs; None when there is nothing to say about it."""
    root = path[0]
    if root == "event":
        return _EVENT
    if root in ERROR_ROOTS:
        return _FAILED
    if len(path) > 1 and root == "steps":
        return Fact("steps", str(path[1]))
    name = variable_of(path)
    return Fact("variables", name) if name else None


def variable_of(path: Path) -> str:
    """The variable that a path names under one of the roots of variables, else ""."""
    if path[0] not in VARIABLE_ROOTS or len(path) < 2:
        return ""
    return str(path[2] if path[1] == "workflow" and len(path) > 2 else path[1])


def _asked(draft: Draft) -> Iterator[tuple[str, Read, Fact]]:
    for step_id, read in draft.reads:
        fact = fact_of(read.path)
        if step_id is None or fact is None or read.guarded or step_id not in draft.steps:
            continue
        if fact is _EVENT and draft.steps[step_id].hears:
            continue  # the conditions of a wait are asked while an event is handled
        yield step_id, read, fact


def _can_be(fact: Fact, draft: Draft) -> bool:
    """Whether it can hold at all; what never can is told by its name (checks/names.py)."""
    if fact.kind == "variables":
        return fact.name in draft.variables
    return fact.kind != "steps" or (fact.name in draft.steps and gives_output(draft.steps[fact.name]))


def gives_output(step: Step) -> bool:
    """Whether any outcome of a step leaves an output."""
    return any(step.runner.gives_output(outcome) for outcome in step.targets)


def _at_entry(draft: Draft) -> list[Fact]:
    return [_EVENT, *(Fact("variables", name) for name in draft.declared)]


def _change(edge: Edge, steps: Mapping[str, Step], bits: Mapping[Fact, int]) -> _Change:
    step, outcome = steps[edge.source], edge.outcome
    awaits = isinstance(step.runner, FamilyStep) and step.runner.awaits
    rests = step.runner.effect or isinstance(step.runner, WaitingStep) or awaits
    gathers = isinstance(step.runner, WaitingStep) and step.runner.burst() is not None
    by_event = rests and bool(step.cases) and not gathers and step.runner.gives_output(outcome)
    lost = _bits([_EVENT], bits) if rests and not by_event and outcome != SKIP else 0
    made = _bits(_made(step, outcome, by_event), bits)
    for guard in (steps[name] for name in edge.through):
        made |= _bits(_made(guard, guard.runner.outcomes()[0], by_event=False), bits)
    return _Change(made, lost)


def _made(step: Step, outcome: str, by_event: bool) -> Iterator[Fact]:
    if step.when is not None:
        yield from _facts(proved(step.when, outcome != SKIP))
    if outcome == SKIP:
        return
    if outcome == ERROR:
        yield _FAILED
        return
    if by_event:
        yield _EVENT
    if step.runner.gives_output(outcome):
        yield Fact("steps", step.id)
        if step.output:
            yield Fact("variables", step.output)
    yield from (Fact("variables", name) for name in step.runner.variables())
    if isinstance(step.runner, Branch):
        yield from _facts(_proved_by_branch(step.runner, outcome))


def _proved_by_branch(runner: Branch, outcome: str) -> Iterable[Path]:
    """Every condition before the one that held did not hold; of a very long list, the first ones say enough."""
    found: set[Path] = set()
    for name, condition in runner.conditions()[:_MAX_CASES]:
        if name == outcome:
            return found | proved(condition, True)
        found |= proved(condition, False)
    return found


def _facts(paths: Iterable[Path]) -> Iterator[Fact]:
    return (fact for fact in map(fact_of, paths) if fact is not None)


def _bits(facts: Iterable[Fact], bits: Mapping[Fact, int]) -> int:
    found = 0
    for fact in facts:
        found |= bits.get(fact, 0)
    return found


_HINTS: Final = {
    "steps": "",
    "variables": "give it a first value under `variables`, or read it only where it has been set",
    "event": "`trigger.…` is the event that enrolled, and `steps.<wait>.output` the one that ended a wait",
    "error": "read it only in steps that `on_error` leads to",
}
_ABSENCES: Final = {
    "steps": "no output of step {name!r} yet",
    "variables": "no variable {name!r} yet",
    "event": "no event being handled",
    "error": "no error",
}


def _message(fact: Fact, read: Read, way: list[str]) -> str:
    shown = " → ".join(way if len(way) <= 8 else [*way[:4], "…", *way[-3:]])
    where = f"on the way {shown}" if len(way) > 1 else "when the run begins here" if way else "on some way here"
    absence = _ABSENCES[fact.kind].format(name=fact.name)
    return f"`{format_path(read.path)}` may have no value: {where} there is {absence}"
