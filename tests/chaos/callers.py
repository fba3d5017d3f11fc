"""What callers and operators do to a stage."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from service.engine.bulk import Bulk, carry_on, survey
from service.engine.commands import (
    ChangeContact,
    ChangeConversation,
    Command,
    EnrollContact,
    Operate,
    TriggerEvent,
)
from service.engine.engine import Engine
from service.engine.rounds import Pace
from service.storage.enrollment_queries import EnrollmentFilter
from service.storage.variables import set_variable
from statemachine.errors import Unavailable, WorkflowError
from statemachine.event import Event
from tests.chaos.stage import Stage
from tests.chaos.words import CONTACTS, DATES, EVENTS, KEYS, TAGS, ZONES

_TIMERS: Final = ("keep", "remaining", "catch_up")
_EVENTS: Final = ("buffer", "deliver", "drop")


async def trigger(stage: Stage) -> None:
    if stage.sent and stage.chance(0.15):
        await stage.ask(stage.random.choice(stage.sent))
    else:
        await stage.ask(_event(stage))


async def burst(stage: Stage) -> None:
    """Several events at once, to one replica."""
    await _together(stage, [_event(stage) for _ in range(stage.random.randint(2, 6))])


async def reuse(stage: Stage) -> None:
    """An id that was sent before, with another body."""
    if stage.sent:
        known = stage.random.choice(stage.sent)
        answer = await stage.ask(TriggerEvent("default", known.event, "other"))
        assert isinstance(answer, WorkflowError), f"{known.event.id} was taken twice"


async def crowd(stage: Stage) -> None:
    """Several callers at once, at any replica, while timers are fired by each of them."""
    commands: list[Command] = [_event(stage) for _ in range(stage.random.randint(1, 3))]
    commands += [_enrollment(stage), _change(stage)]
    runs = [run for run in stage.runs() if run.live]
    if runs:
        commands.append(Operate("default", stage.random.choice(runs).id, "advance", stage.id(), "h", _ADVANCE))
    beats = [stage.do(lambda engine: engine.fire_due()) for _ in stage.cast.replicas]
    await asyncio.gather(*(stage.ask(command) for command in commands), *beats)


async def _together(stage: Stage, commands: Sequence[Command]) -> None:
    try:
        results = await stage.cast.one().engine.ask_all(commands)
    except Unavailable:
        results = [Unavailable("gone")] * len(commands)
    await stage.cast.bury()
    for command, result in zip(commands, results, strict=True):
        if isinstance(result, Unavailable):
            await stage.ask(command)
        elif isinstance(result, Exception):
            assert isinstance(result, WorkflowError), f"a defect: {result!r}"
        else:
            stage.note(command, result)
    await stage.cast.settle()


def _event(stage: Stage) -> TriggerEvent:
    contact = stage.random.choice(CONTACTS)
    data: dict[str, Any] = {"text": stage.pick("hi", "stop", "yes"), "channel": "sms"}
    kind = stage.random.choice(EVENTS)
    if kind == "tag_added":
        data = {"tag": stage.random.choice(TAGS)}
    conversation = f"talk-{contact}" if stage.chance(0.4) else None
    key = stage.random.choice(KEYS) if stage.chance(0.2) else None
    patch: dict[str, Any] = {"score": stage.random.randint(0, 60)} if stage.chance(0.2) else {}
    if stage.chance(0.1):
        patch["day"] = _day(stage)
    event = Event(stage.id(), kind, "shop", contact, conversation, key=key, data=data, contact_patch=patch)
    command = TriggerEvent("default", event, "h")
    stage.sent.append(command)
    return command


async def enroll(stage: Stage) -> None:
    await stage.ask(_enrollment(stage))


async def many_of_nobody(stage: Stage) -> None:
    """Runs without a contact, which no lock keeps apart."""
    workflow = stage.workflow()
    count = stage.random.randint(2, 4)
    await _together(stage, [EnrollContact("default", workflow, None, stage.id(), "h") for _ in range(count)])


def _enrollment(stage: Stage) -> EnrollContact:
    contact = stage.random.choice((*CONTACTS, None))
    priority = stage.pick(0, 0, 5)
    return EnrollContact("default", stage.workflow(), contact, stage.id(), "h", priority=priority)


async def change(stage: Stage) -> None:
    await stage.ask(_change(stage))


def _change(stage: Stage) -> ChangeContact:
    patch: dict[str, Any] = {"score": stage.random.randint(0, 60), "seen": stage.random.randint(0, 3)}
    if stage.chance(0.6):
        patch["due"] = stage.pick(*DATES, None, (stage.clock.now + timedelta(minutes=20)).isoformat())
    if stage.chance(0.9):
        patch["day"] = _day(stage)
    if stage.chance(0.2):
        patch["timezone"] = stage.random.choice(ZONES)
    added = (stage.random.choice(TAGS),) if stage.chance(0.4) else ()
    removed = tuple(tag for tag in TAGS if tag not in added and stage.chance(0.1))
    contact = stage.random.choice(CONTACTS)
    return ChangeContact("default", contact, patch, added, removed, request_id=stage.id(), body_hash="h")


def _day(stage: Stage) -> str | None:
    """A date of the contact, mostly one that is to come."""
    coming = ((stage.clock.now + timedelta(hours=hours)).isoformat() for hours in (0.3, 2.5, 7))
    day: str | None = stage.pick(*coming, "2026-03-03", "2026-03-05T08:00", "soon", None)
    return day


async def consent(stage: Stage) -> None:
    said = {stage.pick("sms", "email", "all"): stage.pick("granted", "denied")}
    contact = stage.random.choice(CONTACTS)
    command = ChangeContact("default", contact, consent=said, request_id=stage.id(), body_hash="h")
    await stage.ask(command)


async def talk(stage: Stage) -> None:
    name = f"talk-{stage.random.choice(CONTACTS)}"
    values = {"mood": stage.random.randint(0, 5)}
    command = ChangeConversation("default", name, values, close=stage.chance(0.3), request_id=stage.id(), body_hash="h")
    await stage.ask(command)


async def operate(stage: Stage) -> None:
    """Mostly something that is for a run in its state."""
    runs = stage.runs()
    if not runs:
        return
    failed = [run for run in runs if run.status.value == "failed"]
    run = stage.random.choice(failed if failed and stage.chance(0.2) else runs)
    fitting = _OPERATIONS.get(run.status.value) if stage.chance(0.9) else None
    operation, data = stage.random.choice(fitting or _OPERATIONS["waiting"])
    if operation == "advance":
        data = {"transition": stage.pick("done", "timeout", "heard", "true", "a", "approved"), "data": {"n": 1}}
    if operation == "pause":
        data = {"timers": stage.random.choice(_TIMERS), "events": stage.random.choice(_EVENTS)}
    command = Operate("default", run.id, operation, stage.id(), "h", data)  # type: ignore[arg-type]
    await stage.ask(command)
    if stage.chance(0.2):
        await stage.ask(command)


async def bulk(stage: Stage) -> None:
    """One operation for many, carried on by others when who began it dies, and once more when it is done."""
    operation, data = stage.random.choice(_BULKS)
    workflow = stage.pick(stage.workflow(), "")
    request = Bulk(stage.id(), EnrollmentFilter("default", workflow), operation, data)  # type: ignore[arg-type]

    async def all_of_it(engine: Engine) -> int:
        reach = await engine.read(lambda transaction: survey(transaction, request))
        told = [one async for one in carry_on(engine, request, reach, unhurried())]
        assert told[-1].done
        return told[-1].changed

    done = await stage.do(all_of_it)
    if isinstance(done, int) and stage.chance(0.3):
        again = await stage.do(all_of_it)
        assert isinstance(again, int) and again >= done, "a bulk that is repeated forgets what it did"  # noqa: PT018
    cause = f"op:{operation}/{request.request_id}"
    twice = (
        f"select enrollment_id from history where cause_id = '{cause}' and position = 0 group by 1 having count(*) > 1"
    )
    assert not stage.rows(twice), f"{cause} twice"


async def set_global(stage: Stage) -> None:
    now, value = stage.clock.now, stage.random.randint(0, 9)
    await stage.write(lambda transaction: set_variable(transaction, "default", "shop", value, now))


def unhurried() -> Pace:
    """No pause at all; five at a time."""

    async def pass_by(_seconds: float) -> None:
        return

    return Pace(25, now=lambda: 0.0, pause=pass_by)


_ADVANCE: Final = {"transition": "done", "data": {"n": 1}}
_RETRIES: Final[tuple[tuple[str, dict[str, Any]], ...]] = (("retry", {}), ("retry", {"input": {"n": 3}}))
_OPERATIONS: Final[dict[str, tuple[tuple[str, dict[str, Any]], ...]]] = {
    "waiting": (
        ("pause", {}), ("pause", {}), ("advance", {}), ("advance", {}), ("advance", {}), ("exit", {"reason": "x"}),
        ("cancel", {"reason": "no"}), ("set_variables", {"variables": {"n": 3}}), ("reschedule", {"by_s": 60}),
        ("reschedule", {"by_s": -600}),
    ),
    "paused": (
        ("resume", {}), ("resume", {}), ("set_variables", {"variables": {"n": 1}}), ("advance", {}), ("cancel", {}),
    ),
    "failed": _RETRIES,
    "pending": (("cancel", {"reason": "no"}), ("exit", {"reason": "x"})),
}  # fmt: skip
_BULKS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("pause", {}), ("resume", {}), ("retry", {}), ("advance", {"transition": "done", "data": {}}),
    ("exit", {"reason": "all"}), ("cancel", {"reason": "all"}),
)  # fmt: skip
