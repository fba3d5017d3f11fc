"""What a run sees while it is decided: its contact and conversation, the event, earlier events, splits, chance.

Whatever is looked at is remembered, for history keeps what was read (`evidence.py`), and no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from statemachine.calendar import first_zone
from statemachine.cause import Surroundings
from statemachine.contact import Contact
from statemachine.conversation import Conversation, conversation_names
from statemachine.errors import StepFailed
from statemachine.event import Event
from statemachine.failure import error_names
from statemachine.frame import AnyFrame, undo_names
from statemachine.framed import Framed
from statemachine.kin import child_id
from statemachine.shares import NO_SPLITS, Shares
from statemachine.snapshot import Snapshot
from statemachine.view import View
from statemachine.workflow import Workflow

MAX_CONSUMED: Final = 100
"""So many events a run remembers to have taken."""
_MAX_REASON: Final = 500
_NONE: Final[frozenset[str]] = frozenset()


class Seeing(Framed):
    """See the module. `person` and `talk` are contact and conversation as the decision has left them so far, `examined`
    the names of earlier events that were looked at, `splits_read` the splits, `seed` what chance is made of."""

    __slots__ = (
        "_event", "_random_count", "_scope", "contact_read", "conversation_read", "doubts", "events_read", "examined",
        "person", "seed", "splits_read", "surroundings", "talk",
    )  # fmt: skip

    def __init__(self, workflow: Workflow, snapshot: Snapshot, surroundings: Surroundings, seed: str) -> None:
        super().__init__(workflow, snapshot, surroundings.now)
        self.surroundings = surroundings
        self.person = surroundings.contact
        self.talk = surroundings.conversation
        self.seed = seed
        self.contact_read = self.events_read = self.conversation_read = False
        self.splits_read = _NONE
        self.examined: dict[str, None] = {}
        self.doubts: list[str] = []
        self._event: Event | None = None
        self._random_count = 0
        self._scope: View | None = None

    def child_id(self, name: str) -> str:
        return child_id(self.before.id, self.visit, name)

    @property
    def around(self) -> tuple[str, ...]:
        """The keys of the workflows around this run's, the outermost first, and its own."""
        return (*(self.origin.around if self.origin else ()), self.before.workflow)

    @property
    def attempt(self) -> int:
        return self.task.attempt if self.task else 1

    @property
    def events(self) -> tuple[Event, ...]:
        return self.scope.events

    @property
    def contact(self) -> Contact:
        self.contact_read = True
        if self.person is None:
            raise StepFailed("no_contact", "this run has no contact; enrol it with a contact_id to use contact steps")
        return self.person

    @property
    def conversation(self) -> Conversation:
        self.conversation_read = True
        if self.talk is None:
            raise StepFailed("no_conversation", "this run has no conversation: the event that enrolled names none")
        return self.talk

    @property
    def scope(self) -> View:
        if self._scope is None:
            self._scope = View(self)
        return self._scope

    @property
    def event(self) -> Event | None:
        """The event being handled, as steps read it."""
        return self._event

    @event.setter
    def event(self, event: Event | None) -> None:
        self._event = event
        if self._scope is not None:
            self._scope.event = event

    @property
    def moves(self) -> int:
        """The transitions made by this cause."""
        return self.transitions - self.before.transitions

    def started_at(self, step_id: str) -> datetime | None:
        return self.step_starts.get(step_id)

    @property
    def moment(self) -> datetime | None:
        return self.moments.get(self.step_id)

    def zone(self, name: str | None = None) -> str:
        if name:
            return name
        self.contact_read = True
        own = self.person.get("timezone") if self.person else None
        return first_zone(own, self.workflow_version.timezone, self.surroundings.tenant_zone)

    def random(self) -> float:
        self._random_count += 1
        digest = blake2b(f"{self.seed}#{self._random_count}".encode(), digest_size=7).digest()
        return int.from_bytes(digest) / (1 << 56)

    def variant(self, split: str) -> str | None:
        known = self.variants.get(split)
        if known is None and self.surroundings.splits is not NO_SPLITS:
            self.splits_read |= {split}
            return self.surroundings.splits.kept.get(split)
        return known

    def shares(self, defined: Shares) -> Shares:
        splits = self.surroundings.splits
        if splits is NO_SPLITS:
            return defined
        self.splits_read |= {self.step_id}
        found = splits.shares.get(self.step_id)
        return defined if found is None else found.shares

    def earlier_events(self, kinds: frozenset[str]) -> Iterator[Event]:
        """The events of these types that count for the wait in which the run rests, in order of acceptance."""
        for event in self.surroundings.events[self._remembered_from() :]:
            if event.type in kinds and not self.before_anchor(event):
                self.examined[event.name] = None
                yield event

    def _remembered_from(self) -> int:
        """Where those events begin of which the run knows whether it took them; of earlier ones it has forgotten it."""
        if len(self.consumed) < MAX_CONSUMED:
            return 0
        taken = frozenset(self.consumed)
        for place, event in enumerate(self.surroundings.events):
            if event.name in taken:
                self.examined[event.name] = None
                return place
        return 0

    def before_anchor(self, event: Event) -> bool:
        return bool(self.anchor_at and event.accepted_at and event.accepted_at < self.anchor_at)

    def was_taken(self, event: Event) -> bool:
        """Whether the event enrolled this run, moved it before, or is another run's alone."""
        if event.taken_by and event.taken_by != self.enrollment_id:
            return True
        name = event.name
        return name in self.consumed or name == f"{self.trigger.get('source', '')}/{self.trigger.get('id', '')}"

    def take_doubts(self) -> str:
        """Why conditions tested since the last call could not be answered, and so were false; "" mostly."""
        if not self.doubts:
            return ""
        reason = "; ".join(dict.fromkeys(self.doubts))
        self.doubts.clear()
        return reason if len(reason) <= _MAX_REASON else f"{reason[: _MAX_REASON - 1]}…"

    def enrollment_names(self) -> dict[str, Any]:
        snapshot = self.before
        return {
            "id": snapshot.id,
            "workflow": snapshot.workflow,
            "workflow_id": snapshot.workflow,
            "version": self.version,
            "contact_id": snapshot.contact_id,
            "key": snapshot.entry_key,
            "tenant_id": self.surroundings.tenant_id,
            "started_at": self.enrolled_at.isoformat(),
        }

    def conversation_names(self) -> dict[str, Any]:
        """What `conversation.…` leads to; nothing on a run without one."""
        self.conversation_read = True
        return {} if self.talk is None else conversation_names(self.talk)

    def error_names(self) -> dict[str, Any] | None:
        return error_names(self.last_error)

    def set_frames(self, frames: tuple[AnyFrame, ...]) -> None:
        super().set_frames(frames)
        if self._scope is not None:
            self._scope.loop = self.loop_names()
            self._scope.undo = undo_names(frames)
            self._scope.outputs = self.outputs_seen
