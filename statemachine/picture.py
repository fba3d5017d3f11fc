"""A workflow as a picture to draw: nodes and edges read from its machine, and what is marked in them.

What is drawn is the machine's own: an edge per outcome. Beside it stand the ways past a step whose `when` is false, and
the exit rules, which end a run from any step; and from a step that undoes others to the steps that undo each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from statemachine.machine import CANCELLED, COMPLETED, EXITED, FAILED, SKIP
from statemachine.snapshot import Status
from statemachine.step import END
from statemachine.steps.sub_workflow import SubWorkflow
from statemachine.workflow import UNDONE, Step, Workflow

Shape = Literal["choice", "wait", "plain", "end"]
Mark = Literal["", "visited", "here"]

SKIPPED: Final = "skipped"
_ENDS: Final = {COMPLETED: "completed", FAILED: "failed", EXITED: "exited", CANCELLED: "cancelled", END: "completed"}
_ENDING: Final = {"exit": ("exited", EXITED), "end": ("completed", COMPLETED)}
"""Steps that end the run by themselves: the outcome that history gives them, and the state."""
_SILENT: Final = frozenset({"done", "exited", "completed"})
_MAX_LABEL: Final = 60
_CHOICES: Final = frozenset({"condition", "split"})


@dataclass(frozen=True, slots=True)
class Highlight:
    """An enrollment in the drawing: the steps of its path, the one it rests in (or ended at), and the ways it took.

    `taken` holds (step, outcome), for a skipped step the machine's SKIP; `exited` says that an exit rule ended it.
    """

    path: tuple[str, ...] = ()
    step: str = ""
    taken: frozenset[tuple[str, str]] = frozenset()
    exited: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """`lines` are its text: its name, its type, counts. `workflow` is the key of the workflow that its children run."""

    name: str
    shape: Shape
    lines: tuple[str, ...]
    mark: Mark = ""
    workflow: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """`aside` edges are no outcomes: steps skipped, and exits from anywhere. `taken` edges are on the marked way."""

    source: str
    target: str
    label: str = ""
    aside: bool = False
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    title: str
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def picture_of(
    workflow: Workflow,
    counts: Mapping[str, int] | None = None,
    highlight: Highlight | None = None,
    children: Mapping[str, Mapping[str, int]] | None = None,
) -> Picture:
    """The picture of a version. `counts` writes at each step how many enrollments rest there, `children` how many it
    has started, by their status."""
    marks = highlight or Highlight()
    picture = Picture(workflow.name)
    names = {step_id: f"s{number}" for number, step_id in enumerate(workflow.steps, 1)}
    picture.nodes.append(Node("start", "end", ("start",), "visited" if marks.path else ""))
    picture.edges.extend(
        Edge("start", names[step_id], _short(label), taken=taken) for step_id, label, taken in _begins(workflow, marks)
    )
    for step in workflow.steps.values():
        mark: Mark = "here" if step.id == marks.step else "visited" if step.id in marks.path else ""
        lines = tuple(_lines(step, counts or {}, children or {}))
        picture.nodes.append(Node(names[step.id], _shape(step), lines, mark, _inner(step)))
        for outcome, target, aside in _ways(workflow, step):
            taken = (step.id, outcome) in marks.taken
            label = "" if outcome in _SILENT else SKIPPED if outcome == SKIP else outcome
            target = names.get(target) or _ENDS[target]
            picture.edges.append(Edge(names[step.id], target, _short(label), aside, taken))
    picture.edges.extend(_exits(workflow, picture, marks))
    ends = dict.fromkeys(edge.target for edge in picture.edges if edge.target in _ENDS.values())
    reached = {edge.target for edge in picture.edges if edge.taken}
    picture.nodes.extend(Node(end, "end", (end,), "visited" if end in reached else "") for end in ends)
    return picture


def _begins(workflow: Workflow, marks: Highlight) -> Iterator[tuple[str, str, bool]]:
    """(step, types of events, whether the run did) for each step where a run may begin."""
    found: dict[str, list[str]] = {} if workflow.triggers else {workflow.first: []}
    for trigger in workflow.triggers:
        label = trigger.type if trigger.date is None else f"{trigger.type}: {trigger.date.field}"
        found.setdefault(workflow.beginning(trigger.id), []).append(label)
    for step_id, types in found.items():
        begun = bool(marks.path) and (len(found) == 1 or marks.path[0] == step_id)
        yield step_id, ", ".join(dict.fromkeys(types)), begun


def _ways(workflow: Workflow, step: Step) -> Iterator[tuple[str, str, bool]]:
    """(outcome, step id or terminal state, whether it is no outcome) of every edge that leads out of a step."""
    if step.type in _ENDING:
        yield *_ENDING[step.type], False
        return
    for outcome in workflow.machine.outcomes(step.id):
        target = workflow.machine.target(step.id, outcome)
        for place in _undoing(workflow) if target == UNDONE else (target,):
            yield outcome, place, False
    for undone in workflow.steps.values() if step.runner.undoes else ():
        if undone.undo:
            yield f"undo {undone.id}", undone.undo, True
    if step.when is not None:
        yield SKIP, workflow.machine.target(step.id, SKIP), True


def _undoing(workflow: Workflow) -> list[str]:
    """The steps that undo others: the end of an undo leads back to whichever began it."""
    return [step.id for step in workflow.steps.values() if step.runner.undoes]


def _exits(workflow: Workflow, picture: Picture, marks: Highlight) -> Iterator[Edge]:
    """One node for all steps at once, from which the exit rules lead away."""
    if not workflow.exits:
        return
    picture.nodes.append(Node("anywhere", "end", ("any step",)))
    reasons = ", ".join(dict.fromkeys(rule.exit_reason for rule in workflow.exits))
    yield Edge("anywhere", _ENDS[EXITED], _short(reasons), aside=True, taken=marks.exited)


def _shape(step: Step) -> Shape:
    if step.type in _CHOICES:
        return "choice"
    return "wait" if step.cases or step.type == "wait" else "plain"


def _lines(step: Step, counts: Mapping[str, int], children: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    yield _short(step.name or step.id)
    inner = _inner(step)
    yield _short(f"{step.type} → {inner}") if inner else step.type
    if children.get(step.id):
        numbers = children[step.id]
        total = sum(numbers.values())
        states = ", ".join(f"{numbers[status]:,} {status}" for status in Status if numbers.get(status))
        yield f"{total:,} {'child' if total == 1 else 'children'}: {states}"
    if counts.get(step.id):
        yield f"{counts[step.id]:,} here"


def _inner(step: Step) -> str:
    """The key of the workflow that the step starts."""
    return step.runner.workflow if isinstance(step.runner, SubWorkflow) else ""


def _short(text: str) -> str:
    return text if len(text) <= _MAX_LABEL else text[: _MAX_LABEL - 1] + "…"
