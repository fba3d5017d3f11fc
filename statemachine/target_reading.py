"""Where each outcome of a step leads: `branches`, `next`, `on_error`, and what its config names.

In a list, an outcome that nothing is said of leads to the step below. Drawn steps lead only where an edge does: an
outcome without one ends the path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from statemachine.document import StepPart
from statemachine.layout import Entry
from statemachine.machine import ERROR
from statemachine.problem import Path, Problems
from statemachine.scalars import kind_of
from statemachine.step import END, StepType

if TYPE_CHECKING:
    from statemachine.assembly import Assembly

_MAX_LISTED: Final = 20
_YES_NO: Final = {"yes": "true", "no": "false"}


class TargetReader:
    """Reads the targets of the steps of `made`. With `lenient`, one that names no step ends the path."""

    def __init__(self, made: Assembly, problems: Problems, *, lenient: bool) -> None:
        self._made = made
        self._problems = problems
        self._lenient = lenient

    def read_branches(self, entry: Entry) -> None:
        """Add what `branches` says to the entry's own."""
        raw = entry.raw.get("branches")
        path = (*entry.path, "branches")
        if raw is None:
            return
        if not isinstance(raw, Mapping):
            message = f"`branches` leads each outcome to a step: `branches: {{true: step_a}}`, not {kind_of(raw)}"
            self._problems.add("bad_value", path, message)
            return
        for outcome, target in raw.items():
            place = (*path, outcome)
            if outcome in entry.branches:
                self._problems.add("conflicting_keys", place, f"the outcome {outcome!r} is led to a step twice")
            elif isinstance(target, str | int) and not isinstance(target, bool):
                entry.branches[outcome] = (str(target), place)
            else:
                self._problems.add("bad_value", place, f"a branch leads to the id of a step, not to {kind_of(target)}")

    def following(self, entry: Entry, part: StepPart) -> str:
        """Where the step leads when nothing else is said."""
        return entry.following if part.next is None else self._target(part.next, (*entry.path, "next"))

    def targets(
        self, entry: Entry, part: StepPart, runner: StepType, following: str
    ) -> tuple[dict[str, str], str | None]:
        """Where each outcome leads, and where `error` does."""
        outcomes = runner.outcomes()
        targets = dict.fromkeys(outcomes, following)
        if not entry.listed:
            targets = {outcome: following if outcome == falls_through(outcomes) else END for outcome in outcomes}
            self._check_edges(entry, part, runner)
        config = (*entry.path, "config")
        places = dict(_named_targets(part.config, config)) if runner.targets() else {}
        for outcome, target in runner.targets().items():
            targets[outcome] = self._target(target, places.get(target, config))
        on_error = None if part.on_error is None else self._target(part.on_error, (*entry.path, "on_error"))
        spelled = spellings(outcomes)
        for written, (target, place) in entry.branches.items():
            outcome = spelled(written)
            if outcome in targets:
                targets[outcome] = self._target(target, place)
            elif outcome == ERROR and part.on_error is None:
                on_error = self._target(target, place)
            else:
                self._refuse_outcome(entry, written, outcomes, place)
        return targets, on_error

    def _refuse_outcome(self, entry: Entry, outcome: str, outcomes: Sequence[str], place: Path) -> None:
        if outcome == ERROR:
            self._problems.add("conflicting_keys", place, "`on_error` already says where an error leads")
            return
        self._made.whole = False
        options = ", ".join((*outcomes[:_MAX_LISTED], *(["…"] if len(outcomes) > _MAX_LISTED else []), ERROR))
        message = f"the step {entry.id!r} has no outcome {outcome!r}; it has {options}"
        self._problems.add("unknown_outcome", place, message, self._problems.guess(outcome, outcomes))

    def _target(self, target: str, place: Path) -> str:
        if target == END or target in self._made.known:
            return target
        message = f"there is no step {target!r}"
        if self._lenient:
            self._problems.add("unknown_step", place, f"{message}: the run completes here", severity="warning")
        else:
            self._made.whole = False
            self._problems.add("unknown_step", place, message, self._problems.guess(target, (*self._made.known, END)))
        return END

    def _check_edges(self, entry: Entry, part: StepPart, runner: StepType) -> None:
        """An edge without a label needs an outcome that falls through, and must not contradict the config."""
        outcomes, place = runner.outcomes(), (*entry.path, "next")
        open_outcome = falls_through(outcomes)
        if part.next not in (None, END) and not outcomes and part.when is None:
            message = f"a step of type {part.type!r} ends the run: no edge leads out of it"
            self._problems.add("bad_edge", place, message)
        elif part.next not in (None, END) and open_outcome is None and part.when is None:
            message = f"say which outcome of {entry.id!r} this is, by a label: {', '.join((*outcomes, ERROR))}"
            self._problems.add("unlabelled_edge", place, message)
        self._check_said_once(entry, part, open_outcome)
        for outcome, target in runner.targets().items():
            way, at = (part.next, place) if outcome == open_outcome else (None, place)
            way, at = entry.branches.get(outcome, (way, at))
            if way not in (None, END, target):
                message = f"the config leads {outcome!r} to {target!r}, the edge to {way!r}"
                self._problems.add("conflicting_keys", at, message)

    def _check_said_once(self, entry: Entry, part: StepPart, open_outcome: str | None) -> None:
        """Refuse an edge without a label beside one with the label for which it stands."""
        plain, source = (*entry.path, "next"), self._problems.source_path
        if open_outcome not in entry.branches or part.when is not None or source(plain)[-1] != "target":
            return
        second = max(source(plain)[:-1], source(entry.branches[open_outcome][1])[:-1])
        message = f"two edges lead out of {entry.id!r} for {open_outcome!r}: the one without a label is that too"
        self._problems.add("conflicting_keys", second, message, "keep one of them")


def falls_through(outcomes: Sequence[str]) -> str | None:
    """The outcome for which a way out without a name stands."""
    return next((outcome for outcome in outcomes if outcome in ("done", "default")), None)


def spellings(outcomes: Sequence[str]) -> Callable[[str], str]:
    """Which outcome a key of `branches` means: `True` and `yes` are the outcome `true`."""
    exact = set(outcomes)
    by_lower = {outcome.lower(): outcome for outcome in reversed(outcomes)}

    def outcome(written: str) -> str:
        word = written.lower()
        return written if written in exact else by_lower.get(_YES_NO.get(word, word), by_lower.get(word, written))

    return outcome


def _named_targets(config: Any, path: Path) -> Iterator[tuple[str, Path]]:
    """Each text in a config that may name a step, and where it stands; the last one first, so that the first counts."""
    items = config.items() if isinstance(config, Mapping) else enumerate(config) if isinstance(config, list) else ()
    for key, value in reversed(list(items)):
        if isinstance(value, Mapping | list):
            yield from _named_targets(value, (*path, key))
        elif isinstance(value, str) and key in ("to", "next", "default"):
            yield value, (*path, key)
