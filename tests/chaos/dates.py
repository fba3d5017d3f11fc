"""What must hold of entries by dates when a play is over: each came once, none was forgotten, all is known of them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from service.engine.catalog import Catalog, compile_stored
from service.storage.contact_dates import coming_dates
from service.storage.database import Transaction
from service.storage.dialect import instant, load
from service.storage.workflows import get_version
from statemachine.contact import Contact, contact_from_data
from statemachine.dates import DATE, DateRule, Slot, planned, rules_of
from statemachine.snapshot import Snapshot


def assert_dates_kept(transaction: Transaction, runs: list[Snapshot], now: datetime) -> Counter[str]:
    """Raises AssertionError; counts what became of dates: entered, or the rule that blocked them."""
    seen: set[Any] = set()
    counts: Counter[str] = Counter()
    entered = Counter(run.trigger["id"] for run in runs if run.trigger["type"] == DATE and run.parent_id is None)
    sql = "select event_id, contact_id, data, occurred_at, blocked from events where type = 'date'"
    for event_id, contact, data, due_at, blocked in transaction.rows(sql):
        told = load(data)
        name = (contact, told["trigger"], told["date"], str(due_at))
        assert name not in seen, f"{name} came twice"
        seen.add(name)
        assert entered[event_id] + bool(blocked) == 1, f"{name} entered {entered[event_id]} times, blocked: {blocked}"
        counts[f"date {blocked or 'entered'}"] += 1
    _assert_planned(transaction, now)
    counts["date expected"] = _assert_came(transaction, {name[:3] for name in seen}, now)
    return counts


def _assert_came(transaction: Transaction, came: set[tuple[str, str, str]], now: datetime) -> int:
    """The last date of each contact has come, if its moment lay between its being set and now; how many have.

    Only instants that mean the same in every zone and by every version of a workflow that was never deleted.
    """
    directory, expected = Catalog().refresh(transaction), 0
    for contact_id, profile, created_at in transaction.rows("select id, profile, created_at from contacts order by id"):
        contact = contact_from_data(contact_id, load(profile), 1)
        date, set_at = _instant(contact.get("day")), _set_at(transaction, contact) or instant(created_at)
        if date is None or set_at is None:
            continue
        for workflow in directory.candidates("default", DATE):
            for trigger, rule in rules_of(workflow).items():
                name, due_at = (contact_id, trigger, date.isoformat()), date + rule.offset
                plain = rule.at is None and not rule.yearly
                if plain and set_at <= due_at <= now and _always(transaction, workflow.key, trigger, rule, set_at):
                    assert name in came, f"{name} was forgotten, due {due_at}, set {set_at}"
                    expected += 1
    return expected


def _set_at(transaction: Transaction, contact: Contact) -> datetime | None:
    sql = "select accepted_at, data from events where type = 'field_changed' and contact_id = :id order by accepted_at"
    told = [(at, load(data)) for at, data in transaction.rows(sql, id=contact.id)]
    last = [at for at, data in told if data["field"] == "day" and data["new_value"] == contact.get("day")]
    return instant(last[-1]) if last else None


def _always(transaction: Transaction, key: str, trigger: str, rule: DateRule, since: datetime) -> bool:
    """Whether every version has the trigger, and the workflow has been there since then."""
    versions = transaction.rows("select version from workflow_versions where workflow = :key", key=key)
    (row,) = transaction.rows("select created_at from workflows where key = :key", key=key)
    stored = [get_version(transaction, "default", key, number) for (number,) in versions]
    rules = [rules_of(compile_stored(one)).get(trigger) for one in stored if one is not None]
    created_at = instant(row[0])
    return all(one == rule for one in rules) and created_at is not None and created_at <= since


def _instant(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None


def _assert_planned(transaction: Transaction, now: datetime) -> None:
    """Every contact has just the appointments that its dates make, by the versions that are active."""
    directory = Catalog().refresh(transaction)
    rows = transaction.rows("select id, profile from contacts order by id")
    slots = {
        (contact, slot.name): slot
        for _, contact, slot in coming_dates(transaction, [("default", row[0]) for row in rows])
    }
    for workflow in directory.candidates("default", DATE):
        for trigger, rule in rules_of(workflow).items():
            for contact_id, profile in rows:
                contact = contact_from_data(contact_id, load(profile), 1)
                slot = slots.get((contact_id, (workflow.key, trigger)), Slot(workflow.key, trigger))
                assert slot.due_at is None or slot.due_at > now, f"{contact_id}: {slot} was not looked at"
                spent = "" if slot.is_spent else _spent(transaction, contact_id, slot)
                found = planned(workflow, rule, contact, now, None, spent)
                wanted = (found.date, found.due_at) if found else ("", None)
                has = (slot.date, slot.due_at) if slot.due_at else ("", None)
                assert has == wanted, f"{contact_id} is planned for {has} by {workflow.key}, not for {wanted}"


def _spent(transaction: Transaction, contact_id: str, slot: Slot) -> str:
    sql = (
        "select spent from contact_dates where contact_id = :contact and workflow = :workflow and trigger_id = :trigger"
    )
    row = transaction.row(sql, contact=contact_id, workflow=slot.workflow, trigger=slot.trigger)
    return row[0] if row else ""
