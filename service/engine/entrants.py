"""Entrants: the commands of a batch that may let somebody into workflows, and what the rules of entry ask of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from service.engine.catalog import Catalog, Directory
from service.engine.commands import (
    Command,
    DateArrived,
    DispatchEvent,
    EnrollContact,
    LookAgain,
    StartPending,
    TriggerEvent,
)
from service.engine.desk import Desk
from service.storage.contacts import ContactKey
from service.storage.database import Transaction
from service.storage.dialect import instant
from service.storage.enrollments import load_past
from service.storage.places import lock_places, read_usage
from statemachine.admission import Past
from statemachine.dates import DATE
from statemachine.errors import NotFound
from statemachine.places import Usage
from statemachine.workflow import Workflow

WITH_LOOKS: Final = TriggerEvent | DispatchEvent | LookAgain | DateArrived
"""They look again at earlier events that may still let their contact in."""


class Entrants:
    """`found` has each such command with its contact and the workflows that it may enter."""

    def __init__(
        self,
        catalog: Catalog,
        directory: Directory,
        commands: Sequence[Command],
        keys: Sequence[ContactKey | None],
        desks: Mapping[ContactKey, Desk],
    ) -> None:
        self._catalog = catalog
        self._directory = directory
        self._desks = desks
        self.found: list[tuple[Command, ContactKey | None, Sequence[Workflow]]] = []
        for command, key in zip(commands, keys, strict=True):
            workflows = self._candidates(command)
            desk = desks.get(key) if key is not None else None
            if desk is not None and desk.lookers and isinstance(command, WITH_LOOKS):
                workflows = (*workflows, *desk.lookers.values())
            if workflows:
                self.found.append((command, key, workflows))

    def _candidates(self, command: Command) -> Sequence[Workflow]:
        if isinstance(command, TriggerEvent | DispatchEvent):
            return self._directory.candidates(command.tenant, command.event.type)
        if isinstance(command, DateArrived):
            return self._directory.candidates(command.tenant, DATE)
        if isinstance(command, EnrollContact):
            workflow = self.enrolled_workflow(command)
            return (workflow,) if workflow is not None else ()
        return ()

    def enrolled_workflow(self, command: EnrollContact) -> Workflow | None:
        """The version that an enrolment names, or the active one."""
        row = self._directory.workflows.get((command.tenant, command.workflow))
        version = command.version or (row.active_version if row else None)
        if row is None or version is None:
            return None
        return self._catalog.known(command.tenant, command.workflow, version)

    def load_past(self, transaction: Transaction) -> None:
        """Tell the desks how their contacts have been in the workflows that ask for it."""
        wanted: dict[tuple[str, str, str], None] = {}
        for _, key, workflows in self.found:
            if key is not None and key in self._desks and self._desks[key].revision:
                wanted.update(((*key, workflow.key), None) for workflow in workflows if _asks_for_past(workflow))
        if not wanted:
            return
        rows = load_past(transaction, [{"tenant_id": t, "contact_id": c, "workflow": w} for t, c, w in wanted])
        for tenant, contact_id, workflow_key, entry_key, entries, started, ended in rows:
            past = Past(entries, instant(started), instant(ended))
            self._desks[tenant, contact_id].past[workflow_key, entry_key] = past

    def count_places(
        self, transaction: Transaction, pending: Iterable[StartPending], now: datetime
    ) -> dict[str, dict[str, Usage]]:
        """How full the workflows are in which runs are pending, and those with limits that somebody may enter now.
        Until the commit nobody else takes a place there."""
        names = {(one.tenant, one.workflow) for one in pending}
        for command, _, workflows in self.found:
            names.update((command.tenant, flow.key) for flow in workflows if flow.limits.counted)
        usages: dict[str, dict[str, Usage]] = {}
        if names:
            lock_places(transaction, names)
            for (tenant, name), usage in read_usage(transaction, sorted(names), now).items():
                usages.setdefault(tenant, {})[name] = usage
        return usages


def compile_named(transaction: Transaction, catalog: Catalog, commands: Sequence[Command]) -> None:
    """Compile versions that an enrolment names and this replica has not run yet; unknown ones are refused later."""
    for command in commands:
        if isinstance(command, EnrollContact) and command.version:
            with suppress(NotFound):
                catalog.version(transaction, command.tenant, command.workflow, command.version)


def _asks_for_past(workflow: Workflow) -> bool:
    rules = workflow.entry
    return rules.reentry == "never" or rules.cooldown is not None or rules.max_entries is not None
