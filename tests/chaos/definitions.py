"""Random definitions that publish: every step type that needs nothing but the engine, in bodies within bodies.

Steps only lead forward, so that every run comes to an end, whatever happens to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any, Final

from statemachine.definition import load_workflow

EVENTS: Final = ("go", "poke", "message_received", "order_placed", "tag_added")
TAGS: Final = ("red", "green", "blue")
LEAF: Final = "leaf"
QUEUES: Final = ("work", "messages")

Step = dict[str, Any]


def random_definition(random: Random, key: str) -> dict[str, Any]:
    """A definition without errors; what the generator gets wrong is drawn again. `LEAF` goes into no other workflow."""
    while True:
        definition = _Author(random, leaf=key == LEAF).definition(key)
        if load_workflow(json.dumps(definition)).workflow is not None:
            return definition


class _Author:
    def __init__(self, random: Random, *, leaf: bool = False) -> None:
        self._random = random
        self._leaf = leaf
        self._count = 0

    def definition(self, key: str) -> dict[str, Any]:
        made: dict[str, Any] = {"key": key, "name": key, "triggers": self._triggers(), "steps": self._steps(0, 6)}
        made["retry"] = {
            "max_attempts": self._random.randint(1, 3),
            "backoff": "10s",
            "jitter": self._pick("none", "full"),
        }
        made["entry"] = self._entry()
        made["pause"] = {
            "timers": self._pick("keep", "remaining", "catch_up"), "events": self._pick("buffer", "deliver", "drop"),
        }  # fmt: skip
        if self._chance(0.4):
            made["exit"] = [self._pick(*_EXITS)]
        if self._chance(0.3):
            made["limits"] = self._pick({"max_duration": "5h"}, {"max_transitions": 40}, {"max_concurrent": 1},
                                        {"max_concurrent": 2, "over_limit": "refuse"}, {"per_minute": 2})  # fmt: skip
        if self._chance(0.3):
            made["sending"] = self._pick(*_SENDING)
        if self._chance(0.25):
            made["on_failure"] = self._steps(2, 2)
        if self._chance(0.5):
            made["variables"] = {"n": 0, "said": "{{ trigger.data.text | default: 'nothing' }}"}
        return made

    def _triggers(self) -> list[dict[str, Any]]:
        kinds = self._random.sample(EVENTS, self._random.randint(1, 2))
        return [
            {
                "type": kind,
                **({"conditions": [{"field": "score", "operator": "<", "value": 50}]} if self._chance(0.2) else {}),
            }
            for kind in kinds
        ]

    def _entry(self) -> dict[str, Any]:
        entry: dict[str, Any] = {"reentry": self._pick("never", "after_exit", "always", "restart")}
        if self._chance(0.2):
            entry["max_entries"] = 3
        if self._chance(0.2):
            entry["cooldown"] = "30m"
        if self._chance(0.25):
            entry["conflict"] = {"policy": self._pick("queue", "skip", "interrupt"), "channels": ["sms"]}
        return entry

    # --- steps ---

    def _steps(self, depth: int, most: int) -> list[Step]:
        return [self._step(depth) for _ in range(self._random.randint(1, most))]

    def _step(self, depth: int) -> Step:
        self._count += 1
        name = f"s{self._count}"
        makers = [*_PLAIN] if depth >= 2 or self._count > 14 else [*_PLAIN, *_NESTED]
        maker = self._pick(*makers)
        step: Step = {"id": name, **maker(self, depth)}
        if self._chance(0.15) and maker in (_Author.task, _Author.change, _Author.message):
            step["compensate"] = [{"id": f"u{self._count}", **self.change(depth)}]
        if self._chance(0.1):
            step["when"] = "variables.n != 3"
        return step

    def wait(self, depth: int) -> Step:
        return {"type": "wait", "config": self._pick(*_WAITS)}

    def listen(self, depth: int) -> Step:
        on = [
            {"event": kind, "branch": "heard"} for kind in self._random.sample(EVENTS[1:4], self._random.randint(1, 3))
        ]
        config: dict[str, Any] = {"on": on, "timeout": self._pick("20s", "10m", "3h")}
        if self._chance(0.3):
            config |= {"debounce": "15s", "max_hold": "1m"}
        if self._chance(0.3):
            config["since"] = self._pick("enrollment", "wait")
        return {"type": "wait", "config": config}

    def task(self, depth: int) -> Step:
        step: Step = {"type": "task", "config": {"queue": "work", "input": {"n": "{{ variables.n | default: 0 }}"}}}
        if self._chance(0.3):
            step["on_error"] = "end"
        if self._chance(0.2):
            step["crash_policy"] = "at_most_once"
        return step

    def message(self, depth: int) -> Step:
        kind = self._pick("send_sms", "send_reply", "end_chat")
        config: dict[str, Any] = {"body": "Hi {{ first_name | default: 'there' }}"}
        return {"type": kind, "config": {} if kind == "end_chat" and self._chance(0.5) else config}

    def change(self, depth: int) -> Step:
        step: Step = self._pick(
            {"type": "add_tag", "config": {"tag": self._pick(*TAGS)}},
            {"type": "remove_tag", "config": {"tag": self._pick(*TAGS)}},
            {"type": "add_tag", "config": {"tag": "chatty", "target": "conversation"}, "on_error": "end"},
            {"type": "update_score", "config": {"value": self._random.randint(-5, 20)}},
            {"type": "update_field", "config": {"field": "seen", "value": 1, "operation": "increment"}},
        )
        return step

    def compute(self, depth: int) -> Step:
        step: Step = self._pick(
            {"type": "set_variable", "config": {"path": "n", "value": self._random.randint(0, 4)}},
            {
                "type": "set_variable",
                "config": {"path": "who", "value": "{{contact.id}} {{ global.shop | default: '' }}"},
            },
            {"type": "set_variable", "config": {"path": "conversation.last", "value": "{{now}}"}, "on_error": "end"},
            {"type": "transform", "config": {"expression": "contact.score + 1"}, "output": "n"},
        )
        return step

    def branch(self, depth: int) -> Step:
        return {"type": "condition", "config": {"conditions": [self._pick(*_CONDITIONS)]}, "branches": {"false": "end"}}

    def split(self, depth: int) -> Step:
        return {"type": "split", "config": {"variants": {"a": 50, "b": 50}, "mode": self._pick("sticky", "random")},
                "branches": {"b": "end"} if self._chance(0.3) else {}}  # fmt: skip

    def leave(self, depth: int) -> Step:
        return {"type": "exit", "config": {"reason": "enough"}, "when": "variables.n == 2"}

    def loop(self, depth: int) -> Step:
        config = dict(self._pick({"type": "count", "count": 2}, {"type": "for_each", "items": [1, 2, 3]}))
        if self._chance(0.3):
            config |= {"parallel": True, "concurrency": self._random.randint(1, 3)}
        return {"type": "loop", "config": config, "body": self._steps(depth + 1, 3)}

    def attempt(self, depth: int) -> Step:
        step: Step = {"type": "try", "steps": self._steps(depth + 1, 2)}
        if self._chance(0.6):
            step["catch"] = self._steps(depth + 1, 2)
        if self._chance(0.6) or "catch" not in step:
            step["finally"] = [{"id": f"{len(str(step))}f{self._count}", **self.compute(depth)}]
        return step

    def fork(self, depth: int) -> Step:
        branches = {
            name: self._steps(depth + 1, 2) for name in ("left", "right", "middle")[: self._random.randint(2, 3)]
        }
        join, on_error = self._pick("all", "all", "any", 2), self._pick("fail", "continue")
        return {"type": "parallel", "config": {"branches": branches, "join": join, "on_branch_error": on_error}}

    def other(self, depth: int) -> Step:
        """Another workflow, which itself goes into no other."""
        if self._leaf:
            return self.compute(depth)
        config = {"workflow": LEAF, "input": {"text": "inside"}, "wait": self._chance(0.7)}
        return {"type": "sub_workflow", "config": config, **({"on_error": "end"} if self._chance(0.5) else {})}

    def undo(self, depth: int) -> Step:
        return {"type": "compensate", "when": "variables.n == 1"}

    def fall_back(self, depth: int) -> Step:
        return {"type": "fallback", "steps": self._steps(depth + 1, 3)}

    def handle(self, depth: int) -> Step:
        return {"type": "error_handler", "steps": self._steps(depth + 1, 2)}

    # --- drawing ---

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _pick(self, *options: Any) -> Any:
        return self._random.choice(options)


Maker = Callable[[_Author, int], Step]
_PLAIN: Final[tuple[Maker, ...]] = (
    _Author.wait, _Author.listen, _Author.listen, _Author.task, _Author.task, _Author.message, _Author.change,
    _Author.compute, _Author.branch, _Author.split, _Author.leave, _Author.undo,
    _Author.other,
)  # fmt: skip
_NESTED: Final[tuple[Maker, ...]] = (_Author.loop, _Author.attempt, _Author.fall_back, _Author.handle, _Author.fork)
_WAITS: Final[tuple[dict[str, Any], ...]] = (
    {"for": "30s"},
    {"for": "2h"},
    {"until": "2026-03-02T12:00:00Z"},
    {"at": "09:30"},
    {"quiet": "10m", "of": "message_received", "timeout": "2h"},
    {"until_true": "contact.score > 30", "timeout": "1h"},
)
_CONDITIONS: Final[tuple[dict[str, Any], ...]] = (
    {"field": "score", "operator": ">", "value": 10},
    {"type": "tag", "tag": "red", "operator": "exists"},
    {"type": "event", "event": "order_placed", "within": "1h", "operator": "exists"},
)
_SENDING: Final[tuple[dict[str, Any], ...]] = (
    {"caps": [{"count": 1, "per": "1h"}]},
    {"caps": [{"count": 2, "per": "1d", "channel": "sms"}], "on_blocked": "skip"},
    {"quiet_hours": {"from": "10:00", "to": "12:00"}, "spread": "10m"},
)
_EXITS: Final[tuple[dict[str, Any], ...]] = (
    {"on": "order_placed", "goal": "purchase"},
    {"on": "message_received", "when": "event.data.text == 'stop'", "reason": "stopped"},
    {"on_mismatch": True},
)
