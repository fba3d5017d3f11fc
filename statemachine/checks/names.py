"""Names that lead nowhere: variables nobody sets, parts that do not exist, slips of the pen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from statemachine.checks.draft import Draft
from statemachine.checks.logic import within
from statemachine.checks.values import ERROR_ROOTS, VARIABLE_ROOTS, gives_output, variable_of
from statemachine.compiler import Read
from statemachine.contact import FIELD_ALIASES, STANDARD_FIELDS
from statemachine.event_condition import Happened
from statemachine.failure import ERROR_PARTS
from statemachine.names import EVENT_ALIASES, KNOWN_EVENTS, one_slip, snake_case
from statemachine.path import format_path
from statemachine.problem import Path as Place
from statemachine.problem import Problems
from statemachine.scope import ROOTS
from statemachine.steps.loop import item_names

_FIELDS: Final = (*STANDARD_FIELDS, *FIELD_ALIASES, "score", "tags", "lists", "consent", "custom_fields", "metadata")
_EVENTS: Final = (*KNOWN_EVENTS, *EVENT_ALIASES)
_RUN_PARTS: Final = ("id", "workflow", "workflow_id", "version", "contact_id", "key", "started_at")
_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "enrollment": _RUN_PARTS,
    "execution": (*_RUN_PARTS, "workflowId", "startedAt"),
    "undo": ("step", "input", "output"),
    "error": ERROR_PARTS,
    "last_error": ERROR_PARTS,
}
_NOWHERE: Final = frozenset({"resources", "connection"})
_SHORTEST: Final = 4
_MAX_NAMES: Final = 500
_MAX_VARIABLES: Final = 200
_BEFORE_THE_RUN: Final = frozenset({"trigger", "triggers", "entry", "variables"})
_NOT_YET_THERE: Final = VARIABLE_ROOTS | ERROR_ROOTS | {"steps"}


def check_early(draft: Draft, problems: Problems) -> None:
    """Warn of triggers, entry keys and first values of variables that read what only a run has."""
    for read in _reads(draft):
        if read.place[0] in _BEFORE_THE_RUN and read.path[0] in _NOT_YET_THERE:
            message = f"`{format_path(read.path)}` is read before the run begins: it never has a value here"
            problems.add("used_too_early", read.place, message, within=read.within)


def check_variables(draft: Draft, problems: Problems) -> None:
    """Warn of variables that nothing in the definition gives a value."""
    for read in _reads(draft):
        name = variable_of(read.path)
        if not name or name in draft.variables or read.place[0] in _BEFORE_THE_RUN:
            continue
        near = problems.guess(name, draft.variables)
        if near or not read.guarded:
            problems.add(
                "unknown_variable",
                read.place,
                f"nothing in this workflow sets the variable {name!r}",
                near,
                within=read.within,
            )


def check_parts(draft: Draft, problems: Problems) -> None:
    """Warn of parts that a root of names does not have."""
    for read in _reads(draft):
        root, *rest = read.path
        part = str(rest[0]) if rest else ""
        known = _PARTS.get(str(root))
        if known and rest and part not in known:
            message = f"`{root}` has no part {part!r}; it has {', '.join(known)}"
            problems.add("unknown_name", read.place, message, problems.guess(part, known), within=read.within)
        elif root in _NOWHERE and root not in draft.variables:
            message = f"`{format_path(read.path)}` leads nowhere: this version gives `{root}` no value"
            problems.add("unknown_name", read.place, message, within=read.within)


def check_outputs(draft: Draft, problems: Problems) -> None:
    """Warn of reads of an output, or of a part of one, that the step can never have."""
    for read in _reads(draft):
        if read.path[0] == "steps" and len(read.path) > 2 and str(read.path[1]) in draft.steps:
            _check_output(draft, read, problems)


def _check_output(draft: Draft, read: Read, problems: Problems) -> None:
    step = draft.steps[str(read.path[1])]
    if read.path[2] != "output":
        hint = f"did you mean `{format_path((*read.path[:2], 'output', *read.path[2:]))}`?"
        message = f"`{format_path(read.path)}` leads nowhere: of a step only `output` can be read"
        return problems.add("unknown_name", read.place, message, hint, within=read.within)
    if not gives_output(step):
        message = f"the step {step.id!r} has no output: {step.type} steps give none"
        return problems.add("unknown_output", read.place, message, within=read.within)
    parts = step.runner.output_parts()
    part = read.path[3] if len(read.path) > 3 else None
    if parts is not None and isinstance(part, str) and part not in parts:
        message = f"the output of {step.id!r} has no part {part!r}; it has {', '.join(sorted(parts))}"
        return problems.add("unknown_output", read.place, message, problems.guess(part, parts), within=read.within)
    return None


def check_spelling(draft: Draft, problems: Problems) -> None:
    """Warn of names that are nearly ones of the language, and so become custom fields or events of one's own."""
    own, items = sorted(draft.variables)[:_MAX_VARIABLES], {*item_names(draft.steps.values()).values(), "item", "index"}
    bare, fields, events = _Spelling((*_FIELDS, *own)), _Spelling((*_FIELDS, "id", "revision")), _Spelling(_EVENTS)
    roots = _Spelling(sorted(ROOTS))
    for read in _reads(draft):
        root, *rest = read.path
        of_contact = root in ("contact", "customer")
        if not rest if of_contact else (root in ROOTS or root in draft.variables or root in items):
            continue
        name = str(rest[0] if of_contact else root)
        meant = (fields if of_contact else bare).meant(name) or (roots.meant(name) if rest and not of_contact else "")
        if meant:
            message = f"{name!r} is read as a custom field of the contact"
            problems.add("misspelt_name", read.place, message, f"did you mean {meant!r}?", within=read.within)
    for place, event in _event_names(draft):
        meant = events.meant(snake_case(event))
        if meant:
            message = f"{event!r} is an event of your own here"
            problems.add("misspelt_name", place, message, f"did you mean {meant!r}?")


class _Spelling:
    """Finds the known name that one slip makes of another; of a long report's names it looks at the first ones."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = dict.fromkeys(known)
        self._seen: dict[str, str] = {}

    def meant(self, name: str) -> str:
        """The known name, or "" for one that is known itself, short, or not near to any."""
        if name not in self._seen:
            self._seen[name] = self._near(name) if len(self._seen) < _MAX_NAMES else ""
        return self._seen[name]

    def _near(self, name: str) -> str:
        if len(name) < _SHORTEST or name in self._known:
            return ""
        spelled = snake_case(name)
        if spelled in self._known:
            return spelled
        return next((known for known in self._known if one_slip(name, known)), "")


def _event_names(draft: Draft) -> Iterator[tuple[Place, str]]:
    for place, trigger in draft.triggers:
        yield place, trigger.type
    for place, rule in draft.exits:
        if rule.on:
            yield place, rule.on
    for step in draft.steps.values():
        for case in (*step.cases, *step.resets):
            yield (*draft.places[step.id], "config"), case.event
    for place, condition in draft.conditions.items():
        for part in within(condition):
            if isinstance(part, Happened):
                yield from ((place, kind.type) for kind in part.kinds)


def _reads(draft: Draft) -> Iterator[Read]:
    return (read for _, read in draft.reads)
