"""What a run lets its steps read, remembering what was read: history keeps those values, and no others.

A cause can only be decided again from history when everything it read is there; that is why contact, conversation
and earlier events are reached through this class alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from statemachine.contact import Contact
from statemachine.event import Event
from statemachine.frame import undo_names
from statemachine.scope import Scope

if TYPE_CHECKING:
    from statemachine.seeing import Seeing

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class View(Scope):
    """The scope of one run. What is costly to put together (`zone`, `enrollment`) is made when it is asked for."""

    __slots__ = ("_contact", "_conversation", "_enrollment", "_events", "_run", "_zone")

    def __init__(self, run: Seeing) -> None:
        self._run = run
        names = run.error_names()
        super().__init__(
            contact=run.person,
            trigger=run.trigger,
            event=run.event,
            variables=run.variables,
            outputs=run.outputs_seen,
            globals=run.surroundings.globals,
            conversation=_NOTHING,
            enrollment=_NOTHING,
            error=names,
            last_error=names,
            loop=run.loop_names(),
            undo=undo_names(run.frames),
            resources=_NOTHING,
            connection=_NOTHING,
            now=run.now,
            events=run.surroundings.events,
            step_starts=run.step_starts,
            zone="",
            on_missing=run.workflow_version.on_missing,
            workflow_key=run.workflow,
        )

    def doubt(self, text: str, reason: str) -> None:
        self._run.doubts.append(f"{text}: {reason}")

    @property
    def contact(self) -> Contact | None:
        self._run.contact_read = True
        return self._contact

    @contact.setter
    def contact(self, contact: Contact | None) -> None:
        self._contact = contact

    @property
    def events(self) -> tuple[Event, ...]:
        self._run.events_read = True
        return self._events

    @events.setter
    def events(self, events: tuple[Event, ...]) -> None:
        self._events = events

    @property
    def conversation(self) -> Mapping[str, Any]:
        return self._conversation or self._run.conversation_names()

    @conversation.setter
    def conversation(self, conversation: Mapping[str, Any]) -> None:
        self._conversation = conversation

    @property
    def zone(self) -> str:
        return self._zone or self._run.zone()

    @zone.setter
    def zone(self, zone: str) -> None:
        self._zone = zone

    @property
    def enrollment(self) -> Mapping[str, Any]:
        return self._enrollment or self._run.enrollment_names()

    @enrollment.setter
    def enrollment(self, enrollment: Mapping[str, Any]) -> None:
        self._enrollment = enrollment
