"""Who may start next."""

from __future__ import annotations

from datetime import timedelta

from service.connectors.lines import Lines


def lines(*, running: int = 10, per_destination: int = 2, length: int = 4) -> Lines[str]:
    return Lines(running=running, per_destination=per_destination, length=length)


def started(made: Lines[str]) -> list[str]:
    found = []
    while (item := made.start()) is not None:
        found.append(item)
    return found


def join(made: Lines[str], destination: str, *items: str) -> list[timedelta | None]:
    return [made.join(destination, item) for item in items]


def test_items_without_a_destination_are_bounded_by_the_whole_alone() -> None:
    made = lines(running=3)
    join(made, "", "a", "b", "c", "d")
    assert started(made) == ["a", "b", "c"]
    made.end("")
    assert started(made) == ["d"]


def test_a_destination_runs_only_a_few_and_lets_others_pass() -> None:
    made = lines()
    join(made, "slow", "s1", "s2", "s3")
    join(made, "quick", "q1")
    assert started(made) == ["s1", "q1", "s2"]
    made.end("slow")
    assert started(made) == ["s3"]


def test_destinations_take_turns() -> None:
    made = lines(running=3)
    join(made, "one", "a1", "a2")
    join(made, "two", "b1", "b2")
    assert started(made) == ["a1", "b1", "a2"]


def test_a_full_line_puts_off_the_longer_the_more_there_is() -> None:
    made = lines(length=2)
    assert join(made, "slow", "a", "b") == [None, None]
    assert [made.join("slow", "more") for _ in range(4)] == [timedelta(seconds=s) for s in (1, 2, 2, 3)]


def test_a_line_that_moves_puts_off_for_a_short_time_again() -> None:
    made = lines(length=2)
    join(made, "busy", "a", "b", *["more"] * 9)
    started(made)
    join(made, "busy", "c", "d")
    assert made.join("busy", "e") == timedelta(seconds=1)


def test_nothing_is_put_off_for_more_than_a_minute() -> None:
    made = lines(length=1)
    assert max(delay or timedelta(0) for delay in join(made, "slow", *["x"] * 500)) == timedelta(seconds=60)


def test_a_full_line_leaves_other_lines_open() -> None:
    made = lines(length=1)
    join(made, "slow", "a", "b")
    assert join(made, "quick", "q") == [None]


def test_what_left_its_line_is_not_started() -> None:
    made = lines()
    join(made, "one", "a", "b")
    made.remove("one", "a")
    made.remove("two", "nobody")
    assert started(made) == ["b"]


def test_clearing_takes_out_what_waits_and_not_what_runs() -> None:
    made = lines(running=1)
    join(made, "one", "a", "b")
    made.start()
    assert (made.clear(), made.active, made.start()) == (["b"], 1, None)
