"""Random definitions that publish, and the next versions of them."""

from __future__ import annotations

import copy
import json
from functools import cache
from random import Random
from typing import Any, Final

from service.engine.publishing import Publication, prepare
from statemachine.errors import DefinitionError
from tests.chaos.steps import Step, StepAuthor
from tests.chaos.words import EVENTS, LEAF

Definition = dict[str, Any]


def random_definition(random: Random, key: str) -> Definition:
    """A definition without errors; what the generator gets wrong is drawn again. `LEAF` goes into no other workflow."""
    while True:
        definition = _document(random, key)
        if _publishes(definition):
            return definition


def next_version(random: Random, definition: Definition) -> tuple[Definition, dict[str, str]]:
    """A version that is like this one but for a few things, and what has to be said for runs to move to it."""
    for _ in range(20):
        changed, mapping = copy.deepcopy(definition), dict[str, str]()
        for _ in range(random.randint(1, 3)):
            mapping |= random.choice(_EDITS)(random, changed)
        if changed != definition and _publishes(changed):
            return changed, mapping
    return random_definition(random, definition["key"]), {}


def publication(definition: Definition) -> Publication:
    return Publication("default", json.dumps(definition))


def _publishes(definition: Definition) -> bool:
    return _compiles(json.dumps(definition))


@cache
def _compiles(source: str) -> bool:
    try:
        prepare(Publication("default", source))
    except DefinitionError:
        return False
    return True


def _document(random: Random, key: str) -> Definition:
    author = StepAuthor(random, leaf=key == LEAF)
    pick, chance = author.pick, author.chance
    made: Definition = {"key": key, "name": key, "triggers": _triggers(author, key), "steps": author.steps(0, 6)}
    made["retry"] = {"max_attempts": random.randint(1, 3), "backoff": "10s", "jitter": pick("none", "full")}
    made["entry"] = _entry(author)
    made["pause"] = {
        "timers": pick("keep", "remaining", "catch_up"), "events": pick("buffer", "deliver", "drop"),
    }  # fmt: skip
    if chance(0.4):
        made["exit"] = [pick(*_EXITS)]
    if chance(0.4):
        made["limits"] = pick(*_LIMITS)
    if chance(0.4):
        made["sending"] = pick(*_SENDING)
    if chance(0.25):
        made["on_failure"] = author.steps(2, 2)
    if chance(0.5):
        made["variables"] = {"n": 0, "said": "{{ trigger.data.text | default: 'nothing' }}"}
    if chance(0.3):
        made["timezone"] = "Europe/Berlin"
    return made


def _triggers(author: StepAuthor, key: str) -> list[dict[str, Any]]:
    triggers: list[dict[str, Any]] = []
    for kind in author.random.sample(EVENTS, author.random.randint(1, 2)):
        trigger: dict[str, Any] = {"type": kind}
        if author.chance(0.3):
            trigger["conditions"] = [{"field": "score", "operator": "<", "value": 50}]
        if author.chance(0.1):
            trigger["key"] = "{{trigger.data.text}}"
        triggers.append(trigger)
    if author.chance(0.4):
        triggers.append({"id": f"by_{key}", "type": "date", "config": _by_date(author)})
    return triggers


def _by_date(author: StepAuthor) -> dict[str, Any]:
    """By a field that no step writes: workflows that set their own date never come to rest."""
    config: dict[str, Any] = {"field": "day", "offset": author.pick("-10m", "0s", "2h")}
    if author.chance(0.3):
        config |= {"offset": author.pick("-1d", "0s"), "at": "10:00", "every": author.pick("year", None)}
    if author.chance(0.4):
        config["late"] = {"skip_if_older_than": author.pick("1m", "6h")}
    return config


def _entry(author: StepAuthor) -> dict[str, Any]:
    entry: dict[str, Any] = {"reentry": author.pick("never", "after_exit", "always", "restart")}
    if author.chance(0.2):
        entry["max_entries"] = 3
    if author.chance(0.2):
        entry["cooldown"] = "30m"
    if author.chance(0.2):
        entry["grace"] = "30m"
    if author.chance(0.2):
        entry["priority"] = author.random.randint(1, 9)
    if author.chance(0.25):
        entry["conflict"] = {"policy": author.pick("queue", "skip", "interrupt"), "channels": ["sms"]}
    return entry


# --- edits ---


def _other_limits(random: Random, definition: Definition) -> dict[str, str]:
    definition["limits"] = random.choice(_LIMITS)
    return {}


def _other_exit(random: Random, definition: Definition) -> dict[str, str]:
    definition["exit"] = [random.choice(_EXITS)]
    return {}


def _more(random: Random, definition: Definition) -> dict[str, str]:
    step = {"id": f"n{random.randint(0, 99)}", **StepAuthor(random, leaf=True).change(0)}
    definition["steps"].insert(random.randint(0, len(definition["steps"])), step)
    return {}


def _less(random: Random, definition: Definition) -> dict[str, str]:
    if len(definition["steps"]) > 1:
        definition["steps"].pop(random.randrange(len(definition["steps"])))
    return {}


def _renamed(random: Random, definition: Definition) -> dict[str, str]:
    step = random.choice(definition["steps"])
    old, step["id"] = step["id"], f"r{step['id']}"
    return {old: step["id"]}


def _slower(random: Random, definition: Definition) -> dict[str, str]:
    """Another time in one of the waits."""
    waits: list[Step] = [step for step in _all_steps(definition["steps"]) if step["type"] == "wait"]
    if waits:
        config = random.choice(waits)["config"]
        for name in ("for", "timeout"):
            if name in config:
                config[name] = random.choice(["5s", "45m", "5h"])
    return {}


def _all_steps(value: Any) -> list[Step]:
    if isinstance(value, list):
        return [step for part in value for step in _all_steps(part)]
    if not isinstance(value, dict):
        return []
    inner = [step for part in value.values() for step in _all_steps(part)]
    return [value, *inner] if "id" in value and "type" in value else inner


_EDITS: Final = (_other_limits, _other_exit, _more, _more, _less, _renamed, _slower, _slower)
_LIMITS: Final[tuple[dict[str, Any], ...]] = (
    {"max_duration": "5h"},
    {"max_execution": "40s"},
    {"max_transitions": 40},
    {"max_concurrent": 1},
    {"max_concurrent": 2, "over_limit": "refuse"},
    {"per_minute": 2},
)
_SENDING: Final[tuple[dict[str, Any], ...]] = (
    {"caps": [{"count": 1, "per": "1h"}]},
    {"caps": [{"count": 2, "per": "1d", "channel": "sms"}], "on_blocked": "skip"},
    {"caps": [{"count": 1, "per": "day"}, {"count": 3, "per": "week"}]},
    {
        "quiet_hours": {"from": "10:00", "to": "12:00"},
        "spread": "10m",
        "rates": [{"count": 1, "per": "10m", "channel": "sms"}],
    },
    {"quiet_hours": {"from": "21:00", "to": "08:00"}, "caps": [{"count": 2, "per": "2h"}]},
    {"days": ["mon", "wed"], "consent": "required"},
    {"holidays": ["2026-03-02"], "spread": "1h"},
)
_EXITS: Final[tuple[dict[str, Any], ...]] = (
    {"on": "order_placed", "goal": "purchase"},
    {"on": "message_received", "when": "event.data.text == 'stop'", "reason": "stopped"},
    {"on_mismatch": True},
)
