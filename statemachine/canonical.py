"""A definition in the language's own spelling: canonical names, every target written out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from statemachine.document import StepPart
from statemachine.layout import Entry
from statemachine.problem import Problems
from statemachine.spelling import respell_all
from statemachine.target_reading import spellings
from statemachine.workflow import ON_FAILURE, UNDONE, Step, is_closed, undo_body


def canonical_step(entry: Entry, part: StepPart, step: Step, config: Any) -> dict[str, Any]:
    """The step as the language would spell it."""
    document: dict[str, Any] = {"id": step.id, "type": step.type}
    for key in ("name", "when", "retry", "crash_policy", "sending", "urgent"):
        value = entry.raw.get(key)
        if value is not None:
            document[key] = respell_all(value, (), Problems())
    if config:
        document["config"] = config
    if "timeout" in entry.raw:
        document["timeout"] = entry.raw["timeout"]
    if part.output is not None:
        document["output"] = part.output
    outcomes, config_targets = step.runner.outcomes(), step.runner.targets()
    spelled = spellings(outcomes)
    branches = {spelled(written): target for written, (target, _) in entry.branches.items()}
    for outcome, target in step.targets.items():
        if target != step.following and outcome not in branches and outcome not in config_targets:
            branches[outcome] = target
    if step.when is not None or set(outcomes) - {*branches, *config_targets}:
        document["next"] = part.next if part.next is not None else entry.following
    if branches:
        document["branches"] = branches
    if part.on_error is not None:
        document["on_error"] = part.on_error
    return document


def canonical_lists(entries: Iterable[Entry], documents: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The steps as flat lists, those of undos within the step that they undo, those of `on_failure` apart."""
    lists: dict[str, list[dict[str, Any]]] = {"": [], ON_FAILURE: []}
    around = {entry.id: entry.within[0] if entry.within and is_closed(entry.within[0]) else "" for entry in entries}
    for document in documents:
        if document.get("next") == UNDONE:
            del document["next"]
        lists.setdefault(around[document["id"]], []).append(document)
    for document in documents:
        if undo_body(document["id"]) in lists:
            document["compensate"] = lists[undo_body(document["id"])]
    return {"steps": lists[""], **({"on_failure": lists[ON_FAILURE]} if lists[ON_FAILURE] else {})}
