"""The names that templates, expressions and conditions can read, and where each of them leads.

| root (aliases) | leads to |
|---|---|
| `contact` (`customer`) | its fields; `custom_fields.x` = `metadata.x` = `x`; `consent.<channel>` is a word |
| `trigger` | the event that enrolled; `trigger.x` and `trigger.source.x` fall back to `trigger.data.x` |
| `input` | the data of the event that enrolled |
| `event` | the event being handled; `event.x` falls back to `event.data.x` |
| `variables` (`workflow`, `vars`) | the run's; `variables.workflow`, `.conversation`, `.global` are the scopes |
| `conversation` | its parts (`status`, `tags`, …) and its variables |
| `global`, `loop`, `undo`, `error`, `last_error`, `resources`, `connection` | that mapping |
| `enrollment`, `execution` | the run itself |
| `steps.<id>.output` | what a step answered |
| `now` | the workflow time |

A name that is no root is *bare*: templates look in loop, variables, contact, global; conditions in contact, event data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from statemachine.contact import Contact, standard_field
from statemachine.event import Event
from statemachine.path import MISSING, Missing, Path, walk
from statemachine.sending.consent import statuses_of

__all__ = ["MISSING", "ROOTS", "Missing", "Names", "Path", "Scope", "contact_fields"]

Names = Literal["template", "contact", "trigger"]
"""Where bare names look: `template` as templates do; `contact` and `trigger` in contact, then event data."""

_NOTHING: Final[Mapping[str, Any]] = {}
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_EVENT_PARTS: Final = frozenset(
    {"id", "type", "source", "contact_id", "conversation_id", "key", "data", "occurred_at", "accepted_at"}
)


@dataclass(slots=True, eq=False)
class Scope:
    """What one decision lets its templates, expressions and conditions read. Mutable: a run updates it as it goes.

    `trigger` is the enrolling event as data ({id, type, source, data, …}) or {}. `outputs` maps step id to output.
    `events` are earlier events in order of acceptance. `zone` is the IANA name that local times mean.
    `step_starts` holds each step's latest start.
    """

    contact: Contact | None = None
    trigger: Mapping[str, Any] = field(default_factory=dict)
    event: Event | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    globals: Mapping[str, Any] = field(default_factory=dict)
    conversation: Mapping[str, Any] = field(default_factory=dict)
    enrollment: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    last_error: Mapping[str, Any] | None = None
    loop: Mapping[str, Any] | None = None
    undo: Mapping[str, Any] | None = None
    resources: Mapping[str, Any] = field(default_factory=dict)
    connection: Mapping[str, Any] = field(default_factory=dict)
    now: datetime = _EPOCH
    events: tuple[Event, ...] = ()
    step_starts: Mapping[str, datetime] = field(default_factory=dict)
    zone: str = "UTC"
    on_missing: str = "keep"
    workflow_key: str = ""

    def doubt(self, text: str, reason: str) -> None:
        """Told of each condition that is false because it cannot be answered; a run keeps it for its history."""

    def lookup(self, path: Path) -> Any:
        """What a template shows for a path: like `value`, but a standard contact field that is unset is ""."""
        found = self.value(path)
        return "" if found is MISSING and _is_standard(path) else found

    def value(self, path: Path, names: Names = "template") -> Any:
        """What a path leads to: a value, None for a null, MISSING when it does not exist."""
        reader = _READERS.get(path[0])
        if reader is not None:
            return reader(self, path)
        return self._bare(path) if names == "template" else self.field(path)

    def field(self, path: Path) -> Any:
        """A bare field of a condition: a contact field, then a custom field, then data of the event or trigger."""
        if self.contact is not None:
            found = _contact_part(self.contact, path, 0)
            if found is not MISSING and found is not None:
                return found
        else:
            found = MISSING
        for data in (self.event.data if self.event is not None else _NOTHING, self.trigger.get("data") or _NOTHING):
            other = walk(data, path)
            if other is not MISSING:
                return other
        return found

    def _bare(self, path: Path) -> Any:
        for place in (self.loop, self.variables):
            if place is not None and path[0] in place:
                return walk(place, path)
        if self.contact is not None and path[0] not in ("id", "revision"):
            found = _contact_part(self.contact, path, 0)
            if found is not MISSING:
                return found
        return walk(self.globals, path)


def contact_fields(paths: Iterable[Path]) -> frozenset[str]:
    """The contact fields that paths may read, as `Reads.contact` names them; {"*"} for the whole contact."""
    fields: set[str] = set()
    for path in paths:
        if path[0] in ("contact", "customer"):
            path = path[1:]
        elif path[0] in _READERS:
            continue
        if path and path[0] in ("custom_fields", "metadata"):
            path = path[1:]
        name = str(path[0]) if path else "*"
        fields.add(standard_field(name) or name)
    if "*" in fields:
        return frozenset({"*"})
    return frozenset(fields | ({"first_name", "last_name"} if "name" in fields else set()))


def _is_standard(path: Path) -> bool:
    if path[0] in ("contact", "customer"):
        path = path[1:]
    return len(path) == 1 and isinstance(path[0], str) and standard_field(path[0]) is not None


def _contact_part(contact: Contact, path: Path, start: int) -> Any:
    name = path[start]
    own = _CONTACT_PARTS.get(name)
    if own is not None:
        return walk(own(contact), path, start + 1)
    if not isinstance(name, str):
        return MISSING
    found = contact.get(name)
    if found is None:
        return None if len(path) == start + 1 and contact.has(name) else MISSING
    return found if len(path) == start + 1 else walk(found, path, start + 1)


_CONTACT_PARTS: Final[Mapping[str | int, Callable[[Contact], Any]]] = {
    "id": lambda contact: contact.id,
    "score": lambda contact: contact.score,
    "tags": lambda contact: list(contact.tags),
    "lists": lambda contact: list(contact.lists),
    "revision": lambda contact: contact.revision,
    "custom_fields": lambda contact: contact.custom_fields,
    "metadata": lambda contact: contact.custom_fields,
}


def _whole_contact(contact: Contact) -> dict[str, Any]:
    fields = {"name": contact.get("name"), **contact.attributes}
    own = {name: read(contact) for name, read in _CONTACT_PARTS.items() if isinstance(name, str)}
    return {**contact.custom_fields, **fields, **own}


def _contact(scope: Scope, path: Path) -> Any:
    if scope.contact is None:
        # A run without a contact still reads the one its trigger brought along as data.
        data = scope.trigger.get("data") or _NOTHING
        found = walk(data, ("customer", *path[1:]))
        return found if found is not MISSING else walk(data, ("contact", *path[1:]))
    if len(path) == 1:
        return _whole_contact(scope.contact)
    if path[1] == "consent" and not scope.contact.has("consent"):
        return walk(statuses_of(scope.contact), path, 2)
    return _contact_part(scope.contact, path, 1)


def _trigger(scope: Scope, path: Path) -> Any:
    trigger = scope.trigger
    if not trigger:
        return MISSING
    found = walk(trigger, path, 1)
    if found is MISSING:
        start = 2 if path[1] == "source" and len(path) > 2 else 1
        found = walk(trigger.get("data") or _NOTHING, path, start)
    return found


def _input(scope: Scope, path: Path) -> Any:
    return walk(scope.trigger.get("data", MISSING), path, 1)


def _event(scope: Scope, path: Path) -> Any:
    event = scope.event
    if event is None:
        return MISSING
    if len(path) == 1:
        return {name: getattr(event, name) for name in sorted(_EVENT_PARTS)}
    part = path[1]
    found = walk(getattr(event, part), path, 2) if isinstance(part, str) and part in _EVENT_PARTS else MISSING
    return walk(event.data, path, 1) if found is MISSING else found


def _variables(scope: Scope, path: Path) -> Any:
    found = walk(scope.variables, path, 1)
    if found is not MISSING or len(path) == 1:
        return found
    if path[1] == "workflow":
        return walk(scope.variables, path, 2)
    if path[1] == "conversation":
        return walk(scope.conversation, ("conversation", "variables", *path[2:]), 1)
    if path[1] == "global":
        return _global(scope, path[1:])
    return walk(scope.variables, ("workflow", *path[1:])) if path[0] == "workflow" else MISSING


def _conversation(scope: Scope, path: Path) -> Any:
    found = walk(scope.conversation, path, 1)
    return walk(scope.variables, path) if found is MISSING else found


def _global(scope: Scope, path: Path) -> Any:
    found = walk(scope.globals, path, 1)
    return walk(scope.variables, path) if found is MISSING else found


def _steps(scope: Scope, path: Path) -> Any:
    if len(path) == 1:
        return {step: {"output": output} for step, output in scope.outputs.items()}
    if path[1] not in scope.outputs:
        return MISSING
    output = scope.outputs[str(path[1])]
    if len(path) == 2:
        return {"output": output}
    return walk(output, path, 3) if path[2] == "output" else MISSING


_EXECUTION: Final = {"workflowId": "workflow_id", "tenantId": "tenant_id", "startedAt": "started_at"}


def _execution(scope: Scope, path: Path) -> Any:
    enrollment = scope.enrollment
    workflow = enrollment.get("workflow_id") or enrollment.get("workflow") or scope.workflow_key or MISSING
    if len(path) == 1:
        return {**enrollment, "workflow_id": workflow or None}
    name = _EXECUTION.get(str(path[1]), path[1])
    return workflow if name == "workflow_id" and len(path) == 2 else walk(enrollment, (name, *path[2:]))


def _mapping(name: str) -> Callable[[Scope, Path], Any]:
    def read(scope: Scope, path: Path) -> Any:
        return walk(getattr(scope, name), path, 1) if getattr(scope, name) is not None else MISSING

    return read


_READERS: Final[Mapping[str | int, Callable[[Scope, Path], Any]]] = {
    "contact": _contact,
    "customer": _contact,
    "trigger": _trigger,
    "input": _input,
    "event": _event,
    "variables": _variables,
    "workflow": _variables,
    "vars": _variables,
    "conversation": _conversation,
    "global": _global,
    "steps": _steps,
    "execution": _execution,
    "now": lambda scope, path: walk(scope.now, path, 1),
    **{
        name: _mapping(name)
        for name in ("loop", "undo", "enrollment", "resources", "connection", "error", "last_error")
    },
}

ROOTS: Final = frozenset(str(name) for name in _READERS)
"""Every name that is a root, aliases included."""
