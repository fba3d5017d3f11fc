"""Grace: an event whose trigger matched but for its conditions is looked at again while profile data catch up.

The look is kept until `entry.grace` has passed since the event, and taken again at each event of the contact (every
change of a contact raises one) and at the end. It is over once the conditions hold, whatever the entry rules then say.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from statemachine.event import Event, event_from_data, event_to_data
from statemachine.record import record

GRACE: Final = "grace"
"""The rule of verdicts: BUFFERED, the event will be looked at again; ENROLLED, it was."""
MAX_LOOKS: Final = 20
"""How many events of one contact may wait to be looked at again."""

LookId = tuple[str, str, str]
"""(workflow, source of the event, id of the event)"""


@record
class Look:
    """`event` is looked at again for `workflow`, until an instant of workflow time."""

    workflow: str
    event: Event
    until_at: datetime

    @property
    def id(self) -> LookId:
        return self.workflow, self.event.source, self.event.id


def look_to_data(look: Look) -> dict[str, Any]:
    return event_to_data(look.event)


def look_from_data(workflow: str, data: dict[str, Any], until_at: datetime) -> Look:
    return Look(workflow, event_from_data(data), until_at)
