"""The gate: may this message go to this contact now? Every message step asks before it orders its task.

The questions, in this order: consent and do-not-contact; frequency caps; quiet hours, send days and holidays; the rate
of the provider. The first that says no is the verdict: `skipped` for want of consent, else `held` until caps and
windows would say yes, or `skipped` when the rules say so; the rate always holds. An urgent message is asked for consent
and the rate alone.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Final

from statemachine.calendar import find_zone
from statemachine.record import record
from statemachine.run import Run
from statemachine.sending.caps import free_at, instant
from statemachine.sending.consent import DENIED, EVERY, GRANTED, status_of
from statemachine.sending.rate import EMPTY, ask_line, keeps_place, with_left, with_waiting, without
from statemachine.sending.rules import Sending
from statemachine.sending.windows import Closed, closed, holiday_finder, open_for, opening

SENT: Final = "sent"
HELD: Final = "held"
SKIPPED: Final = "skipped"
RATE: Final = "provider_rate"


@record
class Ruling:
    """What the gate says. `rule` is the question that decided, `reason` is for people; `until` when to ask again, and
    `slot` what the message has then in the line before the provider."""

    verdict: str
    rule: str = ""
    reason: str = ""
    until: datetime | None = None
    slot: datetime | None = None


_PASS: Final = Ruling(SENT)


def ask(run: Run, rules: Sending | None, channel: str) -> Ruling:
    """Whether the step in which the run is may send by this channel now."""
    refused = _consent(run, channel)
    if refused is not None or rules is None:
        return refused or _PASS
    if rules.consent_required and not _granted(run, channel):
        return Ruling(SKIPPED, "consent", f"consent to {channel} is required, and the contact gave none")
    blocked = None if rules.urgent else _caps_and_windows(run, rules, channel)
    return blocked or _rated(run, rules, channel) or _PASS


def count(run: Run, rules: Sending | None, channel: str) -> None:
    """The message has left: it counts against the rate of its provider, if any is known."""
    rates = rules.rates_of(channel) if rules is not None else ()
    if rates or channel in run.lines:
        line = with_left(run.lines.get(channel, EMPTY), rates, run.now, _slot(run, channel))
        run.lines = {**run.lines, channel: line}


def leave_line(run: Run) -> None:
    """The message does not wait for its slot any more, if it has one."""
    channel = run.gathered.get("channel", "")
    slot = _slot(run, channel)
    if slot is not None and channel in run.lines:
        run.lines = {**run.lines, channel: without(run.lines[channel], slot)}
    run.gathered = {}


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


def _rated(run: Run, rules: Sending, channel: str) -> Ruling | None:
    """What the line before the provider answers is part of what the decision read."""
    rates = rules.rates_of(channel)
    if not rates:
        return None
    own, line, told = _slot(run, channel), run.lines.get(channel, EMPTY), run.surroundings.slots
    until = ask_line(rates, line, run.now, own) if told is None else told[len(run.slots)]
    run.slots = (*run.slots, until)
    if until <= run.now:
        return None
    reason = f"the provider takes {' and '.join(rate.text for rate in rates)}"
    if own is not None and keeps_place(rates, run.now, own):
        return Ruling(HELD, RATE, reason, until, own)
    run.lines = {**run.lines, channel: with_waiting(line, rates, until, own)}
    return Ruling(HELD, RATE, reason, until, until)


def _slot(run: Run, channel: str) -> datetime | None:
    """What the message in which the run rests has in the line."""
    kept = run.gathered
    return instant(kept["slot"]) if kept and kept.get("channel") == channel else None


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
