"""`make fuzz`: every target for some time, each in a process of its own, so that a crash or a hang is a finding too."""

from __future__ import annotations

import argparse
import faulthandler
import random
import subprocess
import sys

from tests.properties import FOUND

NAMES = ("bytes", "definition", "expression", "template", "chaos", "properties")
_HANG_S = 180
_COST_S = {"chaos": 10.0, "properties": 600.0}
"""What an input, a play or a round may take at most, on average."""


def main() -> int:
    given = _arguments()
    names = given.target or NAMES
    number = given.seed if given.seed is not None else random.randrange(10**6)
    if given.alone:
        return _work(names[0], number, given.seconds, given.inputs)
    print(f"seed {number}; findings go to {FOUND}", flush=True)
    return max([_start(name, number, given.seconds / len(names), given.inputs) for name in names])


def _start(name: str, number: int, seconds: float, inputs: int) -> int:
    command = [sys.executable, "-m", "tests.fuzz", "--alone", "--target", name, "--seed", str(number)]
    command += ["--seconds", str(seconds), "--inputs", str(inputs)]
    try:
        ended = subprocess.run(
            command, timeout=seconds + _HANG_S + inputs * _COST_S.get(name, 0.2), check=False
        ).returncode
    except subprocess.TimeoutExpired:
        ended = -1
    if ended not in (0, 1):
        print(f"{name:<11} the process hung or died ({ended}) at the input in {FOUND / name}.running", flush=True)
    return int(ended != 0)


def _work(name: str, number: int, seconds: float, inputs: int) -> int:
    from tests.fuzz.campaign import run
    from tests.fuzz.targets import TARGETS

    faulthandler.enable()
    if name == "chaos":
        return _play(number, seconds, inputs)
    if name == "properties":
        return _draw_again(number, seconds, inputs)
    report = run(TARGETS[name], number, seconds=seconds, inputs=inputs, folder=FOUND)
    print(report.line(), flush=True)
    return int(bool(report.finding))


def _play(number: int, seconds: float, plays: int) -> int:
    """The engine itself, on random workflows, causes and crashes."""
    from tests.chaos.campaign import run

    report = run(number, seconds=seconds, plays=plays, folder=FOUND, tell=lambda line: print(line, flush=True))
    print(report.line(), flush=True)
    return int(bool(report.findings))


def _draw_again(number: int, seconds: float, rounds: int) -> int:
    """The tests of the tree that draw, with examples that they never drew."""
    from tests.fuzz.properties import run

    report = run(number, seconds=seconds, rounds=rounds, folder=FOUND)
    print(report.line(), flush=True)
    return int(bool(report.findings))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together; default 60")
    parser.add_argument(
        "--inputs", type=int, default=0, help="at most so many per target (plays, rounds); default no limit"
    )
    parser.add_argument("--seed", type=int, help="the same seed draws the same inputs")
    parser.add_argument("--target", action="append", choices=NAMES, help="this one alone; may be repeated")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
