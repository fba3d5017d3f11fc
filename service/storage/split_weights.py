"""Shares of splits that were set while a version was live. Every setting is kept; the latest of a step is in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.storage.database import Transaction
from service.storage.dialect import dump, instant, instant_text, load
from statemachine.shares import SetShares, Shares

VersionKey = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `revision` is the workflow's after it, `set_at` is workflow time."""

    version: int
    step: str
    revision: int
    shares: Shares
    set_at: datetime


def insert_setting(transaction: Transaction, tenant: str, workflow: str, setting: Setting) -> None:
    transaction.write(
        "insert into split_weights (tenant_id, workflow, version, step, revision, shares, set_at) "
        "values (:tenant, :workflow, :version, :step, :revision, :shares, :set_at)",
        tenant=tenant,
        workflow=workflow,
        version=setting.version,
        step=setting.step,
        revision=setting.revision,
        shares=dump(list(setting.shares.items())),
        set_at=instant_text(setting.set_at),
    )


def settings_of(transaction: Transaction, tenant: str, workflow: str, step: str) -> list[Setting]:
    """All of a step, on any version, the oldest first."""
    rows = transaction.rows(
        "select version, step, revision, shares, set_at from split_weights where tenant_id = :tenant "
        "and workflow = :workflow and step = :step order by revision",
        tenant=tenant,
        workflow=workflow,
        step=step,
    )
    return [Setting(row[0], row[1], int(row[2]), dict(load(row[3])), _at(row[4])) for row in rows]


def shares_in_force(transaction: Transaction) -> dict[VersionKey, dict[str, SetShares]]:
    """By version, then by step."""
    rows = transaction.rows(
        "select tenant_id, workflow, version, step, revision, shares from split_weights order by revision"
    )
    found: dict[VersionKey, dict[str, SetShares]] = {}
    for tenant, workflow, version, step, revision, shares in rows:
        found.setdefault((tenant, workflow, version), {})[step] = SetShares(int(revision), dict(load(shares)))
    return found


_KEPT: Final = """
select e.tenant_id, e.contact_id, e.workflow, e.state ->> 'variants'
from {rows:wanted; tenant_id text, contact_id text, workflow text}
{look up: enrollments as e where
    (e.tenant_id, e.contact_id, e.workflow, e.entry_key) >= (r.tenant_id, r.contact_id, r.workflow, '')
    and e.tenant_id = r.tenant_id and e.contact_id = r.contact_id and e.workflow = r.workflow}
where e.state ->> 'variants' is not null order by e.id"""
"""For the comparison of all four see `enrollments.PAST`."""

Kept = Mapping[tuple[str, str], Mapping[str, dict[str, str]]]
"""(tenant, contact) → workflow → split → the first variant that the contact was given."""


def kept_variants(transaction: Transaction, wanted: set[tuple[str, str, str]]) -> Kept:
    """For (tenant, contact, workflow): every one of them is in the answer, if only with nothing."""
    found: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for tenant, contact, workflow in wanted:
        found.setdefault((tenant, contact), {})[workflow] = {}
    rows = [{"tenant_id": tenant, "contact_id": contact, "workflow": key} for tenant, contact, key in sorted(wanted)]
    for tenant, contact, workflow, variants in transaction.rows(_KEPT, wanted=rows):
        kept = found[tenant, contact][workflow]
        for split, label in load(variants).items():
            kept.setdefault(split, label)
    return found


def _at(value: Any) -> datetime:
    at = instant(value)
    assert at is not None
    return at
