"""The lines before providers, as far as a transaction may need them: loaded last, and kept once.

A channel has a line where a version at hand, or an active one of its tenant, says a rate for it. A transaction in which
nobody can send by such a channel asks nothing.

A line in which somebody waits is locked before anything is decided, for what each message hears depends on the one
before it. Otherwise deciding goes by what was read, and the lock is taken when the batch is saved, by those that sent
something: messages that left meanwhile are put before its own, when the rates have room for both. When they have not,
`LineMoved` has the batch run again, under the lock from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from service.engine.catalog import Directory
from service.engine.household import Versions
from service.storage.connections import Conflict
from service.storage.database import Transaction
from service.storage.provider_rates import LineName, line_row, lock_lines, read_lines
from statemachine.kin import MAX_WORKFLOWS_DEEP
from statemachine.sending.rate import EMPTY, NO_LINES, Line, Lines, anybody_waits, merged
from statemachine.sending.rules import Rate
from statemachine.step import REPLY
from statemachine.workflow import Workflow

_NO_RATES: Final[Mapping[str, int]] = {}


class LineMoved(Conflict):
    """Others have taken what the batch took: it is to be run again, under the locks of its lines from the beginning."""


class ProviderLines:
    """See the module. Whoever decides sees what the decision before it left. `locked` takes all locks at once."""

    def __init__(self, *, locked: bool = False) -> None:
        self._locked = locked
        self._known: dict[str, Lines] = {}
        self._changed: set[LineName] = set()
        self._read: dict[LineName, Line] = {}
        self._sent: dict[LineName, list[int]] = {}
        self._mixed: set[LineName] = set()
        self._senders: list[Sender] = []

    def of(self, tenant: str) -> Lines:
        """Those of a tenant, by channel. They are replaced, never changed."""
        return self._known.get(tenant, NO_LINES) if self._known else NO_LINES

    def load(
        self,
        transaction: Transaction,
        directory: Directory,
        versions: Versions,
        at_hand: Iterable[tuple[str, Workflow]],
        now: datetime,
    ) -> None:
        """Read the lines by which runs of these versions may send; those in which somebody waits under their locks."""
        self._senders = senders(directory, versions, at_hand)
        wanted = lines_before(self._senders)
        names = sorted(wanted)
        if not names:
            return
        if self._locked:
            lock_lines(transaction, names)
        found = read_lines(transaction, names)
        if transaction.kind == "postgresql" and not self._locked:
            busy = [name for name in names if name in found and anybody_waits(found[name], now)]
            if busy:
                lock_lines(transaction, busy)
                found |= read_lines(transaction, busy)
            free = set(names).difference(busy)
            self._read = {name: found.get(name, EMPTY) for name in free}
        self._add(wanted, names, found)

    def look(
        self,
        transaction: Transaction,
        directory: Directory,
        versions: Versions,
        tenant: str,
        workflows: Iterable[Workflow],
    ) -> Lines:
        """The same for these versions, only to be looked at."""
        wanted = lines_before(senders(directory, versions, [(tenant, workflow) for workflow in workflows]))
        self._add(wanted, wanted, read_lines(transaction, wanted))
        return self.of(tenant)

    def _add(self, wanted: Mapping[LineName, int], names: Iterable[LineName], found: Mapping[LineName, Line]) -> None:
        for tenant, channel in names:
            line = found.get((tenant, channel), EMPTY)
            keep = max(line.keep, wanted[tenant, channel])
            self._known[tenant] = {**self.of(tenant), channel: replace(line, keep=keep)}

    def keep(self, tenant: str, lines: Lines) -> None:
        """What a decision made of them. A line that is not here is nobody's business: nothing is kept of it."""
        known = self.of(tenant)
        changed = {channel: line for channel, line in lines.items() if line is not known.get(channel, line)}
        if changed:
            self._known[tenant] = {**known, **changed}
            for channel, line in changed.items():
                self._changed.add((tenant, channel))
                if (tenant, channel) in self._read:
                    self._note(tenant, channel, known[channel], line)

    def _note(self, tenant: str, channel: str, before: Line, after: Line) -> None:
        """What a decision did to a line without its lock: one message left, or something that cannot be told apart."""
        if (
            after.waiting == before.waiting
            and after.left
            and after.left == (*before.left, after.left[-1])[-after.keep :]
        ):
            self._sent.setdefault((tenant, channel), []).append(after.left[-1])
        else:
            self._mixed.add((tenant, channel))

    def settle(self, transaction: Transaction) -> None:
        """Lock what was read without its lock and has changed, and see whether others changed it meanwhile.

        Raises LineMoved when what was decided may not stand beside that.
        """
        names = sorted(self._changed.intersection(self._read))
        if not names:
            return
        lock_lines(transaction, names)
        found = read_lines(transaction, names)
        for name in names:
            now = found.get(name, EMPTY)
            if now != self._read[name]:
                self._put_behind(name, now)

    def _put_behind(self, name: LineName, line: Line) -> None:
        """Our messages leave after those that others sent meanwhile, when there is room for them."""
        tenant, channel = name
        behind = None if name in self._mixed else merged(self._rates(name), line, self._sent[name])
        if behind is None:
            raise LineMoved(f"others have sent by {channel} meanwhile")
        known = self.of(tenant)
        keep = max(behind.keep, known[channel].keep)
        self._known[tenant] = {**known, channel: replace(behind, left=behind.left[-keep:], keep=keep)}

    def _rates(self, name: LineName) -> set[Rate]:
        """All that those say who may have sent."""
        tenant, channel = name
        return {
            rate
            for sender in self._senders
            if sender.tenant == tenant
            for step in sender.flow.steps.values()
            if step.sending is not None
            for rate in step.sending.rates_of(channel)
        }

    def rows(self) -> list[dict[str, Any]]:
        """What is to be written."""
        return [line_row(tenant, channel, self.of(tenant)[channel]) for tenant, channel in sorted(self._changed)]


@dataclass(frozen=True, slots=True)
class Sender:
    """A version that may send by channels with rates; `counts` are, by channel, what the largest rate counts."""

    tenant: str
    flow: Workflow
    counts: Mapping[str, int]


def senders(directory: Directory, versions: Versions, at_hand: Iterable[tuple[str, Workflow]]) -> list[Sender]:
    """Those among the versions at hand and the ones that their runs may start."""
    found: list[Sender] = []
    seen: set[tuple[str, int]] = set()
    for tenant, workflow in at_hand:
        known = directory.rates.get(tenant, _NO_RATES)
        if not (known or workflow.rated or workflow.inner) or (tenant, id(workflow)) in seen:
            continue
        seen.add((tenant, id(workflow)))
        for flow in _whole(versions, tenant, workflow):
            counts = {one: max(known.get(one, 0), flow.rated.get(one, 0)) for one in (*flow.rated, *known)}
            if counts and (REPLY in flow.channels or not flow.channels.isdisjoint(counts)):
                found.append(Sender(tenant, flow, counts))
    return found


def lines_before(found: Iterable[Sender]) -> dict[LineName, int]:
    """The lines in which their messages may have to stand, and how many messages the largest rate of each counts."""
    wanted: dict[LineName, int] = {}
    for sender in found:
        for channel, count in sender.counts.items():
            wanted[sender.tenant, channel] = max(count, wanted.get((sender.tenant, channel), 0))
    return wanted


def _whole(versions: Versions, tenant: str, workflow: Workflow, depth: int = 1) -> Iterator[Workflow]:
    """A version and those that its runs may start."""
    yield workflow
    for key, version in workflow.inner if depth < MAX_WORKFLOWS_DEEP else ():
        found = versions.find(tenant, key, version)
        if found is not None:
            yield from _whole(versions, tenant, found, depth + 1)
