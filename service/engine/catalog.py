"""The versions this replica knows, compiled: which workflows an event may enter, and who listens to what.

Versions are immutable, so they are compiled once and kept. What is active changes: a stamp read in every batch tells
whether another replica published, activated or paused something, and the directory is then read anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from service.storage.database import Transaction
from service.storage.split_weights import shares_in_force
from service.storage.variables import all_variables
from service.storage.workflows import (
    StoredVersion,
    StoredWorkflow,
    all_listens,
    all_workflows,
    ask_catalog_stamp,
    get_version,
)
from statemachine.cause import Surroundings, left_for_globals, named_globals
from statemachine.contact import Contact
from statemachine.conversation import Conversation
from statemachine.dates import DATE, rules_of, wait_for_resume
from statemachine.definition import Loaded, load_workflow
from statemachine.errors import DefinitionError, NotFound
from statemachine.event import Event
from statemachine.names import CONTACT_CHANGES
from statemachine.sending.rate import NO_LINES, Lines
from statemachine.sending.stop_words import NO_STOP_WORDS, StopWords, Words, together
from statemachine.shares import NO_SPLITS, InForce, SetShares, splits_of
from statemachine.standstill import NO_STANDSTILL, Standstill
from statemachine.step import CONTACT_CHANGED
from statemachine.workflow import Workflow

VersionKey = tuple[str, str, int]
_NO_STANDSTILLS: Final[Mapping[str, Standstill]] = {}
_NO_GLOBALS: Final[Mapping[str, Any]] = {}
_NO_SHARES: Final[InForce] = {}
_NOTHING_KEPT: Final[Mapping[str, Mapping[str, str]]] = {}


@dataclass(frozen=True, slots=True)
class Directory:
    """What is active, as of one stamp. `by_trigger` leads (tenant, event type) to the active versions that want it;
    `standstills` leads tenant and key to what pauses mean to runs, for workflows that were ever paused; `zone` is the
    tenant's; `globals` leads tenant and name to the value of a global variable; `pending` says whether any run waits to
    begin, `looking` whether any event is to be looked at again; `counted` leads tenants to how far back the caps of
    their active versions look; `rates` leads tenants to the channels of which these say a provider's rate, and how many
    messages the largest one counts; `shares` are those that were set of splits, by tenant; `stop_words` leads tenants
    and channels to what contacts end and start messages with."""

    stamp: tuple[Any, ...] = ()
    workflows: Mapping[tuple[str, str], StoredWorkflow] = field(default_factory=dict)
    by_trigger: Mapping[tuple[str, str], tuple[Workflow, ...]] = field(default_factory=dict)
    paused: Mapping[str, frozenset[str]] = field(default_factory=dict)
    standstills: Mapping[str, Mapping[str, Standstill]] = field(default_factory=dict)
    listens: Mapping[str, frozenset[str]] = field(default_factory=dict)
    zone: str | None = None
    globals: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pending: bool = False
    counted: Mapping[str, timedelta] = field(default_factory=dict)
    shares: Mapping[str, InForce] = field(default_factory=dict)
    looking: bool = False
    rates: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    dated: bool = False
    stop_words: Mapping[str, Mapping[str, Words]] = field(default_factory=dict)

    def candidates(self, tenant: str, event_type: str) -> tuple[Workflow, ...]:
        return self.by_trigger.get((tenant, event_type), ())

    def paused_in(self, tenant: str) -> frozenset[str]:
        return self.paused.get(tenant, frozenset())

    def standstills_in(self, tenant: str) -> Mapping[str, Standstill]:
        return self.standstills.get(tenant, _NO_STANDSTILLS)

    def keeps_dates(self, tenant: str, workflow: str) -> bool:
        """Whether dates that come now wait until the workflow goes on."""
        if workflow not in self.paused_in(tenant):
            return False
        return wait_for_resume(self.standstills_in(tenant).get(workflow, NO_STANDSTILL))

    def stop_words_in(self, tenant: str) -> Mapping[str, Words]:
        return self.stop_words.get(tenant, NO_STOP_WORDS)

    def shares_in(self, tenant: str) -> InForce:
        return self.shares.get(tenant, _NO_SHARES)

    def surroundings(
        self,
        tenant: str,
        workflow: Workflow,
        now: datetime,
        contact: Contact | None,
        events: Sequence[Event],
        conversation: Conversation | None = None,
        kept: Mapping[str, Mapping[str, str]] = _NOTHING_KEPT,
        lines: Lines = NO_LINES,
    ) -> Surroundings:
        """What a decision about a run of this version may read; `kept` are variants of the contact by workflow."""
        key, reads = workflow.key, workflow.reads
        return Surroundings(
            now,
            contact,
            tuple(event for event in events if event.type in reads.events) if events else (),
            named_globals(self.globals_of(tenant), workflow) if reads.globals else _NO_GLOBALS,
            self.zone,
            key in self.paused_in(tenant),
            self.standstills_in(tenant).get(key, NO_STANDSTILL),
            tenant,
            conversation if reads.conversation else None,
            counted=self.counted.get(tenant),
            splits=splits_of(self.shares_in(tenant), key, workflow.version, kept) if self.shares else NO_SPLITS,
            globals_left=left_for_globals(self.globals_of(tenant), workflow) if reads.sets else None,
            lines=lines,
        )

    def with_globals(self, tenant: str, changes: Mapping[str, Any]) -> Directory:
        """As it will be when these global variables are set."""
        return replace(self, globals={**self.globals, tenant: {**self.globals_of(tenant), **changes}})

    def globals_of(self, tenant: str) -> Mapping[str, Any]:
        return self.globals.get(tenant, _NO_GLOBALS)

    def active(self, tenant: str, key: str) -> int | None:
        """The active version of a workflow, if there is one."""
        row = self.workflows.get((tenant, key))
        return row.active_version if row else None

    def watched(self, tenant: str) -> bool:
        """Whether any run may look again when its contact changes."""
        return CONTACT_CHANGED in self.listens.get(tenant, ())

    def listened(self, tenant: str, event_type: str) -> bool:
        """Whether any version, active or not, could take an event of this type."""
        return event_type in self.listens.get(tenant, ())


class Catalog:
    """`zone` is the tenant's, for local times where neither contact nor workflow names one. `rated` says whether any
    version that was ever needed says a provider's rate, or names a version that may.

    Thread-safe: a lane swaps in a new directory whole, readers see the old or the new one.
    """

    def __init__(self, zone: str | None = None) -> None:
        self._zone = zone
        self._versions: dict[VersionKey, Workflow] = {}
        self._directory = Directory(zone=zone)
        self.rated = False

    @property
    def directory(self) -> Directory:
        return self._directory

    def refresh(self, transaction: Transaction) -> Directory:
        """The directory as this transaction sees it; one cheap query when nothing changed."""
        return self.ask(transaction)()

    def ask(self, transaction: Transaction) -> Callable[[], Directory]:
        """`refresh`, to be read later."""
        stamp = ask_catalog_stamp(transaction)
        return lambda: self._as_of(transaction, *stamp())

    def _as_of(self, transaction: Transaction, stamp: tuple[int, ...], pending: bool, looking: bool) -> Directory:
        directory = self._directory
        if stamp != directory.stamp:
            directory = self._directory = self._read(transaction, stamp)
        return replace(directory, pending=pending, looking=looking) if pending or looking else directory

    def version(self, transaction: Transaction, tenant: str, key: str, version: int) -> Workflow:
        """One compiled version; raises NotFound."""
        known = self._versions.get((tenant, key, version))
        if known is None:
            stored = get_version(transaction, tenant, key, version)
            if stored is None:
                raise NotFound("version", f"{key}@{version}")
            known = self.keep(stored)
        return known

    def known(self, tenant: str, key: str, version: int) -> Workflow | None:
        return self._versions.get((tenant, key, version))

    def keep(self, stored: StoredVersion, compiled: Workflow | None = None) -> Workflow:
        """Compile a stored version and keep it."""
        workflow = compiled or compile_stored(stored)
        if workflow.rated or any(version for _, version in workflow.inner):
            self.rated = True
        return self._versions.setdefault((stored.tenant, stored.workflow, stored.version), workflow)

    def _read(self, transaction: Transaction, stamp: tuple[Any, ...]) -> Directory:
        workflows = {(row.tenant, row.key): row for row in all_workflows(transaction)}
        by_trigger: dict[tuple[str, str], list[Workflow]] = {}
        watching: list[tuple[str, str]] = []
        counted: dict[str, timedelta] = {}
        rates: dict[str, dict[str, int]] = {}
        stopping: dict[str, list[StopWords]] = {}
        for row in workflows.values():
            if row.active_version is not None:
                workflow = self.version(transaction, row.tenant, row.key, row.active_version)
                if workflow.counts is not None:
                    counted[row.tenant] = max(workflow.counts, counted.get(row.tenant, workflow.counts))
                for channel, count in workflow.rated.items():
                    known = rates.setdefault(row.tenant, {})
                    known[channel] = max(count, known.get(channel, 0))
                if workflow.stop_words is not None:
                    stopping.setdefault(row.tenant, []).append(workflow.stop_words)
                if workflow.watches_contact:
                    watching.append((row.tenant, CONTACT_CHANGED))
                for kind in dict.fromkeys(trigger.type for trigger in workflow.triggers):
                    by_trigger.setdefault((row.tenant, kind), []).append(workflow)
        return Directory(
            stamp,
            workflows,
            {name: tuple(found) for name, found in by_trigger.items()},
            _grouped((row.tenant, row.key) for row in workflows.values() if row.paused),
            _standstills(workflows.values()),
            _grouped([*((tenant, kind) for tenant, kinds in all_listens(transaction) for kind in kinds), *watching]),
            self._zone,
            all_variables(transaction),
            counted=counted,
            shares=_in_force(shares_in_force(transaction)),
            rates=rates,
            dated=any(kind == DATE and any(map(rules_of, found)) for (_, kind), found in by_trigger.items()),
            stop_words={tenant: together(rules) for tenant, rules in stopping.items()},
        )


def compile_stored(stored: StoredVersion) -> Workflow:
    workflow = load_stored(stored).workflow
    assert workflow is not None
    return workflow


def load_stored(stored: StoredVersion) -> Loaded:
    """With its canonical form. Raises DefinitionError when the language has lost what the version needs."""
    loaded = load_workflow(
        stored.source,
        format=stored.format,
        key=stored.workflow,
        name=stored.name,
        lenient=stored.lenient,
        version=stored.version,
        stored=True,
    )
    if loaded.workflow is None:
        raise DefinitionError(loaded.problems)
    return loaded


def listens_of(workflow: Workflow) -> tuple[str, ...]:
    """The canonical event types that can enrol into or move runs of a version."""
    kinds = {trigger.type for trigger in workflow.triggers}
    kinds.update(rule.on for rule in workflow.exits if rule.on)
    if workflow.leaves_on_mismatch or workflow.entry.grace is not None:
        kinds.update(CONTACT_CHANGES)
    kinds.update(case.event for step in workflow.steps.values() for case in (*step.cases, *step.resets))
    kinds.update(kind for step in workflow.steps.values() for kind in step.asked_events)
    if workflow.watches_contact:
        kinds.add(CONTACT_CHANGED)
    return tuple(sorted(kinds))


def _standstills(workflows: Iterable[StoredWorkflow]) -> dict[str, dict[str, Standstill]]:
    found: dict[str, dict[str, Standstill]] = {}
    for row in workflows:
        if row.standstill != NO_STANDSTILL:
            found.setdefault(row.tenant, {})[row.key] = row.standstill
    return found


def _in_force(found: Mapping[VersionKey, Mapping[str, SetShares]]) -> dict[str, InForce]:
    by_tenant: dict[str, dict[str, dict[int, Mapping[str, SetShares]]]] = {}
    for (tenant, key, version), shares in found.items():
        by_tenant.setdefault(tenant, {}).setdefault(key, {})[version] = shares
    return dict(by_tenant)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    grouped: dict[str, set[str]] = {}
    for tenant, name in pairs:
        grouped.setdefault(tenant, set()).add(name)
    return {tenant: frozenset(names) for tenant, names in grouped.items()}
