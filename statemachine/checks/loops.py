"""Ways into bodies, and the names that are read of a loop."""

from __future__ import annotations

from statemachine.checks.draft import Draft
from statemachine.checks.graph import Edge, edges_of
from statemachine.compiler import Read
from statemachine.path import format_path
from statemachine.problem import Problems
from statemachine.steps.loop import FOR_EACH, Loop
from statemachine.workflow import ON_FAILURE, Step, is_closed


def check_ways_in(draft: Draft, problems: Problems) -> None:
    """Report ways into a body that do not come from its loop or from within: no round would be under way there."""
    for start in draft.starts:
        for loop in draft.steps[start].within if start in draft.steps else ():
            message = f"runs begin at {start!r}, in {_body(loop, draft)}"
            problems.add(_code(loop, draft), draft.places[start], message)
    told: set[tuple[str, str]] = set()
    for edge in edges_of(draft.steps):
        if edge.target not in draft.steps or (edge.source, edge.target) in told:
            continue
        carrier = _entered(edge, draft)
        if carrier:
            told.add((edge.source, edge.target))
            message = f"{edge.source!r} leads to {edge.target!r}, into {_body(carrier, draft)}, from outside"
            problems.add(_code(carrier, draft), draft.places[edge.source], message)


def _entered(edge: Edge, draft: Draft) -> str:
    """The outermost step into a body of which the way leads from outside; "" for none."""
    source, target = draft.steps[edge.source], draft.steps[edge.target]
    around = {*zip(source.within, source.bodies, strict=True), (source.id, edge.outcome)}
    places = zip(target.within, target.bodies, strict=True)
    return next((carrier for carrier, body in places if (carrier, body) not in around), "")


def _body(carrier: str, draft: Draft) -> str:
    if is_closed(carrier):
        return "`on_failure`" if carrier == ON_FAILURE else f"what undoes {carrier.removeprefix('$undo ')!r}"
    runner = draft.steps[carrier].runner if carrier in draft.steps else None
    if runner is not None and (runner.guards or not isinstance(runner, Loop)):
        return f"a body of {carrier!r}"
    return f"the body of the loop {carrier!r}"


def _code(carrier: str, draft: Draft) -> str:
    runner = draft.steps[carrier].runner if carrier in draft.steps else None
    if runner is not None and runner.forks:
        return "across_branches"
    guards = is_closed(carrier) or (runner is not None and runner.guards)
    return "into_body" if guards else "into_loop"


def check_loop_names(draft: Draft, problems: Problems) -> None:
    """Warn of what is read of a loop where there is none, or none with such a part."""
    for step_id, read in draft.reads:
        if read.path[0] != "loop":
            continue
        loops = _loops(step_id, read, draft)
        part = str(read.path[1]) if len(read.path) > 1 else ""
        if not loops:
            message = f"`{format_path(read.path)}` leads nowhere: it is read outside of a loop"
            problems.add("unknown_name", read.place, message, within=read.within)
        elif part and part not in (known := _parts(loops)):
            message = f"the loop {loops[-1].id!r} has no {part!r}; it has {', '.join(known)}"
            problems.add("unknown_name", read.place, message, problems.guess(part, known), within=read.within)


def _loops(step_id: str | None, read: Read, draft: Draft) -> list[Step]:
    """The loops that are under way where a path is read; the condition of a loop is asked within it."""
    step = draft.steps.get(step_id) if step_id is not None else None
    if step is None:
        return []
    own = isinstance(step.runner, Loop) and read.place[len(draft.places[step.id]) :][:2] == ("config", "condition")
    around = [draft.steps[name] for name in step.within if name in draft.steps]  # one of a bad id is told, and left out
    return [loop for loop in around if isinstance(loop.runner, Loop)] + ([step] if own else [])


def _parts(loops: list[Step]) -> tuple[str, ...]:
    runners = [loop.runner for loop in loops if isinstance(loop.runner, Loop)]
    item = ("item",) if runners[-1].kind == FOR_EACH else ()
    named = (runner.item_name for runner in runners if runner.item_name)
    return (*item, "index", *(("parent",) if len(loops) > 1 else ()), *named)
