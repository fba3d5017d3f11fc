"""Which steps stand in which body, and what that means for their ways: jumps, errors, and `finally`.

The steps of a body written in place are part of it. Where a step only names the first step of a body, as in a canvas,
the body is what can be entered from there without passing the step, and not from where the step goes on when done.

A way leads into a body only from the step that carries it, and from within (`checks/loops.py` refuses all others). So
the bodies that a run is in are known from the step it is in, and so is what takes an error:

- `break` and `continue` lead back to the innermost loop.
- A body that children run (a branch of a `parallel` step, a round of a parallel loop) is a world of its own: no error,
  jump or `finally` reaches beyond it. What happens to a child is an outcome of the step that started it.
- An error of a step without `on_error` leads to the error_handler of its list, or to the `try` or `fallback` around it,
  whichever is nearer; from there it goes on as an error of that one.
- A way that leads out of a `try` past its `finally` leads to the `try` first, and from there on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from statemachine.checks.graph import edges_of, reachable, ways
from statemachine.machine import SKIP
from statemachine.problem import Problems
from statemachine.step import END
from statemachine.steps.flow import Complete, Exit
from statemachine.steps.guards import DONE, FINALLY, ErrorHandler
from statemachine.steps.loop import Jump, Loop
from statemachine.workflow import ON_FAILURE, OUT, UNDONE, Step, fork_around, is_closed

if TYPE_CHECKING:
    from statemachine.assembly import Assembly
    from statemachine.layout import Entry

_Place = tuple[str, str]
"""A step that carries bodies, and one of its bodies."""
_ENDING: Final = (Exit, Complete)


def nest(made: Assembly, problems: Problems) -> None:
    """Complete what the steps know of the bodies they stand in; report ways that cannot be."""
    entries = {entry.id: entry for entry in made.entries}
    carriers = [step for step in made.steps.values() if step.runner.bodies()]
    if carriers:
        _find_bodies(made, carriers, problems)
    for step_id, step in list(made.steps.items()):
        if isinstance(step.runner, Jump):
            made.steps[step_id] = _led_back(step, made.steps, entries[step_id], problems)
    for step_id, entry in entries.items():
        if step_id in made.steps and (made.steps[step_id].within or entry.handler):
            made.steps[step_id] = _caught(made.steps[step_id], entry, made.steps)
    finishing = {step.id for step in carriers if FINALLY in step.runner.bodies()}
    if finishing or any(entry.within and is_closed(entry.within[0]) for entry in made.entries):
        _pass_finally(made, finishing, problems)
    _write_out(made, entries)


def _find_bodies(made: Assembly, carriers: Sequence[Step], problems: Problems) -> None:
    steps = made.steps
    members: dict[_Place, set[str]] = {}
    for step in steps.values():
        for place in zip(step.within, step.bodies, strict=True):
            members.setdefault(place, set()).add(step.id)
    for carrier in carriers:
        drawn = [body for body in carrier.runner.bodies() if (carrier.id, body) not in members]
        members.update(_drawn_bodies(carrier, drawn, steps))
        _refuse_shared(carrier, members, made, problems)
    whole = {carrier.id: _whole(carrier, members) for carrier in carriers}
    outward = sorted(whole, key=lambda carrier: -len(whole[carrier]))
    for step_id, step in steps.items():
        places = [place for place in zip(step.within, step.bodies, strict=True) if is_closed(place[0])]
        places += [
            next(place for place, inside in members.items() if place[0] == carrier and step_id in inside)
            for carrier in outward
            if step_id in whole[carrier]
        ]
        within, bodies = tuple(carrier for carrier, _ in places), tuple(body for _, body in places)
        steps[step_id] = replace(step, within=within, bodies=bodies)


def _whole(carrier: Step, members: Mapping[_Place, set[str]]) -> set[str]:
    return set().union(*(members.get((carrier.id, body), ()) for body in carrier.runner.bodies()))


def _drawn_bodies(carrier: Step, bodies: Sequence[str], steps: Mapping[str, Step]) -> dict[_Place, set[str]]:
    if not bodies:
        return {}
    jumps = {step.id for step in steps.values() if isinstance(step.runner, Jump)}
    edges = [edge for edge in edges_of(steps) if edge.source not in jumps or edge.outcome == SKIP]
    inside = {**ways(steps, edges), carrier.id: ()}
    after = reachable(inside, [carrier.targets[DONE]])
    return {
        (carrier.id, body): set(reachable(inside, [carrier.targets[body]]) - after - {carrier.id, END})
        for body in bodies
    }


def _refuse_shared(carrier: Step, members: Mapping[_Place, set[str]], made: Assembly, problems: Problems) -> None:
    """A step stands in one body alone."""
    seen: dict[str, str] = {}
    for body in carrier.runner.bodies():
        for step_id in sorted(members.get((carrier.id, body), ())):
            if seen.setdefault(step_id, body) != body:
                message = f"{step_id!r} stands both in `{seen[step_id]}` and in `{body}` of {carrier.id!r}"
                problems.add("into_body", made.places.get(step_id, ()), message)


def _led_back(step: Step, steps: Mapping[str, Step], entry: Entry, problems: Problems) -> Step:
    loops = [carrier for carrier in step.within if carrier in steps and isinstance(steps[carrier].runner, Loop)]
    if not loops:
        message = f"{step.type!r} stands in no loop: only steps of a loop's `body` can end its round"
        problems.add("outside_loop", (*entry.path, "type"), message)
        return step
    fork = fork_around(step, steps)
    if fork is not None and loops[-1] in steps[fork[0]].within:
        message = f"{step.type!r} stands in a branch of {fork[0]!r}: a branch cannot end a round around it"
        problems.add("outside_loop", (*entry.path, "type"), message)
    for target, place in entry.branches.values():
        if target not in (loops[-1], step.on_error):
            problems.add("conflicting_keys", place, f"{step.type!r} leads back to its loop, {loops[-1]!r}")
    return replace(step, targets=dict.fromkeys(step.targets, loops[-1]))


def _caught(step: Step, entry: Entry, steps: Mapping[str, Step]) -> Step:
    """The step with what takes its error when it says nothing itself."""
    fork = fork_around(step, steps)
    inner = step.within if fork is None else step.within[step.within.index(fork[0]) + 1 :]
    guards = [carrier for carrier in inner if carrier in steps and steps[carrier].runner.guards]
    guard = guards[-1] if guards else None
    handler = steps.get(entry.handler)
    if handler is not None and fork is not None and fork[0] not in handler.within:
        handler = None
    if handler is not None and guard is not None and guard not in handler.within:
        handler = None
    if step.on_error is not None or not step.runner.can_fail:
        return step
    if guard is None and handler is None:
        undoing = bool(step.within) and is_closed(step.within[0]) and step.within[0] != ON_FAILURE
        return replace(step, caught_by=UNDONE) if undoing else step
    return replace(step, caught_by=guard if handler is None else handler.id)


def _pass_finally(made: Assembly, finishing: set[str], problems: Problems) -> None:
    """Lead every way out of a `try` past its `finally` to the `try` first."""
    passing: dict[str, dict[str, None]] = {}
    for step in list(made.steps.values()):
        via = {}
        for transition, target in _ways(step):
            hop = _hop(step, target, made, finishing)
            if hop is None:
                _refuse_leaving(step, target, made, problems)
            elif hop != target:
                via[transition] = hop
                passing.setdefault(hop, {})[target] = None
        if isinstance(step.runner, _ENDING) or step.runner.forks:
            hop = _hop(step, OUT, made, finishing)
            if hop is None and step.runner.forks:
                continue
            if hop is None:
                _refuse_leaving(step, OUT, made, problems)
            elif hop != OUT:
                passing.setdefault(hop, {})[OUT] = None
                made.steps[step.id] = replace(made.steps[step.id], ways_out={OUT: hop})
        if via:
            made.steps[step.id] = replace(made.steps[step.id], via=via)
    led: set[str] = set()
    while left := passing.keys() - led:
        guard = max(left, key=lambda guard: (len(made.steps[guard].within), guard))
        _lead_on(guard, passing, made, finishing)
        led.add(guard)


def _lead_on(guard: str, passing: dict[str, dict[str, None]], made: Assembly, finishing: set[str]) -> None:
    """From a `try` that is passed on the way to somewhere else; the inner ones come first."""
    step = made.steps[guard]
    ways_out = {}
    for target in passing[guard]:
        hop = _hop(step, target, made, finishing)
        ways_out[target] = hop or target
        if hop is not None and hop != target:
            passing.setdefault(hop, {})[target] = None
    made.steps[guard] = replace(step, ways_out=ways_out)


def _ways(step: Step) -> Iterator[tuple[str, str]]:
    """(transition, target) of every way out that the definition names."""
    yield from step.targets.items()
    if step.on_error is not None:
        yield "error", step.on_error
    if step.when is not None:
        yield SKIP, step.following


def _hop(step: Step, target: str, made: Assembly, finishing: set[str]) -> str | None:
    """Where a way really leads at first: the innermost `try` whose `finally` it has to pass, else the target.

    None when it leads out of a body that has to come to its end."""
    if target == step.id:
        return target
    around = _around(step, target, made)
    for carrier, body in zip(reversed(step.within), reversed(step.bodies), strict=True):
        if carrier in around or (carrier in made.steps and made.steps[carrier].runner.forks):
            return target
        if body == FINALLY or is_closed(carrier):
            return None
        if carrier in finishing:
            return carrier
    return target


def _around(step: Step, target: str, made: Assembly) -> tuple[str, ...]:
    """The bodies that a target is in. The end of the run is that of `on_failure` too."""
    if target in made.steps:
        return (*made.steps[target].within, target)
    return step.within[:1] if target == UNDONE or (target in (OUT, END) and ON_FAILURE in step.within) else ()


def _refuse_leaving(step: Step, target: str, made: Assembly, problems: Problems) -> None:
    places = zip(reversed(step.within), reversed(step.bodies), strict=True)
    carrier, body = next(place for place in places if place[1] == FINALLY or is_closed(place[0]))
    where = "ends the run" if target in (OUT, END) else f"leads to {target!r}"
    whose = f" of {carrier.removeprefix('$undo ')!r}" if carrier != ON_FAILURE else ""
    message = f"{step.id!r} {where}, out of the `{body}`{whose}, which has to come to its end"
    problems.add("leaves_body", made.places[step.id], message)


def _write_out(made: Assembly, entries: Mapping[str, Entry]) -> None:
    """Say in the flat, canonical form what only the nesting said: which handler takes an error."""
    for entry in entries.values():
        step = made.steps.get(entry.id)
        if step is None or step.caught_by != entry.handler:
            entry.handler = ""
    for document in made.canonical:
        handler = entries[document["id"]].handler
        if handler:
            document["on_error"] = handler
        if document["type"] == ErrorHandler.name:
            document["config"] = {**document.get("config", {}), "scope": "named"}
