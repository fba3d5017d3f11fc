"""The benchmark runs, does all its work and tells it; how fast is not for tests to say."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from bench import report
from bench.__main__ import WORKLOADS, main, usual
from bench.figures import Figure, Spread, summarise
from bench.targets import judge


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("through", "workloads"), [("grpc", list(WORKLOADS)), ("engine", ["w1", "w1-tasks"])])
def test_every_workload_is_done_and_told(
    through: str,
    workloads: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(report, "LATEST", tmp_path / "latest.json")

    chosen = [argument for name in workloads for argument in ("--workload", name)]
    main(["--database", "sqlite", "--n", "10", "--rounds", "1", "--through", through, *chosen])

    told = orjson.loads((tmp_path / "latest.json").read_bytes())
    assert {one["workload"][:2].lower() for one in told["summaries"]} == {name[:2] for name in workloads}
    assert all(one["rate"] > 0 for one in told["summaries"])
    assert "Targets" in capsys.readouterr().out


def test_what_takes_minutes_runs_only_when_it_is_asked_for() -> None:
    assert set(WORKLOADS) - set(usual(long=False)) == {"w7", "reports"}
    assert set(WORKLOADS) - set(usual(long=True)) == {"w7"}


def test_a_ratio_is_to_the_floor_of_the_same_round() -> None:
    rounds = [
        [_figure("floor", 100), _figure("ours", 50, "floor")],
        [_figure("floor", 10), _figure("ours", 1, "floor")],
    ]

    _, ours = summarise(rounds)

    assert ours.ratio == pytest.approx((0.5 + 0.1) / 2)
    assert ours.rate == pytest.approx(25.5)


def test_a_target_is_met_by_the_best_of_its_ways() -> None:
    slow = _figure("TriggerBatch of 100", 5, "floor", "W3 events wake")
    quick = _figure("TriggerBatch of 500", 13, "floor", "W3 events wake")
    verdicts = {
        verdict.target.name: verdict
        for verdict in judge(summarise([[_figure("floor", 100, None, "W3 events wake"), slow, quick]]))
    }

    assert verdicts["W3"].met is True
    assert verdicts["W3"].measured == pytest.approx(0.13)
    assert verdicts["W4 p99"].met is None


def test_the_alternative_of_a_target_counts_too() -> None:
    echo = _figure("empty unary echo", 1000, None, "W1 three steps")
    call = _figure("Trigger, 128 at once", 600, "empty unary echo", "W1 three steps")

    verdict = next(
        verdict for verdict in judge(summarise([[echo, call]])) if verdict.target.name == "W1, one in a call"
    )

    assert verdict.measured == pytest.approx(600)
    assert verdict.met is True


def _figure(way: str, items: int, floor: str | None = None, workload: str = "W") -> Figure:
    return Figure("postgresql", workload, way, items, 1.0, floor, Spread(1.0, 2.0))
