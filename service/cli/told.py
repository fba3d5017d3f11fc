"""What a line of history says besides its step and outcome, in words: until when, for what, by which rule, why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

_SILENT: Final = frozenset({"enrollment_id", "id", "parent", "status", "trigger_id", "visit"})
"""What is left to `--json`: it is told elsewhere, or means nothing to people."""


def told(kind: str, more: Mapping[str, Any]) -> str:
    """The metadata of a line of that kind, in words. `` when there is nothing to say."""
    if "verdict" in more:
        return _ruling(more)
    sentence = _SENTENCES.get(kind)
    if sentence is not None:
        return sentence(more)
    return ", ".join(_part(name, value) for name, value in more.items() if name not in _SILENT)


def _ruling(more: Mapping[str, Any]) -> str:
    """What the rules of messaging said to a message."""
    if "rule" not in more:
        return f"may go out by {more['channel']}"
    until = f" until {_instant(more['until'])}" if "until" in more else ""
    return f"{more['verdict']}{until} by {more['rule']}: {more['reason']}"


def _started(more: Mapping[str, Any]) -> str:
    if "child" in more:
        return f"child {more['child']} of {more['step']}"
    return f"by {more['type']}" if more.get("type") else ""


def _queued(more: Mapping[str, Any]) -> str:
    """Which limit, and what fills it."""
    if "behind" in more:
        return f"{more['rule']}: behind {_plain(more['behind'])}"
    full = f"{more['live']} of {more['most']} live" if "live" in more else f"{more['begun']} of {more['most']} begun"
    return f"{more['rule']}: {full}"


def _child_ended(more: Mapping[str, Any]) -> str:
    return f"child {more['child']}: {more['status']}"


def _ended(more: Mapping[str, Any]) -> str:
    goal, reason = more.get("goal"), more.get("reason")
    parts = (
        f"goal {goal}" if goal else "",
        reason if reason and reason != f"goal:{goal}" else "",
        f"at {more['event']}" if "event" in more else "",
        "transient" if more.get("transient") else "",
    )
    return ", ".join(filter(None, parts))


def _resumed(more: Mapping[str, Any]) -> str:
    parts = ["by retry"] if more.get("operator") == "retry" else ["with its workflow"] if "of" in more else []
    return ", ".join([*parts, *([_part("until", more["until"])] if more.get("until") else [])])


def _migrated(more: Mapping[str, Any]) -> str:
    moved = f"version {more['from_version']} → {more['to_version']}"
    return ", ".join([moved, *(_part(name, more[name]) for name in ("from_step", "until") if name in more)])


def _rescheduled(more: Mapping[str, Any]) -> str:
    return f"{_instant(more['from'])} → {_instant(more['until'])}"


def _variables_set(more: Mapping[str, Any]) -> str:
    return ", ".join(more["names"]) + (f" and {more['more']} more" if more.get("more") else "")


_SENTENCES: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "started": _started,
    "queued": _queued,
    "child_ended": _child_ended,
    "completed": _ended,
    "failed": _ended,
    "exited": _ended,
    "cancelled": _ended,
    "resumed": _resumed,
    "migrated": _migrated,
    "rescheduled": _rescheduled,
    "variables_set": _variables_set,
}


def _part(name: str, value: Any) -> str:
    """One name and its value."""
    words = _WORDS.get(name)
    return words(value) if words is not None else f"{name.replace('_', ' ')} {_plain(value)}"


def _instant(value: Any) -> str:
    """An instant of the API in the reader's zone."""
    return datetime.fromisoformat(str(value)).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


_WORDS: Final[Mapping[str, Callable[[Any], str]]] = {
    "until": lambda value: f"until {_instant(value)}",
    "quiet_until": lambda value: f"silent until {_instant(value)}",
    "next_at": lambda value: f"next {_instant(value)}",
    "next_attempt_at": lambda value: f"next attempt {_instant(value)}",
    "reason": str,
    "transient": lambda _: "transient",
    "index": lambda value: f"round {value}",
    "of": lambda value: f"from {value}",
    "operator": lambda value: f"by an operator ({value})",
    "from_step": lambda value: f"from step {value}",
    "late_s": lambda value: f"{value:g} s late",
    "joined": lambda value: f"joined {_plain(value) or 'none'}",
}
