"""The lines before providers, as far as a transaction may need them: loaded last, under their locks, and kept once.

A channel has a line where a version at hand, or an active one of its tenant, says a rate for it. A transaction in which
nobody can send by such a channel asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from service.engine.catalog import Directory
from service.engine.household import Versions
from service.storage.database import Transaction
from service.storage.provider_rates import LineName, line_row, lock_lines, read_lines
from statemachine.kin import MAX_WORKFLOWS_DEEP
from statemachine.sending.rate import NO_LINES, Line, Lines
from statemachine.step import REPLY
from statemachine.workflow import Workflow

_NO_RATES: Final[Mapping[str, int]] = {}


class ProviderLines:
    """See the module. Whoever decides sees what the decision before it left."""

    def __init__(self) -> None:
        self._known: dict[str, Lines] = {}
        self._changed: set[LineName] = set()

    def of(self, tenant: str) -> Lines:
        """Those of a tenant, by channel. They are replaced, never changed."""
        return self._known.get(tenant, NO_LINES) if self._known else NO_LINES

    def load(
        self,
        transaction: Transaction,
        directory: Directory,
        versions: Versions,
        at_hand: Iterable[tuple[str, Workflow]],
    ) -> None:
        """Lock and read the lines by which runs of these versions may send, but for those that are here already."""
        wanted = wanted_lines(directory, versions, at_hand)
        names = sorted(name for name in wanted if name[1] not in self.of(name[0]))
        if not names:
            return
        lock_lines(transaction, names)
        self._add(wanted, names, read_lines(transaction, names))

    def look(
        self, transaction: Transaction, directory: Directory, versions: Versions, tenant: str, workflow: Workflow
    ) -> Lines:
        """The same for one version, only to be looked at."""
        wanted = wanted_lines(directory, versions, [(tenant, workflow)])
        self._add(wanted, wanted, read_lines(transaction, wanted))
        return self.of(tenant)

    def _add(self, wanted: Mapping[LineName, int], names: Iterable[LineName], found: Mapping[LineName, Line]) -> None:
        for tenant, channel in names:
            line = found.get((tenant, channel), Line())
            keep = max(line.keep, wanted[tenant, channel])
            self._known[tenant] = {**self.of(tenant), channel: replace(line, keep=keep)}

    def keep(self, tenant: str, lines: Lines) -> None:
        """What a decision made of them. A line that is not here is nobody's business: nothing is kept of it."""
        known = self.of(tenant)
        changed = {channel: line for channel, line in lines.items() if line is not known.get(channel, line)}
        if changed:
            self._known[tenant] = {**known, **changed}
            self._changed.update((tenant, channel) for channel in changed)

    def rows(self) -> list[dict[str, Any]]:
        """What is to be written."""
        return [line_row(tenant, channel, self.of(tenant)[channel]) for tenant, channel in sorted(self._changed)]


def wanted_lines(
    directory: Directory, versions: Versions, at_hand: Iterable[tuple[str, Workflow]]
) -> dict[LineName, int]:
    """The channels with rates of all tenants of which a version at hand may send by one, and how many messages their
    largest rate counts."""
    wanted: dict[LineName, int] = {}
    seen: set[tuple[str, int]] = set()
    for tenant, workflow in at_hand:
        known = directory.rates.get(tenant, _NO_RATES)
        if not (known or workflow.rated or workflow.inner) or (tenant, id(workflow)) in seen:
            continue
        seen.add((tenant, id(workflow)))
        for flow in _whole(versions, tenant, workflow):
            rated = {**flow.rated, **known}
            if rated and (REPLY in flow.channels or not flow.channels.isdisjoint(rated)):
                for channel in rated:
                    count = max(known.get(channel, 0), flow.rated.get(channel, 0))
                    wanted[tenant, channel] = max(count, wanted.get((tenant, channel), 0))
    return wanted


def _whole(versions: Versions, tenant: str, workflow: Workflow, depth: int = 1) -> Iterator[Workflow]:
    """A version and those that its runs may start."""
    yield workflow
    for key, version in workflow.inner if depth < MAX_WORKFLOWS_DEEP else ():
        found = versions.find(tenant, key, version)
        if found is not None:
            yield from _whole(versions, tenant, found, depth + 1)
