"""The gate: may this message go to this contact now? Every message step asks before it orders its task.

The questions, in this order: consent and do-not-contact. The first that says no is the verdict.
"""

from __future__ import annotations

from typing import Final

from statemachine.consent import DENIED, EVERY, status_of
from statemachine.record import record
from statemachine.run import Run

SENT: Final = "sent"
SKIPPED: Final = "skipped"


@record
class Ruling:
    """What the gate says. `rule` is the question that decided, `reason` is for people."""

    verdict: str
    rule: str = ""
    reason: str = ""


_PASS: Final = Ruling(SENT)


def ask(run: Run, channel: str) -> Ruling:
    """Whether the step in which the run is may send by this channel now."""
    return _consent(run, channel) or _PASS


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
