"""What a run keeps of its steps: variables, outputs, errors, events taken, and what they change around the run.

What steps read next (`View`) follows at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from statemachine.cause import Surroundings
from statemachine.contact import Contact
from statemachine.conversation import Conversation
from statemachine.decision import EmittedEvent
from statemachine.errors import StepFailed
from statemachine.event import Event
from statemachine.failure import LastError
from statemachine.frame import caught_around
from statemachine.global_variables import check_globals
from statemachine.limits import (
    MAX_CONVERSATION_BYTES,
    MAX_OUTPUT_BYTES,
    MAX_VARIABLES_BYTES,
    larger_than,
    size_up_to,
)
from statemachine.seeing import MAX_CONSUMED, Seeing
from statemachine.snapshot import Snapshot
from statemachine.variable_path import with_path, without_path
from statemachine.workflow import Step, Workflow

_UNCHANGED: Final[Mapping[str, Any]] = {}


class Keeping(Seeing):
    """See the module. `alone` are the events that a wait took for itself alone, `emitted` those that steps raise."""

    __slots__ = (
        "_contact_changed", "_conversation_changed", "_outputs_changed", "_variables_changed", "_variables_size",
        "alone", "emitted", "global_changes",
    )  # fmt: skip

    def __init__(self, workflow: Workflow, snapshot: Snapshot, surroundings: Surroundings, seed: str) -> None:
        super().__init__(workflow, snapshot, surroundings, seed)
        self._variables_size: int | None = None
        self._contact_changed = self._variables_changed = self._outputs_changed = self._conversation_changed = False
        self.alone: tuple[Event, ...] = ()
        self.emitted: list[EmittedEvent] = []
        self.global_changes: Mapping[str, Any] = _UNCHANGED

    def assign_variant(self, split: str, label: str) -> None:
        self.variants = {**self.variants, split: label}

    def aim_at(self, moment: datetime) -> None:
        ahead = {step: other for step, other in self.moments.items() if other >= self.now}
        self.moments = {**ahead, self.step_id: moment}

    def set_variable(self, path: tuple[str, ...], value: Any) -> None:
        name_size = sum(4 * len(name) + 6 for name in path)
        self._write(path[:1])
        self._keep_variables(with_path(self.variables, path, value), value, name_size)

    def remove_variable(self, path: tuple[str, ...]) -> None:
        self._keep_variables(without_path(self.variables, path), None)

    def set_variables(self, values: Mapping[str, Any]) -> None:
        """Set all of them, or none when they would be too large."""
        if values:
            self._write(values)
            self._keep_variables({**self.variables, **values}, values)

    def patch_variables(self, patch: Mapping[str, Any]) -> None:
        """As `set_variables`, but a null removes the variable."""
        if patch:
            self._write(patch)
            changed = {**self.variables, **patch}
            self._keep_variables(
                {name: value for name, value in changed.items() if patch.get(name, 0) is not None}, patch
            )

    def _write(self, names: Iterable[str]) -> None:
        """A child remembers which variables it sets: those are what it leaves to its parent."""
        if self.origin is not None:
            self.written = tuple(dict.fromkeys((*self.written, *names)))

    def _keep_variables(self, changed: Mapping[str, Any], added: Any, name_size: int = 0) -> None:
        """Measure what was added; the whole only when the sum of the additions nears the limit."""
        room = MAX_VARIABLES_BYTES + 1
        known = size_up_to(self.variables, room) if self._variables_size is None else self._variables_size
        size = known + size_up_to(added, room) + name_size
        if size > MAX_VARIABLES_BYTES:
            size = size_up_to(changed, room)
        if size > MAX_VARIABLES_BYTES:
            raise StepFailed("variables_too_large", f"the variables would be over {MAX_VARIABLES_BYTES // 1024} KiB")
        self._variables_size = size
        self.variables = changed
        self._variables_changed = True
        if self._scope is not None:
            self._scope.variables = changed

    def keep_output(self, step: Step, output: Any) -> None:
        """Keep a step's output as `steps.<id>.output`, and in the variable that the step names."""
        if output is None:
            return
        if larger_than(output, MAX_OUTPUT_BYTES):
            limit = f"{MAX_OUTPUT_BYTES // 1024} KiB"
            raise StepFailed("output_too_large", f"the output of step {step.id!r} is over {limit}")
        if step.output:
            self.set_variable((step.output,), output)
        self.outputs = {**self.outputs, step.id: output}
        self._outputs_changed = True
        if self._scope is not None:
            self._scope.outputs = self.outputs_seen

    def merge_outputs(self, outputs: Mapping[str, Any]) -> None:
        """What the steps of a branch left."""
        if outputs:
            self.replace_outputs({**self.outputs, **outputs})
            if self._scope is not None:
                self._scope.outputs = self.outputs

    def replace_outputs(self, outputs: Mapping[str, Any]) -> None:
        """The same outputs under other step ids."""
        self.outputs = outputs
        self._outputs_changed = True

    def change_contact(self, contact: Contact, events: Iterable[tuple[str, Mapping[str, Any]]] = ()) -> None:
        self.person = contact
        self._contact_changed = True
        self.emitted.extend(EmittedEvent(kind, self._with_variants(data)) for kind, data in events)
        if self._scope is not None:
            self._scope.contact = contact

    def change_conversation(
        self, conversation: Conversation, events: Iterable[tuple[str, Mapping[str, Any]]] = ()
    ) -> None:
        self.talk = replace(conversation, updated_at=self.now)
        self._conversation_changed = True
        self.emitted.extend(EmittedEvent(kind, self._with_variants(data), conversation.id) for kind, data in events)

    def set_conversation_variable(self, path: tuple[str, ...], value: Any) -> None:
        talk = self.conversation
        changed = with_path(talk.variables, path, value)
        if larger_than(changed, MAX_CONVERSATION_BYTES):
            limit = f"{MAX_CONVERSATION_BYTES // 1024} KiB"
            raise StepFailed("variables_too_large", f"the variables of the conversation would be over {limit}")
        self.change_conversation(replace(talk, variables=changed))

    def note_message(self) -> None:
        if self.talk is not None:
            self.conversation_read = True
            self.change_conversation(replace(self.talk, last_message_at=self.now))

    def set_global_variable(self, path: tuple[str, ...], value: Any) -> None:
        known = {**self.surroundings.globals, **self.global_changes}
        name = path[0]
        changes = {**self.global_changes, name: with_path(known, path, value)[name]}
        check_globals(name, changes, self.surroundings.globals_left)
        self.global_changes = changes
        self.scope.globals = {**known, **changes}

    def _with_variants(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**data, "variants": dict(self.variants)} if self.variants else data

    def keep_error(self, code: str, message: str, *, transient: bool = False) -> LastError:
        error = LastError(self.step_id, code, message, self.now, transient, self.attempt)
        self.set_error(error)
        return error

    def clear_error(self) -> None:
        """What failed has succeeded; history keeps that it failed. An error caught around it is the last one again."""
        self.set_error(caught_around(self.frames))

    def set_error(self, error: LastError | None) -> None:
        self.last_error = error
        if self._scope is not None:
            self._scope.error = self._scope.last_error = self.error_names()

    def consume(self, event: Event) -> None:
        """Remember that this event moved the run, so that no later wait takes it again."""
        self.consumed = (*self.consumed, event.name)[-MAX_CONSUMED:]
        self.event = event

    def take(self, event: Event) -> None:
        """The wait takes the event; for itself alone where it says so."""
        self.consume(event)
        if self.step.runner.alone:
            self.alone = (*self.alone, event)
