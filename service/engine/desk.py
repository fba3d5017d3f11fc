"""A desk: everything a batch knows about one contact, shared by all its commands in order.

The first command finds what the database holds, each next one what the command before it left. Nothing is written here;
the ledger does that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from service.engine.catalog import Directory
from service.storage.enrollments import StoredEnrollment
from statemachine.admission import NO_PAST, Past
from statemachine.contact import Contact
from statemachine.conversation import Conversation
from statemachine.dates import Slot
from statemachine.decision import Decision
from statemachine.event import Event, with_taken
from statemachine.grace import Look
from statemachine.places import Usages
from statemachine.roster import Roster
from statemachine.sending.rate import Lines
from statemachine.snapshot import Snapshot
from statemachine.workflow import Workflow


@dataclass(slots=True)
class Desk:
    """`contact` is None for runs without one. `revision` is what the row was locked at, 0 when there is none yet.
    `told` is the contact as the runs that watch it know it. `whole`: all live runs of the contact are here.
    `slots` are its appointments, where it is asked for them. `kept` are the contact's variants by workflow, of
    workflows where shares of splits were set.
    """

    tenant: str
    contact: Contact | None
    revision: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
    runs: dict[str, tuple[Workflow, Snapshot]] = field(default_factory=dict)
    stored: dict[str, StoredEnrollment] = field(default_factory=dict)
    past: dict[tuple[str, str], Past] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    looks: tuple[Look, ...] = ()
    lookers: dict[str, Workflow] = field(default_factory=dict)
    slots: list[Slot] = field(default_factory=list)
    written: bool = False
    told: Contact | None = None
    whole: bool = False
    kept: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        """Whether the contact does not exist yet and no command of this batch has made it."""
        return self.revision == 0 and not self.written

    def mark_taken(self, decision: Decision) -> None:
        """What a wait took for itself alone is gone for the other runs."""
        if decision.alone:
            self.events = list(with_taken(self.events, decision.alone, decision.snapshot.id))

    def add_run(self, workflow: Workflow, stored: StoredEnrollment) -> None:
        self.runs[stored.snapshot.id] = (workflow, stored.snapshot)
        self.stored[stored.snapshot.id] = stored

    def roster(
        self,
        directory: Directory,
        candidates: Iterable[Workflow],
        events: tuple[Event, ...],
        conversations: Mapping[str, Conversation],
        usages: Usages,
        versions: Callable[[str, int], Workflow | None],
        lines: Lines,
    ) -> Roster:
        """What the rules may see of this contact for one event."""
        tenant = self.tenant
        return Roster(
            self.contact,
            self.is_new,
            {name: pair for name, pair in self.runs.items() if pair[1].live},
            tuple(candidates),
            directory.paused_in(tenant),
            self.past,
            events,
            directory.zone,
            directory.standstills_in(tenant),
            tenant,
            conversations,
            directory.globals_of(tenant),
            usages,
            versions,
            directory.counted.get(tenant),
            directory.shares_in(tenant),
            self.kept,
            self.looks,
            self.lookers,
            lines=lines,
            stop_words=directory.stop_words_in(tenant),
        )

    def see(self, workflow: Workflow, snapshot: Snapshot) -> None:
        """Remember what a decision made of a run."""
        fresh = snapshot.id not in self.runs
        self.runs[snapshot.id] = (workflow, snapshot)
        if snapshot.origin is not None:
            return
        name = (snapshot.workflow, snapshot.entry_key)
        self.past[name] = self.past.get(name, NO_PAST).with_run(snapshot, fresh=fresh)
        if snapshot.variants and snapshot.workflow in self.kept:
            self.kept[snapshot.workflow] = {**snapshot.variants, **self.kept[snapshot.workflow]}
