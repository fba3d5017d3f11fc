"""How many earlier events a decision looks at."""

from statemachine.event import Event, latest
from statemachine.limits import MAX_EVENTS_READ


def test_few_events_are_all_looked_at_and_of_many_the_latest_of_each_type() -> None:
    few = [Event(str(number), "seen") for number in range(MAX_EVENTS_READ)]
    rare = Event("rare", "bought")
    assert latest(few) == tuple(few)
    assert latest([rare, Event("old", "seen"), *few]) == (rare, *few)
