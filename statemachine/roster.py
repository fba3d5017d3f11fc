"""What is known when something comes in for a contact, and what became of it: a `Roster` in, a `Reception` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from typing import Any

from statemachine.admission import Past
from statemachine.cause import DEFAULT_TENANT
from statemachine.contact import Contact
from statemachine.conversation import Conversation
from statemachine.decision import Decision, EmittedEvent
from statemachine.event import Event
from statemachine.grace import Look
from statemachine.places import Usages
from statemachine.record import record
from statemachine.sending.rate import NO_LINES, Lines
from statemachine.sending.stop_words import NO_STOP_WORDS, Words
from statemachine.shares import InForce
from statemachine.snapshot import Snapshot
from statemachine.standstill import Standstill
from statemachine.verdict import Verdict
from statemachine.workflow import Workflow


def _no_version(_key: str, _version: int) -> Workflow | None:
    return None


@record
class Roster:
    """Everything known about one contact when an event (or an enrolment by API) comes in.

    `runs` are its live enrollments with their versions; `candidates` the active versions that may enrol, `paused` the
    keys of paused workflows; `past` is filled for (workflow, entry key) pairs where entry rules ask for it,
    `standstills` for workflows that were ever paused, `usages` for candidates whose runs take places. `looks` are
    events of the contact to look at again, `lookers` the active versions for which, by key. `conversations` are, by
    id, the event's and those of `runs`, `globals` the tenant's variables. `versions` finds what a child is to run: a
    workflow's version by its number, or the active one. `counted` is how far back the caps of the tenant look.
    `shares` are those that were set of splits, `kept` the variants that the contact was given before, by workflow,
    where shares were set. `raised` counts the events that steps raised of the contact within a minute up to this one,
    if it is one. `lines` are those before the providers, `stop_words` what stops and starts messages, by channel.
    """

    contact: Contact | None
    is_new: bool = False
    runs: Mapping[str, tuple[Workflow, Snapshot]] = field(default_factory=dict)
    candidates: Sequence[Workflow] = ()
    paused: frozenset[str] = frozenset()
    past: Mapping[tuple[str, str], Past] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    tenant_zone: str | None = None
    standstills: Mapping[str, Standstill] = field(default_factory=dict)
    tenant_id: str = DEFAULT_TENANT
    conversations: Mapping[str, Conversation] = field(default_factory=dict)
    globals: Mapping[str, Any] = field(default_factory=dict)
    usages: Usages = field(default_factory=dict)
    versions: Callable[[str, int], Workflow | None] = _no_version
    counted: timedelta | None = None
    shares: InForce = field(default_factory=dict)
    kept: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()
    lookers: Mapping[str, Workflow] = field(default_factory=dict)
    raised: int = 0
    lines: Lines = field(default_factory=lambda: NO_LINES)
    stop_words: Mapping[str, Words] = field(default_factory=lambda: NO_STOP_WORDS)


@record
class Reception:
    """What the event did: the contact after its patch, the decisions in order, and a verdict per workflow concerned.

    `conversations` are those that changed.
    """

    contact: Contact | None
    raised: tuple[EmittedEvent, ...]
    decisions: tuple[Decision, ...]
    verdicts: tuple[Verdict, ...]
    conversations: tuple[Conversation, ...] = ()
    looks: tuple[Look, ...] = ()
