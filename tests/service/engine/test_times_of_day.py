"""Waits for a time of day, on both stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.service.engine.house import START, House

DAILY = """
    key: daily
    timezone: Europe/Berlin
    trigger: {type: go}
    steps:
      - {id: morning, type: wait, config: {at: {time: "10:00", days: weekdays}}}
      - {id: count, type: update_field, config: {field: mornings, operation: increment, value: 1}}
      - {id: again, type: goto, config: {to: morning}}
"""
DAY = timedelta(days=1)


async def test_a_ring_goes_round_once_a_day_by_the_local_clock_across_its_change(house: House) -> None:
    await house.publish(DAILY)
    house.clock.now = datetime(2026, 3, 27, 9, tzinfo=UTC)  # 10:00 on the Friday before the clock is put forward
    await house.trigger("go")
    seen = []
    for _ in range(3):
        due = house.run().deadlines["wait"]
        seen.append((due.isoformat(), house.contact().custom_fields["mornings"]))
        house.clock.now = due
        assert (await house.fire()).fired == 1
        assert (await house.fire()).fired == 0
    assert seen == [
        ("2026-03-30T08:00:00+00:00", 1), ("2026-03-31T08:00:00+00:00", 2), ("2026-04-01T08:00:00+00:00", 3)
    ]  # fmt: skip


async def test_a_time_of_day_goes_on_the_next_day_after_an_outage(house: House) -> None:
    await house.publish(DAILY)
    await house.trigger("go")  # exactly at 10:00 in Berlin
    assert (house.run().deadlines, house.contact().custom_fields) == ({"wait": START + DAY}, {"mornings": 1})
    assert (await house.fire(3 * DAY + timedelta(minutes=5))).fired == 1
    assert (house.run().deadlines, house.contact().custom_fields) == ({"wait": START + 4 * DAY}, {"mornings": 2})
