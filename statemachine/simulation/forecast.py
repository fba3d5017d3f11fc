"""Forecasting a live run: its stored state, carried forward on the virtual clock by the code that will really do it.

A forecast is a simulation that begins where the run stands: with its contact as it is now, the events that it may still
read, its open task, and its children where they stand. What cannot be known is assumed, and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from statemachine.cause import Surroundings
from statemachine.conversation import Conversation
from statemachine.decision import HistoryEntry, TaskOrder
from statemachine.duration import MAX_DURATION
from statemachine.errors import PreconditionFailed
from statemachine.event import Event
from statemachine.run_explanation import RunAccount, explain_run
from statemachine.shares import NO_SPLITS, InForce
from statemachine.simulation.kept import OpenWork
from statemachine.simulation.script import MAX_TRANSITIONS, Act, Results, Script
from statemachine.simulation.simulate import Simulated, carry_on
from statemachine.simulation.world import World
from statemachine.snapshot import Snapshot, Status
from statemachine.standstill import Standstill
from statemachine.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Member:
    """Where a run is. `order` is its open task, which may be attempted from `available_at` on; `quarantined` says that
    its timer is given up."""

    workflow: Workflow
    snapshot: Snapshot
    order: TaskOrder | None = None
    available_at: datetime | None = None
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class Kin:
    """What a run has to do with others: its children that live, to any depth, and all that a decision about them, or
    about those that it may start, would read now.

    `workflows` are what they may run, by (key, version; 0 for the active one), `paused` the keys of those that are.
    """

    members: tuple[Member, ...] = ()
    workflows: Mapping[tuple[str, int], Workflow] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    conversations: tuple[Conversation, ...] = ()
    globals: Mapping[str, Any] = field(default_factory=dict)
    shares: InForce = field(default_factory=dict)
    kept: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    paused: frozenset[str] = frozenset()
    standstills: Mapping[str, Standstill] = field(default_factory=dict)


ALONE: Final = Kin()


@dataclass(frozen=True, slots=True)
class Foreseen(Member):
    """A run that is to be foreseen, what a decision about it would read now, and its kin."""

    surroundings: Surroundings = field(kw_only=True)
    kin: Kin = ALONE


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is taken for granted. `resumed`: what holds the run now, a pause of it or of its workflow, ends at once."""

    acts: tuple[Act, ...] = ()
    results: Results = field(default_factory=dict)
    resumed: bool = False
    lasts: timedelta = MAX_DURATION
    max_transitions: int = MAX_TRANSITIONS
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Stay:
    """One visit of a step. `left_at` is None while the run would still be there; `outcome` also tells that the step was
    `skipped`, or how the run ended in it (`exited`, `failed`, `cancelled`)."""

    step: str
    type: str
    entered_at: datetime
    left_at: datetime | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would become of the run. `account` says what it would still wait for; None when it would end."""

    simulated: Simulated
    snapshot: Snapshot
    stays: tuple[Stay, ...]
    account: RunAccount | None
    assumed: tuple[str, ...]


def forecast(foreseen: Foreseen, given: Assumptions | None = None) -> Forecast:
    """Carry a live run forward. Raises PreconditionFailed when it has ended."""
    given = given or Assumptions()
    snapshot = foreseen.snapshot
    if not snapshot.live:
        retry = "; retry it first" if snapshot.status is Status.FAILED else ""
        raise PreconditionFailed(
            f"the enrollment has ended ({snapshot.status.value}): nothing is left to foresee{retry}"
        )
    world = _world(foreseen, given)
    now = foreseen.surroundings.now
    if given.resumed:
        _let_go(world, foreseen)
    simulated = Simulated(world, "settled", now)
    if given.resumed or not foreseen.quarantined:
        script = Script(
            (),
            given.acts,
            results=given.results,
            starts_at=now,
            lasts=given.lasts,
            max_transitions=given.max_transitions,
            max_bytes=given.max_bytes,
        )
        simulated = carry_on(script, world)
    final = world.records[snapshot.id].snapshot
    account = explain_run(foreseen.workflow, final, world.surroundings(snapshot.id)) if final.live else None
    return Forecast(simulated, final, tuple(_stays(foreseen, world)), account, tuple(_assumed(foreseen, given)))


def _world(foreseen: Foreseen, given: Assumptions) -> World:
    """A world of this run and its family alone: nobody else is enrolled in it, and nobody enters."""
    around, kin, key = foreseen.surroundings, foreseen.kin, foreseen.workflow.key
    talks = () if around.conversation is None else (around.conversation,)
    world = World(
        (),
        now=around.now,
        zone=around.tenant_zone,
        contacts=() if around.contact is None else (around.contact,),
        conversations=(*kin.conversations, *talks),
        global_variables={**kin.globals, **around.globals},
        max_transitions=given.max_transitions,
        max_bytes=given.max_bytes,
    )
    world.inner = kin.workflows
    world.standstills = {**kin.standstills, key: around.standstill}
    world.counted = around.counted
    world.lines = around.lines
    world.shares, world.kept = kin.shares, kin.kept
    if around.splits is not NO_SPLITS:
        world.shares = {**kin.shares, key: {foreseen.workflow.version: around.splits.shares}}
        world.kept = {**kin.kept, key: around.splits.kept}
    world.paused.update(kin.paused, (key,) if around.held else ())
    events = tuple({(event.source, event.id): event for event in (*around.events, *kin.events)}.values())
    for member in (foreseen, *kin.members):
        task, work = member.snapshot.task, None
        if task is not None and member.order is not None:
            work = OpenWork(member.order, member.available_at or around.now, task.attempt)
        world.adopt(member.workflow, member.snapshot, events, work)
        if member.quarantined and not given.resumed:
            world.given_up.add(member.snapshot.id)
    return world


def _let_go(world: World, foreseen: Foreseen) -> None:
    """What holds it ends: a pause of its workflow, or of those of its family, and its own."""
    for key in sorted(world.paused):
        world.resume_workflow(key)
    if foreseen.snapshot.status is Status.PAUSED:
        world.operate(foreseen.snapshot.id, "resume", {})


def _stays(foreseen: Foreseen, world: World) -> Iterator[Stay]:
    """The visits from the present one on, in order."""
    snapshot, steps = foreseen.snapshot, foreseen.workflow.steps
    stays: dict[int, Stay] = {}
    if snapshot.step and snapshot.step in steps:
        entered_at = snapshot.entered_at or foreseen.surroundings.now
        stays[snapshot.visit] = Stay(snapshot.step, steps[snapshot.step].type, entered_at)
    for entry in world.records[snapshot.id].history:
        stay = stays.get(entry.visit)
        if stay is None and entry.step:
            stay = Stay(entry.step, entry.step_type or "", entry.at)
        if stay is not None:
            stays[entry.visit] = _after(stay, entry)
    yield from stays.values()


def _after(stay: Stay, entry: HistoryEntry) -> Stay:
    if stay.left_at is not None:
        return stay
    if entry.kind in ("step_completed", "step_failed"):
        return replace(stay, left_at=entry.at, outcome=entry.outcome or "")
    if entry.kind in ("step_skipped", "exited", "failed", "cancelled"):
        return replace(stay, left_at=entry.at, outcome=entry.kind.removeprefix("step_"))
    return stay


def _assumed(foreseen: Foreseen, given: Assumptions) -> Iterator[str]:
    yield "no further events come" if not given.acts else "no further events come but those that are scripted"
    yield (
        "every task succeeds at its first attempt, at once"
        if not given.results
        else "every task succeeds at once, but for the results that are scripted"
    )
    yield "the contact stays as it is now, but for what this run changes"
    yield "the workflow, other workflows and operators do nothing to it meanwhile"
    if foreseen.snapshot.parent_id is not None:
        yield "the run whose child it is leaves it alone"
    if foreseen.snapshot.status is Status.PENDING:
        yield "it begins at once: when there is a place for it depends on other runs"
    if given.resumed:
        yield "what holds it now ends at once"
    flows = {flow.key: flow for flow in (foreseen.workflow, *foreseen.kin.workflows.values())}
    steps = [step for flow in flows.values() for step in flow.steps.values()]
    if any(step.runner.human for step in steps):
        yield "people decide at once, the first that they can choose, unless it is scripted"
    if any(flow.rated for flow in flows.values()):
        yield "nobody else comes to the line before a provider's rate; who stands in it now is known"
    if any(step.type == "split" for step in steps):
        yield "a split that draws at random may draw otherwise"
