"""From the step list of a document to runnable steps: ids, configs, outcomes and where each of them leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from statemachine.bodies import Body, first_of
from statemachine.compiler import Read
from statemachine.condition import Condition
from statemachine.layout import Around, Entry, Layout
from statemachine.limits import MAX_STEPS
from statemachine.nesting import nest
from statemachine.problem import Path, Problems
from statemachine.scalars import kind_of
from statemachine.step import END
from statemachine.step_building import StepBuilder
from statemachine.steps.guards import ErrorHandler
from statemachine.workflow import ON_FAILURE, UNDONE, RetryPolicy, Step


@dataclass(slots=True)
class Assembly:
    """What came of the step list. `known` are all ids, those of broken steps too; `reads` are (step, read).

    `whole` says that no step, and no way out of one, was refused.
    """

    steps: dict[str, Step] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    known: dict[str, Path] = field(default_factory=dict)
    reads: list[tuple[str, Read]] = field(default_factory=list)
    conditions: dict[Path, Condition] = field(default_factory=dict)
    canonical: list[dict[str, Any]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    first: str = END
    on_failure: str = ""
    whole: bool = True


def assemble(
    raw: Any,
    path: Path,
    retry: RetryPolicy,
    problems: Problems,
    *,
    on_failure: Any = None,
    sending: Mapping[str, Any] | None = None,
    lenient: bool = False,
    drawn: bool = False,
) -> Assembly:
    """Build all steps; whatever is wrong with any of them is reported. `sending` are the rules of all messages.

    `drawn` steps come from a canvas: an outcome without an edge ends the path, whatever `next` says. Those of
    `on_failure` and of undos are a list all the same.
    """
    made = Assembly()
    if not isinstance(raw, list):
        problems.add("bad_value", path, f"`steps` has to be a list of steps, not {kind_of(raw)}")
        return made
    layout = Layout(problems)
    entries = list(layout.flatten(Body(raw, path), Around(END, listed=not drawn)))
    if entries and on_failure is not None:
        entries += _when_failed(on_failure, layout, made, problems)
    if not entries:
        problems.add("no_steps", path, "the workflow has no steps")
        return made
    if len(entries) > MAX_STEPS:
        problems.add("too_many_steps", path, f"the workflow has {len(entries)} steps; at most {MAX_STEPS} are allowed")
        return made
    _claim_ids(entries, made, problems)
    made.first = _first(entries)
    made.entries = entries
    builder = StepBuilder(made, retry, sending or {}, problems, lenient=lenient)
    for entry in entries:
        builder.build(entry)
    nest(made, problems)
    missing = any(target not in (END, UNDONE) and target not in made.steps for target in _all_targets(made))
    made.whole = made.whole and len(made.steps) == len(entries) and not missing
    return made


def _when_failed(raw: Any, layout: Layout, made: Assembly, problems: Problems) -> list[Entry]:
    body = Body(raw if isinstance(raw, list) else [raw], ("on_failure",))
    if body.named:
        message = "`on_failure` is a list of steps, written in place, with at least one step"
        problems.add("bad_value", body.place, message)
        return []
    made.on_failure = first_of(body)
    return list(layout.flatten(body, Around(END, (ON_FAILURE,), ("on_failure",))))


def _first(entries: Sequence[Entry]) -> str:
    """The first step of the order, which error handlers are left out of."""
    for entry in entries:
        config = entry.raw.get("config")
        if entry.raw.get("type") != ErrorHandler.name or (
            isinstance(config, Mapping) and config.get("scope") == "named"
        ):
            return entry.id
    return entries[0].id


def _all_targets(made: Assembly) -> Iterator[str]:
    for step in made.steps.values():
        yield from (*step.targets.values(), step.following, step.on_error or END)


def _claim_ids(entries: Sequence[Entry], made: Assembly, problems: Problems) -> None:
    for entry in entries:
        if entry.id == END:
            problems.add("reserved_id", (*entry.path, "id"), f"{END!r} is the target that completes a run")
        elif entry.id in made.known:
            problems.add("duplicate_id", (*entry.path, "id"), f"there are two steps with the id {entry.id!r}")
        made.known.setdefault(entry.id, entry.path)
