"""Simulate: play a script in a world of its own, on a virtual clock, as fast as it goes.

Everything happens in order of its time. At one instant, what the world does by itself comes first: raised events, then
answers to tasks, then timers, then the next act of the script. Attempts of tasks take no time unless the script says
that they do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from statemachine.errors import NotFound, TransitionRefused, WorkflowError
from statemachine.event import Event
from statemachine.names import canonical_event
from statemachine.simulation.kept import OpenWork, Record
from statemachine.simulation.script import USUAL, Act, Result, Script, completed
from statemachine.simulation.trace import Answer, Attempt, Moment, MomentKind
from statemachine.simulation.world import World
from statemachine.snapshot import Status

Stopped = Literal["settled", "time", "transitions", "size"]


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of a script. `stopped` says why it ended: `settled` when nothing was left to happen, else its limit."""

    world: World
    stopped: Stopped
    ended_at: datetime

    @property
    def trace(self) -> tuple[Moment, ...]:
        return tuple(self.world.trace)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Everything that would have been sent or asked of the outside, in order."""
        return tuple(moment.attempt for moment in self.world.trace if moment.attempt is not None)


def simulate(script: Script) -> Simulated:
    """Play a script to its end. Pure: the same script gives the same trace, byte for byte."""
    world = World(
        script.workflows,
        now=script.starts_at,
        contacts=script.contacts,
        global_variables=script.global_variables,
        max_transitions=script.max_transitions,
        max_bytes=script.max_bytes,
    )
    return carry_on(script, world)


def carry_on(script: Script, world: World) -> Simulated:
    """Play a script in a world that is there already; its contacts and workflows are the world's."""
    return _Stage(script, world).play()


_Next = tuple[datetime, int, Callable[[], None]]
_ANSWER, _TIMER, _ACT = range(3)
_EVERY_VISIT: Final = (Result(USUAL),)


class _Stage:
    def __init__(self, script: Script, world: World) -> None:
        self._script = script
        self.world = world
        self._acts = sorted(script.acts, key=lambda act: act.after)
        self._played = 0
        self._serial = 0
        self._back_at = script.starts_at

    def play(self) -> Simulated:
        world, ends_at = self.world, self._script.starts_at + self._script.lasts
        while not world.exhausted:
            following = self._next()
            if following is None:
                return Simulated(world, "settled", world.now)
            at = max(following[0], self._back_at)
            if at > ends_at:
                world.now = ends_at
                return Simulated(world, "time", world.now)
            world.now = max(world.now, at)
            following[2]()
        return Simulated(world, "size" if world.exhausted == "size" else "transitions", world.now)

    def _next(self) -> _Next | None:
        waiting: list[_Next] = [*self._answers()]
        timer = self.world.next_timer()
        if timer is not None:
            waiting.append((timer[0], _TIMER, lambda: self._fire(timer[1])))
        if self._played < len(self._acts):
            waiting.append((self._script.starts_at + self._acts[self._played].after, _ACT, self._act))
        return min(waiting, key=lambda one: one[:2], default=None)

    def _fire(self, run_id: str) -> None:
        if self.world.fire(run_id) is None:
            self.world.transitions += 1

    def _answers(self) -> list[_Next]:
        found: list[_Next] = []
        for run_id, record in self.world.records.items():
            work = record.work
            if work is None or work.answered:
                continue
            answer = self._answer(record, work)
            if not answer.never:
                found.append((work.available_at + answer.after, _ANSWER, lambda run_id=run_id: self._attempt(run_id)))  # type: ignore[misc]
        return found

    def _answer(self, record: Record, work: OpenWork) -> Answer:
        results = self._script.results.get((record.workflow.key, work.order.step), _EVERY_VISIT)
        return results[min(work.visit, len(results)) - 1].answer(work.attempt)

    def _attempt(self, run_id: str) -> None:
        record = self.world.records[run_id]
        assert record.work is not None
        self._serial += 1
        answer = completed(self._answer(record, record.work), record.work.order, self._serial, self.world.now)
        self.world.answer(run_id, answer)

    def _act(self) -> None:
        act = self._acts[self._played]
        self._played += 1
        try:
            self._perform(act)
        except WorkflowError as refusal:
            text = act.type or act.kind
            moment = Moment(self.world.now, _told(act), act.contact_id, text=text, refusal=str(refusal))
            self.world.trace.append(moment)

    def _perform(self, act: Act) -> None:
        if act.kind == "event":
            self.world.receive(self._event(act))
        elif act.kind == "enroll":
            if act.workflow not in self.world.workflows:
                raise NotFound("workflow", act.workflow)
            call = replace(self._event(act), type="api", source="api", data=act.data)
            self.world.enter(act.workflow, call, act.key)
        elif act.kind == "upsert":
            assert act.contact_id is not None
            self.world.change_contact(act.contact_id, act.data)
        elif act.kind == "outage":
            self._go_away(act)
        elif act.kind == "consent":
            assert act.contact_id is not None
            self.world.set_consent(act.contact_id, act.data)
        else:
            record = self._subject(act)
            self.world.operate(record.snapshot.id, act.kind, act.data)

    def _go_away(self, act: Act) -> None:
        """Nothing happens until the outage is over; callers and workers come again then, timers that fell due fire."""
        self._back_at = max(self._back_at, self._script.starts_at + act.after + act.lasts)
        self.world.trace.append(Moment(self.world.now, "operation", text=f"outage until {self._back_at.isoformat()}"))

    def _event(self, act: Act) -> Event:
        known = canonical_event(act.type or "api")
        return Event(
            id=act.id or self.world.mint("event"),
            type=known.type,
            source=act.source,
            contact_id=act.contact_id,
            conversation_id=act.conversation_id,
            key=act.key,
            data={**act.data, **known.data_filter},
            contact_patch=act.contact_patch,
        )

    def _subject(self, act: Act) -> Record:
        """Whom an operation is about: the latest enrollment that lives (for `retry`: that failed), else the latest."""
        records = self.world.runs_of(act.workflow, act.contact_id)
        if not records:
            whose = f" of contact {act.contact_id!r}" if act.contact_id else ""
            why = f"there is no enrollment{whose} in {act.workflow!r}"
            raise TransitionRefused(act.kind, status="not enrolled", step=None, allowed=(), why=why)
        wanted = [one for one in records if _concerns(act, one)]
        return (wanted or records)[-1]


def _told(act: Act) -> MomentKind:
    if act.kind in ("event", "enroll"):
        return "event"
    return "contact" if act.kind in ("upsert", "consent") else "operation"


def _concerns(act: Act, record: Record) -> bool:
    return record.snapshot.status is Status.FAILED if act.kind == "retry" else record.snapshot.live
