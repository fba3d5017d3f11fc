"""Who gets a piece of work for people: the rule of assignment, for human tasks and for whom a contact belongs to.

The rule is pure; who is asked, and how much they hold, is for the caller to know. It is fair by turns: among those who
may take the work, the one whose latest turn lies furthest back is next, and the id decides between equals, so that the
same people in the same state give the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from statemachine.record import record


class Availability(StrEnum):
    """Whether somebody may be given work. Who is busy or away keeps what they hold, and may still claim."""

    AVAILABLE = "available"
    BUSY = "busy"
    AWAY = "away"


class Strategy(StrEnum):
    """How one of several people is chosen."""

    DIRECT = "direct"
    ROUND_ROBIN = "round_robin"
    SKILL = "skill"


@record
class Colleague:
    """A person as the rule sees them: `open` is how many human tasks they hold, `turn` the number of their latest."""

    id: str
    groups: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    availability: str = Availability.AVAILABLE
    max_open: int | None = None
    open: int = 0
    turn: int = 0

    @property
    def has_room(self) -> bool:
        return self.max_open is None or self.open < self.max_open


@record
class Wanted:
    """Who may do a piece of work: one person by name, or anybody of a group (of all, without one) with these skills.

    `automatic` False leaves it to whoever claims it.
    """

    agent: str = ""
    group: str = ""
    strategy: str = Strategy.ROUND_ROBIN
    skills: tuple[str, ...] = ()
    automatic: bool = True

    def includes(self, person: Colleague) -> bool:
        """Whether it is meant for this person, as far as group and skills go."""
        if self.agent:
            return person.id == self.agent
        return (not self.group or self.group in person.groups) and person.skills.issuperset(self.skills)

    def suits(self, person: Colleague) -> bool:
        """Whether this person may be given it now. Who is named gets it whatever else they do."""
        if not self.includes(person) or not self.automatic:
            return False
        return bool(self.agent) or (person.availability == Availability.AVAILABLE and person.has_room)


NOBODY: Final = Wanted(automatic=False)
"""Work that waits in its queue for whoever claims it."""


def choose(people: Iterable[Colleague], wanted: Wanted) -> Colleague | None:
    """Whose turn it is; None when nobody may be given it now."""
    suited = [person for person in people if wanted.suits(person)]
    return min(suited, key=lambda person: (person.turn, person.id), default=None)


def wanted_to_data(wanted: Wanted) -> dict[str, Any]:
    """JSON-ready; what is at its default is left out."""
    data: dict[str, Any] = {}
    for name in ("agent", "group"):
        if getattr(wanted, name):
            data[name] = getattr(wanted, name)
    if wanted.strategy != Strategy.ROUND_ROBIN:
        data["strategy"] = str(wanted.strategy)
    if wanted.skills:
        data["skills"] = list(wanted.skills)
    if not wanted.automatic:
        data["automatic"] = False
    return data


def wanted_from_data(data: Mapping[str, Any]) -> Wanted:
    fields = {**data, "skills": tuple(data.get("skills", ()))}
    return Wanted(**fields)
