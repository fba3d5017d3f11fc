"""`python -m tests.chaos SEED [SEED …] [--store sqlite]`: single plays again, with the traceback of what they find."""

from __future__ import annotations

import argparse

from tests.chaos.campaign import KINDS, theatres


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("seeds", nargs="+", type=int)
    parser.add_argument("--store", choices=KINDS, default="sqlite")
    parser.add_argument("--threads", action="store_true", help="who is faster comes first, not who the seed says")
    given = parser.parse_args()
    with theatres((given.store,), alone=not given.threads) as stages:
        for seed in given.seeds:
            tally = stages[given.store].play(seed)
            print(seed, tally.line(), f"; story {tally.story}", flush=True)


if __name__ == "__main__":
    main()
