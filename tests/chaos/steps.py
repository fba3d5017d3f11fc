"""Random steps, in bodies within bodies. They only lead forward, so that every run comes to an end."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

from tests.chaos.words import EVENTS, KEYS, LEAF, TAGS

Step = dict[str, Any]
_DEEP: Final = 2
_MANY: Final = 14


class StepAuthor:
    """Writes the steps of one workflow. `leaf`: it goes through no other."""

    def __init__(self, random: Random, *, leaf: bool = False) -> None:
        self.random = random
        self._leaf = leaf
        self._count = 0
        self._rounds = 0

    def steps(self, depth: int, most: int) -> list[Step]:
        return [self.step(depth) for _ in range(self.random.randint(1, most))]

    def step(self, depth: int) -> Step:
        self._count += 1
        name, number = f"s{self._count}", self._count
        nested = depth < _DEEP and self._count <= _MANY
        maker = self.pick(*PLAIN, *(NESTED if nested else ()))
        step: Step = {"id": name, **maker(self, depth)}
        if self.chance(0.15) and maker in _UNDONE:
            step["compensate"] = [{"id": f"u{number}", **self.change(depth)}]
        if self.chance(0.1):
            step["when"] = "variables.n != 3"
        return step

    # --- resting ---

    def wait(self, depth: int) -> Step:
        step: Step = {"type": "wait", "config": dict(self.pick(*_WAITS))}
        if self.chance(0.2):
            step["config"]["late"] = {"skip_if_older_than": self.pick("1m", "2h")}
        return step

    def date(self, depth: int) -> Step:
        """Until a date of the contact, which moves."""
        config: dict[str, Any] = {"until": "{{contact.due}}", "offset": self.pick("-1h", "0s", "2h")}
        if self.chance(0.4):
            config["on_change"] = self.pick("keep", "recompute")
        if self.chance(0.3):
            config["late"] = {"skip_if_older_than": "6h"}
        return {"type": "wait", "config": config, "on_error": "end"}

    def listen(self, depth: int) -> Step:
        kinds = self.random.sample(EVENTS[1:4], self.random.randint(1, 3))
        cases: list[dict[str, Any]] = [{"event": kind, "branch": "heard"} for kind in kinds]
        if self.chance(0.3):
            cases[0]["when"] = "event.data.text != 'yes'"
        config: dict[str, Any] = {"on": cases, "timeout": self.pick("20s", "10m", "3h")}
        if self.chance(0.5):
            config |= {"debounce": "15s", **self.pick({"max_hold": "1m"}, {})}
        if self.chance(0.3):
            config["since"] = self.pick("enrollment", "wait")
        if self.chance(0.2):
            config["ttl"] = "10m"
        if self.chance(0.2):
            config["consume"] = "one"
        if self.chance(0.2):
            config["key"] = self.pick(*KEYS, "{{enrollment.key}}")
        return {"type": "wait", "config": config}

    def approval(self, depth: int) -> Step:
        config: dict[str, Any] = {"title": "Well, {{contact.id}}?"}
        config |= self.pick(
            {}, {"assign": {"group": "sales"}}, {"assign": {"agent": "eve"}}, {"assign": {"strategy": "round_robin"}}
        )
        if self.chance(0.5):
            config["timeout"] = self.pick("10m", "3h")
        if self.chance(0.5):
            config["reminder"] = {"after": "5m", "every": "10m", "max": 2}
        if self.chance(0.5):
            config["escalation"] = {"after": "30m", "to": self.pick({"group": "leads"}, {"queue": "bosses"})}
        if self.chance(0.5):
            config["form"] = {"n": {"type": "integer", "required": ["approved"], "max": 9}}
        return {"type": "approval", "config": config, "branches": {"rejected": "end"} if self.chance(0.3) else {}}

    # --- work of others ---

    def task(self, depth: int) -> Step:
        step: Step = {"type": "task", "config": {"queue": "work", "input": {"n": "{{ variables.n | default: 0 }}"}}}
        return self._careful(step)

    def call(self, depth: int) -> Step:
        url = "https://shop.example/{{ variables.n | default: 0 }}"
        return self._careful({"type": "http_request", "config": {"url": url, "method": self.pick("GET", "POST")}})

    def assign(self, depth: int) -> Step:
        return {"type": "assign_agent", "config": {"group": "sales"}, "on_error": "end"}

    def message(self, depth: int) -> Step:
        kind = self.pick("send_sms", "send_sms", "send_reply", "end_chat")
        config: dict[str, Any] = {"body": "Hi {{ first_name | default: 'there' }}"}
        step: Step = {"type": kind, "config": {} if kind == "end_chat" and self.chance(0.5) else config}
        if kind != "end_chat" and self.chance(0.15):
            step["urgent"] = True
        if kind == "send_sms" and self.chance(0.2):
            step["sending"] = self.pick({"caps": []}, {"caps": [{"count": 1, "per": "day"}]}, {"consent": "required"})
        return step

    def _careful(self, step: Step) -> Step:
        if self.chance(0.3):
            step["on_error"] = "end"
        if self.chance(0.2):
            step["crash_policy"] = "at_most_once"
        return step

    # --- at once ---

    def change(self, depth: int) -> Step:
        step: Step = self.pick(
            {"type": "add_tag", "config": {"tag": self.pick(*TAGS)}},
            {"type": "remove_tag", "config": {"tag": self.pick(*TAGS)}},
            {"type": "add_tag", "config": {"tag": "chatty", "target": "conversation"}, "on_error": "end"},
            {"type": "update_score", "config": {"value": self.random.randint(-5, 20)}},
            {"type": "update_field", "config": {"field": "seen", "value": 1, "operation": "increment"}},
            {"type": "update_field", "config": {"field": "due", "value": "{{now}}"}},
            {"type": "add_to_list", "config": {"list": "news"}},
        )
        return step

    def compute(self, depth: int) -> Step:
        last, who = "conversation.last", "{{contact.id}} {{ global.shop | default: '' }}"
        step: Step = self.pick(
            {"type": "set_variable", "config": {"path": "n", "value": self.random.randint(0, 4)}},
            {"type": "set_variable", "config": {"path": "who", "value": who}},
            {"type": "set_variable", "config": {"path": last, "value": "{{now}}"}, "on_error": "end"},
            {"type": "set_variable", "config": {"path": "global.last.who", "value": who}},
            {"type": "transform", "config": {"expression": "contact.score + 1"}, "output": "n"},
        )
        return step

    def branch(self, depth: int) -> Step:
        return {"type": "condition", "config": {"conditions": [self.pick(*_CONDITIONS)]}, "branches": {"false": "end"}}

    def split(self, depth: int) -> Step:
        variants = self.pick({"a": 50, "b": 50}, {"a": 1, "b": 2, "holdout": 1})
        step: Step = {"type": "split", "config": {"variants": variants, "mode": self.pick("sticky", "random")}}
        return {**step, "branches": {"b": "end"}} if self.chance(0.3) else step

    def leave(self, depth: int) -> Step:
        return {"type": "exit", "config": {"reason": "enough"}, "when": "variables.n == 2"}

    def undo(self, depth: int) -> Step:
        return {"type": "compensate", "when": "variables.n == 1"}

    # --- bodies ---

    def loop(self, depth: int) -> Step:
        config = dict(
            self.pick(
                {"type": "count", "count": 2},
                {"type": "for_each", "items": [1, 2, 3]},
                {"type": "while", "condition": "variables.n != 4", "max_iterations": 3},
            )
        )
        if config["type"] != "while" and self.chance(0.4):
            config |= {"parallel": True, "concurrency": self.random.randint(1, 3)}
            config["on_branch_error"] = self.pick("fail", "continue")
        self._rounds += 1
        body = self.steps(depth + 1, 3)
        if self.chance(0.3):
            jump = self.pick("break", "continue")
            body.append({"id": f"j{self._rounds}", "type": jump, "when": "loop.index > 0"})
            body.append({"id": f"a{self._rounds}", **self.change(depth)})
        return {"type": "loop", "config": config, "body": body}

    def attempt(self, depth: int) -> Step:
        step: Step = {"type": "try", "steps": self.steps(depth + 1, 2)}
        if self.chance(0.6):
            step["catch"] = self.steps(depth + 1, 2)
        if self.chance(0.6) or "catch" not in step:
            step["finally"] = [{"id": f"{len(str(step))}f{self._count}", **self.compute(depth)}]
        return step

    def fork(self, depth: int) -> Step:
        names = ("left", "right", "middle")[: self.random.randint(2, 3)]
        branches = {name: self.steps(depth + 1, 2) for name in names}
        join, on_error = self.pick("all", "all", "any", 2), self.pick("fail", "continue")
        return {"type": "parallel", "config": {"branches": branches, "join": join, "on_branch_error": on_error}}

    def other(self, depth: int) -> Step:
        """Another workflow, which itself goes into no other."""
        if self._leaf:
            return self.compute(depth)
        config = {"workflow": LEAF, "input": {"text": "inside"}, "wait": self.chance(0.7)}
        return {"type": "sub_workflow", "config": config, **({"on_error": "end"} if self.chance(0.5) else {})}

    def fall_back(self, depth: int) -> Step:
        return {"type": "fallback", "steps": self.steps(depth + 1, 3)}

    def handle(self, depth: int) -> Step:
        return {"type": "error_handler", "steps": self.steps(depth + 1, 2)}

    # --- drawing ---

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, *options: Any) -> Any:
        return self.random.choice(options)


Maker = Callable[[StepAuthor, int], Step]
PLAIN: Final[tuple[Maker, ...]] = (
    StepAuthor.wait, StepAuthor.wait, StepAuthor.date, StepAuthor.date, StepAuthor.listen, StepAuthor.listen,
    StepAuthor.listen, StepAuthor.listen, StepAuthor.approval, StepAuthor.task, StepAuthor.task, StepAuthor.call,
    StepAuthor.assign, StepAuthor.message, StepAuthor.message, StepAuthor.change, StepAuthor.compute,
    StepAuthor.branch, StepAuthor.split, StepAuthor.leave, StepAuthor.undo, StepAuthor.other,
)  # fmt: skip
NESTED: Final[tuple[Maker, ...]] = (
    StepAuthor.loop, StepAuthor.attempt, StepAuthor.fall_back, StepAuthor.handle, StepAuthor.fork, StepAuthor.fork,
)  # fmt: skip
_UNDONE: Final = (StepAuthor.task, StepAuthor.change, StepAuthor.message)
_WAITS: Final[tuple[dict[str, Any], ...]] = (
    {"for": "30s"},
    {"for": "2h"},
    {"until": "2026-03-02T12:00:00Z"},
    {"at": "09:30"},
    {"at": {"time": "23:15", "days": ["mon", "wed"]}, "on_change": "recompute"},
    {"quiet": "10m", "of": "message_received", "timeout": "2h"},
    {"until_true": "contact.score > 30", "timeout": "1h"},
    {"until_true": {"type": "event", "event": "poke", "count": 2, "operator": ">="}, "timeout": "1h"},
)
_CONDITIONS: Final[tuple[dict[str, Any], ...]] = (
    {"field": "score", "operator": ">", "value": 10},
    {"type": "tag", "tag": "red", "operator": "exists"},
    {"type": "event", "event": "order_placed", "within": "1h", "operator": "exists"},
    {"type": "time", "after": "08:00", "before": "18:00"},
)
