"""Operators who pause, resume, cancel, exit, retry, advance and migrate anything at any time: nothing is refused by a
defect, families hold together, also while news of children is held, and every history decides again."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any

import pytest

from statemachine.definition import load_workflow
from statemachine.errors import WorkflowError
from statemachine.snapshot import Status
from statemachine.standstill import EVENT_POLICIES, PAUSE_POLICIES
from statemachine.workflow import Workflow
from tests.statemachine.checked_world import Simulation

Data = dict[str, Any]
RATE = {"rates": {"count": 1, "per": "30s", "channel": "sms"}}
TEXT: Data = {"type": "send_sms", "config": {"to": "1", "body": "x"}, "sending": RATE}
UNMAIL = {"id": "unmail", "type": "add_tag", "config": {"tag": "un"}}
BURST = {"on": "click", "debounce": "5s", "timeout": "1m"}
EITHER = {"on": "reply", "until_true": "contact.score > 3", "timeout": "2m"}
ASK = {"timeout": "3m", "reminder": {"after": "30s", "every": "30s"}}


def wait(step: str, **config: Any) -> Data:
    return {"id": step, "type": "wait", "config": config}


def work(step: str, **keys: Any) -> Data:
    return {"id": step, "type": "task", "config": {"queue": "q"}, **keys}


BRANCHES = {
    "a": [wait("burst", **BURST), work("mail", compensate=[UNMAIL])],
    "b": [wait("either", **EITHER), {"id": "text", **TEXT}],
    "c": [{"id": "ask", "type": "approval", "config": ASK}],
}  # fmt: skip
TRIED: list[Data] = [
    {"id": "par", "type": "parallel", "config": {"join": 2, "on_branch_error": "continue", "branches": BRANCHES}},
    work("book", compensate=[work("unbook")]),
    {"id": "or", "type": "fallback", "config": {"steps": [
        [work("first")], [{"id": "second", "type": "sub_workflow", "config": {"workflow": "inner"}}]]}},
]  # fmt: skip
STEPS: list[Data] = [
    {"id": "try", "type": "try", "config": {
        "steps": TRIED,
        "catch": [{"id": "undo", "type": "compensate"}, wait("calm", quiet="20s", of="click")],
        "finally": [wait("last", on="click", timeout="10s")]}},
    {"id": "each", "type": "for_each",
     "config": {"items": [1, 2, 3], "parallel": True, "concurrency": 2, "on_branch_error": "continue"},
     "body": [wait("round", on="click", timeout="15s", since="enrollment"), work("do")]},
]  # fmt: skip
INNER: list[Data] = [
    wait("listen", on="reply", timeout="20s"),
    {"id": "mark", "type": "add_tag", "config": {"tag": "inner"}},
]
RENAMED = {name: f"{name}_2" for name in ("second", "book", "calm", "last", "listen", "do", "rest")}
RULES: Data = {
    "limits": {"max_duration": "8m", "max_execution": "2m"},
    "on_failure": [{"id": "sorry", **TEXT}, wait("rest", on="click", timeout="20s")],
}


def _event(play: Simulation, dice: Random, run: str) -> None:
    patch = {"score": dice.randrange(6)} if dice.random() < 0.3 else {}
    play.trigger(dice.choice(["click", "reply", "click", "reply", "stop"]), contact_patch=patch)


def _time(play: Simulation, dice: Random, run: str) -> None:
    play.wait(seconds=dice.choice([1, 5, 20, 40]))


def _pause(play: Simulation, dice: Random, run: str) -> None:
    play.operate("pause", run, timers=dice.choice(PAUSE_POLICIES), events=dice.choice(EVENT_POLICIES))


def _resume(play: Simulation, dice: Random, run: str) -> None:
    play.operate("resume", run)


def _cancel(play: Simulation, dice: Random, run: str) -> None:
    if dice.random() < 0.3:
        play.operate("cancel", run)


def _exit(play: Simulation, dice: Random, run: str) -> None:
    if dice.random() < 0.3:
        play.operate("exit", run)


def _retry(play: Simulation, dice: Random, run: str) -> None:
    play.operate("retry", run)


def _advance(play: Simulation, dice: Random, run: str) -> None:
    play.operate("advance", run, transition=dice.choice(["done", "timeout", "approved", "error"]))


def _hold(play: Simulation, dice: Random, run: str) -> None:
    play.pause_workflow(dice.choice(["flow", "inner"]), dice.choice(PAUSE_POLICIES), dice.choice(EVENT_POLICIES))


def _let_go(play: Simulation, dice: Random, run: str) -> None:
    for key in ("flow", "inner"):
        play.resume_workflow(key)


def _again(play: Simulation, dice: Random, run: str) -> None:
    if dice.random() < 0.2:
        play.trigger("go")


def _migrate(play: Simulation, dice: Random, run: str) -> None:
    if dice.random() < 0.5:
        play.migrate(RENAMED, run_id=run, timers=dice.choice(["keep", "recompute"]))


def _answer(play: Simulation, dice: Random, run: str) -> None:
    asked = [name for name, record in play.records.items() if record.snapshot.task is not None]
    if not asked:
        return
    name = dice.choice(asked)
    task = play.records[name].snapshot.task
    if task is not None and task.step.startswith("ask"):
        decision = dice.choice(["approved", "rejected"])
        play.complete({"decision": decision, "by": "ann"}, decision, name)
    elif dice.random() < 0.4:
        play.fail(run_id=name, retryable=dice.random() < 0.5)
    else:
        play.complete({"n": 1}, run_id=name)


ACTS: tuple[Callable[[Simulation, Random, str], None], ...] = (
    _event, _event, _time, _pause, _resume, _resume, _cancel, _exit, _retry, _advance, _hold, _let_go, _answer,
    _answer, _again, _migrate,
)  # fmt: skip


def _moving(play: Simulation, dice: Random) -> str:
    """A run that is not over, mostly."""
    names = [name for name, one in play.records.items() if one.snapshot.live or one.snapshot.status is Status.FAILED]
    return dice.choice(names if names and dice.random() < 0.9 else list(play.records))


def _opened(dice: Random) -> Simulation:
    rules = {
        **RULES,
        "exit": [{"on": "stop"}] if dice.random() < 0.3 else [],
        "entry": {"reentry": dice.choice(["after_exit", "restart"])},
    }
    versions = [
        _version(rules | {"key": "flow", "steps": STEPS}),
        _version({"key": "inner", "triggers": [{"type": "never"}], "steps": INNER}),
    ]
    play = Simulation(*(first for first, _ in versions), versions=[later for _, later in versions])
    play.trigger("go")
    return play


@cache
def _compiled_twice(text: str) -> tuple[Workflow, Workflow]:
    renamed = json.dumps(_renamed(json.loads(text)))
    first, later = load_workflow(text, version=1).workflow, load_workflow(renamed, version=2).workflow
    assert first is not None
    assert later is not None
    return first, later


def _version(document: Data) -> tuple[Workflow, Workflow]:
    """A workflow, and its next version, in which some steps have other names."""
    return _compiled_twice(json.dumps({"triggers": [{"type": "go"}], **document}))


def _renamed(document: Any) -> Any:
    if isinstance(document, list):
        return [_renamed(one) for one in document]
    if isinstance(document, dict):
        return {key: RENAMED.get(one, one) if key == "id" else _renamed(one) for key, one in document.items()}
    return document


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_held_and_let_go_in_any_order_families_hold_and_histories_decide_again(seed: int) -> None:
    dice = Random(seed)
    play = _opened(dice)
    for number in range(60):
        with suppress(WorkflowError):
            dice.choice(ACTS)(play, dice, _moving(play, dice))
        if number % 20 == 0:
            play.audit()
    _let_go(play, dice, "")
    for name in list(play.records):
        with suppress(WorkflowError):
            play.operate("resume", name)
    play.wait(minutes=1)
    play.audit()
