"""The gate: may this message go to this contact now? Every message step asks before it orders its task.

The questions, in this order: consent and do-not-contact; frequency caps; quiet hours, send days and holidays. The first
that says no is the verdict: `skipped` for want of consent, else `held` until all of them would say yes, or `skipped`
when the rules say so. An urgent message is asked for consent alone.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Final

from statemachine.calendar import find_zone
from statemachine.record import record
from statemachine.run import Run
from statemachine.sending.caps import free_at
from statemachine.sending.consent import DENIED, EVERY, GRANTED, status_of
from statemachine.sending.rules import Sending
from statemachine.sending.windows import Closed, closed, holiday_finder, open_for, opening

SENT: Final = "sent"
HELD: Final = "held"
SKIPPED: Final = "skipped"


@record
class Ruling:
    """What the gate says. `rule` is the question that decided, `reason` is for people; `until` when to ask again."""

    verdict: str
    rule: str = ""
    reason: str = ""
    until: datetime | None = None


_PASS: Final = Ruling(SENT)


def ask(run: Run, rules: Sending | None, channel: str) -> Ruling:
    """Whether the step in which the run is may send by this channel now."""
    refused = _consent(run, channel)
    if refused is not None or rules is None:
        return refused or _PASS
    if rules.consent_required and not _granted(run, channel):
        return Ruling(SKIPPED, "consent", f"consent to {channel} is required, and the contact gave none")
    if rules.urgent:
        return _PASS
    return _caps_and_windows(run, rules, channel) or _PASS


def _consent(run: Run, channel: str) -> Ruling | None:
    contact = run.person
    if contact is None or not contact.consent:
        return None
    run.contact_read = True
    for name, rule in ((EVERY, "do_not_contact"), (channel, "consent")):
        if status_of(contact, name) == DENIED:
            what = "not to be contacted" if name == EVERY else f"no messages by {channel}"
            said = contact.consent[name]
            source = f" ({said['source']})" if "source" in said else ""
            return Ruling(SKIPPED, rule, f"the contact asked for {what} at {said['at']}{source}")
    return None


def _granted(run: Run, channel: str) -> bool:
    if run.person is None:
        return True
    run.contact_read = True
    return status_of(run.person, channel) == GRANTED


def _caps_and_windows(run: Run, rules: Sending, channel: str) -> Ruling | None:
    zone = find_zone(run.zone()) if rules.local else None
    ruling = _capped(run, rules, channel)
    if rules.windowed:
        assert zone is not None
        at = run.now if ruling is None or ruling.until is None else ruling.until
        holiday = _recorded(run, rules)
        shut = closed(rules, at, zone, holiday)
        if shut is not None:
            until = opening(rules, shut.until, zone, holiday)
            most = open_for(rules, until, rules.spread, zone, holiday) if rules.spread else timedelta(0)
            ruling = _held(ruling, shut, until + _share(run) * most)
    if ruling is not None and rules.blocked == "skip":
        return Ruling(SKIPPED, ruling.rule, ruling.reason)
    return ruling


def _capped(run: Run, rules: Sending, channel: str) -> Ruling | None:
    """The cap that lets the next message out last."""
    if not rules.caps or run.person is None or not run.person.sends:
        return None
    run.contact_read = True
    found: Ruling | None = None
    for cap in rules.caps:
        zone = find_zone(run.zone()) if cap.unit is not None else None
        until = free_at(cap, run.person.sends, channel, run.now, zone)
        if until is not None and (found is None or found.until is None or until > found.until):
            found = Ruling(HELD, "cap", f"the contact has got {cap.text}", until)
    return found


def _held(capped: Ruling | None, shut: Closed, until: datetime) -> Ruling:
    if capped is None:
        return Ruling(HELD, shut.rule, shut.reason, until)
    return Ruling(HELD, capped.rule, f"{capped.reason}; then {shut.reason}", until)


def _recorded(run: Run, rules: Sending) -> _Holidays:
    """Holidays as the calendars have them; those that were found are kept for deciding again."""
    return _Holidays(run, rules)


class _Holidays:
    """Calendars are data of a library, which changes: what they said is part of what the decision read."""

    def __init__(self, run: Run, rules: Sending) -> None:
        self._run = run
        self._rules = rules
        self._find = holiday_finder(rules)

    def __call__(self, day: date) -> str | None:
        known = self._run.surroundings.holidays
        name = self._find(day) if known is None or not self._rules.calendars else known.get(day.isoformat())
        if self._rules.calendars:
            if self._run.holidays is None:
                self._run.holidays = {}
            if name is not None:
                self._run.holidays[day.isoformat()] = name
        return name


def _share(run: Run) -> float:
    """A number in [0, 1) of this visit of this run, to spread releases by."""
    digest = blake2b(f"{run.enrollment_id}/{run.visit}".encode(), digest_size=7).digest()
    return int.from_bytes(digest) / (1 << 56)
