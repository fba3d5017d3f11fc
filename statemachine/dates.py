"""Entry by dates: a date of the contact's profile, with an offset, is the moment at which it enrols.

`{type: date, config: {field: renewal_date, offset: -3d, at: "09:00"}}`. For each contact and trigger there is one
`Appointment`, made again whenever the contact changes; nobody polls. A date is kept once: what it enrolled is `spent`,
and another date, or the same day of another year, makes another appointment. A moment that has passed when the date
becomes known makes none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from statemachine.calendar import find_zone, first_zone, parse_time, resolve_local
from statemachine.contact import Contact
from statemachine.event import Event
from statemachine.record import record
from statemachine.standstill import Standstill

if TYPE_CHECKING:
    from statemachine.workflow import Workflow

DATE: Final = "date"
"""The type of the trigger, and of the event that it makes of a date."""
SOURCE: Final = "statewright"
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_YEARS_AROUND: Final = 6
"""An offset is at most five years."""


@record
class DateRule:
    """`field` is a field of the contact. `at` is a local time of day, `offset` then whole days; without it the offset
    is elapsed time. `zone` None means the zone chain. `yearly`: the day comes again each year, the 29th of February as
    the last day of that month. `late` is how long after its moment a date still enrols; None: however long."""

    field: str
    offset: timedelta = timedelta(0)
    at: time | None = None
    yearly: bool = False
    zone: str | None = None
    late: timedelta | None = None


@record
class Appointment:
    """When a trigger enrols a contact, and by which `date`: the words that tell one date from another."""

    date: str
    due_at: datetime


@record
class Slot:
    """An appointment as it is kept: of which workflow's trigger; `spent` is the date by which it enrolled last."""

    workflow: str
    trigger: str
    date: str = ""
    due_at: datetime | None = None
    spent: str = ""

    @property
    def is_spent(self) -> bool:
        """Whether the date has enrolled the contact already: what comes after it is planned when its time has come."""
        return bool(self.date) and self.date == self.spent

    @property
    def name(self) -> tuple[str, str]:
        return self.workflow, self.trigger


@record
class Arrival:
    """A slot whose time has come: `due_at` is when it was due, by the date as the contact has it now."""

    slot: Slot
    rule: DateRule
    due_at: datetime


def planned(
    workflow: Workflow, rule: DateRule, contact: Contact, now: datetime, tenant_zone: str | None, spent: str = ""
) -> Appointment | None:
    """The next appointment of a contact, from `now` on, by a date that is not `spent`."""
    coming = (one for one in _appointments(workflow, rule, contact, now, tenant_zone) if one.due_at >= now)
    return next((one for one in coming if one.date != spent), None)


def kept(
    workflow: Workflow, rule: DateRule, contact: Contact, slot: Slot, tenant_zone: str | None
) -> Appointment | None:
    """The appointment by the date of the slot, as it is now; None when it is no date of the contact any more."""
    around = slot.due_at or _NEVER
    found = _appointments(workflow, rule, contact, around, tenant_zone)
    return next((one for one in found if one.date == slot.date), None)


def date_event(event_id: str, contact_id: str, arrival: Arrival, now: datetime) -> Event:
    """What happens to the contact when the time of a slot has come: it occurred when it was due."""
    slot = arrival.slot
    data = {"trigger": slot.trigger, "field": arrival.rule.field, "date": slot.date}
    return Event(event_id, DATE, SOURCE, contact_id, data=data, occurred_at=arrival.due_at, accepted_at=now)


def late_by(rule: DateRule | None, event: Event) -> timedelta | None:
    """By how much the date of the event came later than its trigger allows to be late; None when it did not."""
    if rule is None or rule.late is None or event.occurred_at is None or event.accepted_at is None:
        return None
    late = event.accepted_at - event.occurred_at
    return late if late > rule.late else None


def wait_for_resume(pause: Standstill) -> bool:
    """Whether dates wait until their workflow goes on, which is paused: unless that pause drops events."""
    return pause.events != "drop"


def rules_of(workflow: Workflow) -> Mapping[str, DateRule]:
    """Trigger id → its rule, of the date triggers that are enabled."""
    return {trigger.id: trigger.date for trigger in workflow.triggers if trigger.date is not None and trigger.enabled}


def _appointments(
    workflow: Workflow, rule: DateRule, contact: Contact, around: datetime, tenant_zone: str | None
) -> Iterator[Appointment]:
    """The one of the date, or those of some years around an instant, in order; none where there is no date."""
    zone = rule.zone or first_zone(contact.get("timezone"), workflow.timezone, tenant_zone)
    found = _read(contact.get(rule.field), zone)
    if found is None:
        return
    day, instant, words = found
    if not rule.yearly:
        yield from _on(rule, day, instant, words, zone)
        return
    clock = time() if instant is None else instant.astimezone(find_zone(zone)).time()
    first = max(day.year, min(around.year, 9990) - _YEARS_AROUND)
    for year in range(first, first + 2 * _YEARS_AROUND + 1):
        of_year = _in_year(day, year)
        local = None if instant is None else resolve_local(datetime.combine(of_year, clock), zone)
        yield from _on(rule, of_year, local, of_year.isoformat(), zone)


def _on(rule: DateRule, day: date, instant: datetime | None, words: str, zone: str) -> Iterator[Appointment]:
    try:
        if rule.at is not None:
            due_at = resolve_local(datetime.combine(day + rule.offset, rule.at), zone)
        else:
            start = resolve_local(datetime.combine(day, time()), zone) if instant is None else instant
            due_at = start + rule.offset
    except (OverflowError, ValueError):
        return
    yield Appointment(words, due_at)


def _read(value: Any, zone: str) -> tuple[date, datetime | None, str] | None:
    """The local day, the instant if the value says one, and its words; None for what is no date.

    A local time is the same date in every zone: who moves is not enrolled by it again.
    """
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        day = date.fromisoformat(value.strip())
        return day, None, day.isoformat()
    except ValueError:
        pass
    try:
        written = datetime.fromisoformat(value.strip())
        instant = parse_time(value, zone)
        words = written if written.tzinfo is None else instant
        return instant.astimezone(find_zone(zone)).date(), instant, words.isoformat()
    except (ValueError, OverflowError):
        return None


def _in_year(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)
