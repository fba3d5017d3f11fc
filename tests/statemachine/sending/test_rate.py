"""Provider rates: which slot a message gets, that no load gets past them, and that nobody is forgotten in the line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.replay import replay
from statemachine.run_explanation import explain_run
from statemachine.sending.caps import stamp
from statemachine.sending.rate import (
    EMPTY,
    SLACK,
    Line,
    anybody_waits,
    ask_line,
    keeps_place,
    merged,
    next_slot,
    with_left,
    with_waiting,
)
from statemachine.sending.rules import Rate
from statemachine.simulation.forecast import Foreseen, forecast
from tests.statemachine.checked_world import START, Simulation, assert_alive, compiled

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def line(left: list[float] = [], waiting: list[float] = []) -> Line:  # noqa: B006 - read only
    """By seconds before and after now."""
    return Line(tuple(_at(one) for one in left), tuple(_at(one) for one in waiting), 9)


def _at(seconds: float) -> int:
    return stamp(NOW + timedelta(seconds=seconds))


TWO = Rate(2, SECOND, "sms")
SLOW = Rate(3, MINUTE, "sms")


@pytest.mark.parametrize(
    ("rates", "before", "slot"),
    [
        ([TWO], line(), 0),
        ([TWO], line([-0.5]), 0),
        ([TWO], line([-1, -0.5]), 0),
        ([TWO], line([-0.999999, -0.5]), 0.050001),
        ([TWO], line([-0.1, 0]), 0.95),
        ([TWO], line([-0.1, 0], [0.95]), 1.475),
        ([TWO], line([-0.1, 0], [0.95, 1.475]), 2.0),
        ([TWO], line([-9], [0.5]), 1.025),
        ([TWO], line([-9, -8], [-0.2]), 0.325),
        ([TWO], line([-9, -8], [-1]), 0),
        ([TWO, SLOW], line([-50, -40, -30]), 10.05),
        ([TWO, SLOW], line([-50, -0.5, -0.1]), 10.05),
        ([TWO, SLOW], line([-70, -0.5, -0.1]), 0.55),
        ([TWO], line([-0.9, -0.1, 0.2]), 0.95),
    ],
)
def test_a_message_that_comes_to_the_line_gets_the_first_slot_behind_all_others(
    rates: list[Rate], before: Line, slot: float
) -> None:
    assert next_slot(rates, before, NOW) == NOW + timedelta(seconds=slot)


@pytest.mark.parametrize(
    ("rates", "others", "sent", "left"),
    [
        ([TWO], line([-0.5]), [0], [-0.5, 0]),
        ([TWO], line([-0.5, -0.4]), [0], None),
        ([TWO], line([-1, -0.4]), [0], [-1, -0.4, 0]),
        ([TWO], line([-1, -0.4]), [0, 0], None),
        ([TWO], line([-0.1, 0.2]), [0], None),
        ([TWO], line([-0.8, 0.2]), [0], [-0.8, 0.2, 0.2]),
        ([TWO, SLOW], line([-50, -40, -30]), [0], None),
        ([TWO], line([-9], [0.5]), [0], None),
        ([], line([-0.2, -0.1], [0.5]), [0, 0], [-0.2, -0.1, 0, 0]),
        ([TWO], line(), [], []),
    ],
)
def test_messages_that_others_sent_meanwhile_are_put_before_ones_own_when_there_is_room(
    rates: list[Rate], others: Line, sent: list[float], left: list[float] | None
) -> None:
    found = merged(rates, others, [_at(one) for one in sent])
    assert (None if found is None else found.left) == (None if left is None else line(left).left)


@pytest.mark.parametrize(("waiting", "waits"), [([], False), ([0.5], True), ([-3600], True), ([-86_400], False)])
def test_who_has_not_used_a_slot_for_a_day_waits_no_more(waiting: list[float], waits: bool) -> None:
    assert anybody_waits(line([], waiting), NOW) is waits


@pytest.mark.parametrize(
    ("before", "own", "answer", "keeps"),
    [
        (line([-0.5, -0.4], [0.7]), 0.7, 0.7, True),
        (line([-1.2, -1], [0]), 0, 0, True),
        (line([-0.95, -0.5], [0]), 0, 0.05, True),
        (line([-0.95, -0.5], [-1, 0.3]), -1, 0.05, True),
        (line([-0.95, -0.5], [-1.1]), -1.1, 0.1, False),
        (line([-0.95, -0.5], [-1.1, 0.3]), -1.1, 0.825, False),
        (line([-70, -60], [-40]), -40, 0, False),
    ],
)
def test_a_message_keeps_its_slot_unless_it_comes_much_too_late_for_it(
    before: Line, own: float, answer: float, keeps: bool
) -> None:
    slot = NOW + timedelta(seconds=own)
    assert ask_line([TWO], before, NOW, slot) == NOW + timedelta(seconds=answer)
    assert keeps_place([TWO], NOW, slot) is keeps


def test_what_is_remembered_is_no_more_than_the_largest_rate_counts() -> None:
    full = EMPTY
    for number in range(9):
        full = with_left(full, [TWO], NOW + number * SECOND, None)
        full = with_waiting(full, [TWO], NOW + (100 + number) * SECOND, None)
    assert (len(full.left), len(full.waiting), full.keep) == (2, 2, 2)
    assert len(with_left(Line(keep=4), [], NOW, None).left) == 1


def test_a_batch_that_read_its_clock_early_does_not_count_into_the_past() -> None:
    after = with_left(line([0.2]), [TWO], NOW, None)
    assert after.left == (_at(0.2), _at(0.2))


# --- any load ---


class Traffic:
    """Messages that come to a line, and timers that are a little or very late. Ordered as they happen."""

    def __init__(self, rate: Rate) -> None:
        self.rates = [rate]
        self.line = EMPTY
        self.left: dict[int, datetime] = {}

    def ask(self, name: int, now: datetime, own: datetime | None) -> tuple[datetime, datetime] | None:
        """(when to ask again, the slot) of a message that has to wait."""
        until = ask_line(self.rates, self.line, now, own)
        if until <= now:
            self.line = with_left(self.line, self.rates, now, own)
            self.left[name] = now
            return None
        if own is not None and keeps_place(self.rates, now, own):
            return until, own
        self.line = with_waiting(self.line, self.rates, until, own)
        return until, until

    def play(self, arrivals: list[datetime], late: list[timedelta]) -> None:
        queue: list[tuple[datetime, int, datetime | None]] = []
        for name, at in enumerate(arrivals):
            heappush(queue, (at, name, None))
        turns = 0
        while queue:
            now, name, own = heappop(queue)
            turns += 1
            assert turns < 100 * len(arrivals), "somebody waits for ever"
            waits = self.ask(name, now, own)
            if waits is not None:
                heappush(queue, (waits[0] + late[turns % len(late)], name, waits[1]))


MOMENTS = st.lists(st.integers(0, 8_000), min_size=1, max_size=40).map(
    lambda found: [NOW + timedelta(milliseconds=one) for one in sorted(found)]
)


def most_within(left: list[datetime], span: timedelta) -> int:
    return max(sum(one <= other < one + span for other in left) for one in left)


@settings(max_examples=60, deadline=None)
@given(MOMENTS, st.integers(1, 6), st.lists(st.sampled_from([0, 0, 3, 20, 400, 2_500]), min_size=1, max_size=7))
def test_under_any_load_and_with_timers_however_late_no_span_sees_more_than_the_rate(
    arrivals: list[datetime], count: int, late: list[int]
) -> None:
    traffic = Traffic(Rate(count, SECOND, "sms"))
    traffic.play(arrivals, [timedelta(milliseconds=one) for one in late])
    left = [traffic.left[name] for name in range(len(arrivals))]
    assert most_within(left, SECOND) <= count
    assert all(at >= came for at, came in zip(left, arrivals, strict=True))


@settings(max_examples=60, deadline=None)
@given(MOMENTS, st.integers(1, 6))
def test_with_timers_on_time_each_leaves_when_the_oracle_says(arrivals: list[datetime], count: int) -> None:
    """The oracle knows nothing of lines: each message leaves after the one before it, as soon as it may."""
    traffic = Traffic(Rate(count, SECOND, "sms"))
    traffic.play(arrivals, [timedelta(0)])
    apart = timedelta(microseconds=-(-1_050_000 // count))
    left: list[datetime] = []
    for number, came in enumerate(arrivals):
        nth = left[number - count] + SECOND if number >= count else came
        if (not left or left[-1] <= came) and nth <= came:
            left.append(came)
            continue
        behind = left[-1] + apart if left and left[-1] > came else came
        left.append(max(nth + SLACK if nth > came - SLACK else came, behind))
    assert [traffic.left[name] for name in range(len(arrivals))] == left


# --- in runs ---

RATES = {"rates": {"count": 2, "per": "1s", "channel": "sms"}}
TEXT = {"id": "text", "type": "send_sms", "config": {"body": "Hi", "to": "+491"}}


def crowd(number: int = 5, rules: dict[str, Any] | None = None, *, at: datetime = START, **document: Any) -> Simulation:
    """So many contacts who came to the same message at once."""
    document = {"exit": [{"on": "stop"}], "sending": {**RATES, **(rules or {})}, **document}
    simulation = Simulation(compiled(TEXT, **document))
    simulation.now = at
    for name in range(number):
        simulation.trigger("go", contact_id=f"c{name}")
    return simulation


def sent(simulation: Simulation) -> list[float]:
    """After how many seconds each message left that did."""
    starts = [(record.snapshot.step_starts["text"], record) for record in simulation.records.values()]
    return [(at - START) / SECOND for at, record in starts if record.orders]


def told(simulation: Simulation, run: str) -> list[tuple[str, str | None]]:
    notes = [entry.metadata for entry in simulation.records[run].history]
    return [(one["verdict"], one.get("rule")) for one in notes if "verdict" in one]


def audited(simulation: Simulation) -> bool:
    for record in simulation.records.values():
        again = replay(record.workflow, [entry.cause for entry in record.history if entry.cause is not None])
        assert again.snapshot == record.snapshot
        assert list(again.history) == record.history
        assert_alive(record)
    return True


def test_a_burst_goes_at_once_and_the_rest_one_after_the_other() -> None:
    simulation = crowd(6)
    assert sent(simulation) == [0, 0]
    assert told(simulation, "enrollment-0003") == [("held", "provider_rate")]
    simulation.wait(seconds=10)
    assert sent(simulation) == [0, 0, 1.05, 1.575, 2.1, 2.625]
    assert told(simulation, "enrollment-0003") == [("held", "provider_rate"), ("sent", None)]
    assert audited(simulation)
    assert all(record.snapshot.gathered == {} for record in simulation.records.values())


def test_history_says_until_when_and_by_which_rate_and_the_slot_is_kept_for_deciding_again() -> None:
    simulation = crowd(3)
    note = simulation.history[-1]
    until = (START + timedelta(seconds=1.05)).isoformat()
    assert note.metadata == {
        "verdict": "held",
        "rule": "provider_rate",
        "channel": "sms",
        "reason": "the provider takes 2 sms messages within 1s",
        "until": until,
    }
    cause = simulation.history[0].cause
    assert cause is not None
    assert cause["reads"]["slots"] == [until]


def test_urgent_messages_pass_windows_and_wait_for_the_rate_all_the_same() -> None:
    night = {"quiet_hours": {"from": "00:00", "to": "23:00"}, "on_blocked": "skip"}
    simulation = Simulation(compiled({**TEXT, "urgent": True}, sending={**RATES, **night}))
    for name in range(3):
        simulation.trigger("go", contact_id=f"c{name}")
    assert told(simulation, "enrollment-0003") == [("held", "provider_rate")]
    simulation.wait(seconds=2)
    assert sent(simulation) == [0, 0, 1.05]


def test_messages_of_workflows_without_a_rate_are_counted_and_never_held() -> None:
    free = compiled(TEXT, key="free", triggers=[{"type": "free"}])
    simulation = Simulation(compiled(TEXT, sending=RATES), free)
    for name in range(3):
        simulation.trigger("free", contact_id=f"f{name}")
    assert sent(simulation) == [0, 0, 0]
    simulation.trigger("go")
    assert simulation.run.due_at == START + timedelta(seconds=1.05)
    assert audited(simulation)


def test_what_goes_by_another_channel_is_nobody_s_business() -> None:
    mail = compiled({"id": "text", "type": "send_email", "config": {"subject": "Hi", "body": "Hi"}}, sending=RATES)
    simulation = Simulation(mail)
    for name in range(5):
        simulation.trigger("go", contact_id=f"c{name}")
    assert sent(simulation) == [0] * 5
    assert simulation.world.lines["sms"] == Line(keep=2)


def test_when_the_slot_comes_the_whole_gate_is_asked_again() -> None:
    evening = datetime(2026, 3, 2, 20, 59, 59, tzinfo=UTC)
    simulation = crowd(4, {"quiet_hours": {"from": "21:00", "to": "08:00"}}, at=evening)
    simulation.world.set_consent("c2", {"sms": "denied"})
    simulation.wait(hours=12)
    assert told(simulation, "enrollment-0003") == [("held", "provider_rate"), ("skipped", "consent")]
    morning = [("held", "provider_rate"), ("held", "quiet_hours"), ("sent", None)]
    assert told(simulation, "enrollment-0004") == morning
    assert simulation.run.step_starts["text"] == datetime(2026, 3, 3, 8, tzinfo=UTC)
    assert audited(simulation)


def test_who_leaves_the_line_makes_room_for_those_who_come_after() -> None:
    simulation = crowd(3)
    simulation.trigger("stop", contact_id="c2")
    assert simulation.world.lines["sms"].waiting == ()
    simulation.trigger("go", contact_id="c9")
    assert simulation.run.due_at == START + timedelta(seconds=1.05)
    assert audited(simulation)


def test_who_fails_in_the_line_makes_room_too_before_doing_what_follows() -> None:
    last = {"id": "last", "type": "wait", "config": {"for": "1h"}}
    simulation = crowd(3, limits={"max_duration": "1s"}, on_failure=[last])
    simulation.wait(seconds=1)
    assert (simulation.run.step, simulation.world.lines["sms"].waiting) == ("last", ())
    assert audited(simulation)


def test_a_pause_does_not_keep_others_from_their_slots_nor_lets_anybody_past_the_rate() -> None:
    simulation = crowd(6)
    simulation.operate("pause", "enrollment-0003", timers="keep")
    simulation.wait(seconds=2.1)
    assert sent(simulation) == [0, 0, 1.575, 2.1]
    simulation.operate("resume", "enrollment-0003")
    simulation.wait(seconds=10)
    assert sorted(sent(simulation)) == [0, 0, 1.575, 2.1, 2.625, 3.15]
    assert audited(simulation)


def test_an_operator_who_asks_early_does_not_get_past_the_rate() -> None:
    simulation = crowd(3)
    simulation.operate("reschedule", until=(START + timedelta(seconds=0.2)).isoformat())
    simulation.wait(seconds=5)
    assert sent(simulation) == [0, 0, 1.05]
    assert audited(simulation)


def test_after_an_outage_a_burst_goes_and_the_rest_stand_in_line_again() -> None:
    simulation = crowd(8)
    simulation.now = START + MINUTE
    for name in list(simulation.records)[2:]:
        simulation.fire(name)
    simulation.wait(seconds=10)
    assert sent(simulation) == [0, 0, 60, 60, 61.05, 61.575, 62.1, 62.625]
    assert audited(simulation)


def test_a_message_that_cannot_be_put_together_takes_no_slot() -> None:
    simulation = Simulation(compiled({**TEXT, "config": {"body": "Hi", "to": "{{contact.other}}"}}, sending=RATES))
    for name in range(3):
        simulation.trigger("go", contact_id=f"c{name}")
    assert simulation.world.lines["sms"] == Line(keep=2)


def test_an_edited_input_is_kept_while_a_retried_message_waits_for_its_slot() -> None:
    simulation = crowd(1)
    simulation.fail("boom", retryable=False)
    simulation.trigger("go", contact_id="c9")
    simulation.operate("retry", "enrollment-0001", input={"to": "+492"})
    assert simulation.records["enrollment-0001"].snapshot.task is None
    simulation.wait(seconds=2)
    assert simulation.records["enrollment-0001"].orders[-1].input["to"] == "+492"
    assert audited(simulation)


def test_an_explanation_says_until_when_and_a_forecast_who_decides() -> None:
    simulation = crowd(3)
    record = simulation.records[simulation.last]
    around = simulation.world.surroundings(simulation.last)
    account = explain_run(record.workflow, record.snapshot, around)
    assert account.until_at == START + timedelta(seconds=1.05)
    assert account.reason.endswith("09:00:01 UTC: the provider takes 2 sms messages within 1s.")
    seen = forecast(Foreseen(record.workflow, record.snapshot, surroundings=around))
    assert [attempt.at for attempt in seen.simulated.attempts] == [START + timedelta(seconds=1.05)]
    assert any("line before a provider's rate" in one for one in seen.assumed)


def test_a_run_that_comes_to_the_message_later_is_foreseen_behind_those_in_the_line() -> None:
    later = compiled({"id": "rest", "type": "wait", "config": {"for": "1s"}}, TEXT, sending=RATES)
    simulation = Simulation(later)
    for name in range(5):
        simulation.trigger("go", contact_id=f"c{name}")
    simulation.wait(seconds=1)
    assert sent(simulation) == [1, 1]
    simulation.trigger("go", contact_id="late")
    record = simulation.records[simulation.last]
    seen = forecast(
        Foreseen(record.workflow, record.snapshot, surroundings=simulation.world.surroundings(simulation.last))
    )
    assert [attempt.at for attempt in seen.simulated.attempts] == [START + timedelta(seconds=3.625)]
