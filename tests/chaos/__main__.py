"""`python -m tests.chaos SEED [SEED …] [--store sqlite]`: single plays again, with the traceback of what they find."""

from __future__ import annotations

import argparse

from tests.chaos.campaign import KINDS, theatres


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("seeds", nargs="+", type=int)
    parser.add_argument("--store", choices=KINDS, default="sqlite")
    given = parser.parse_args()
    with theatres((given.store,)) as stages:
        for seed in given.seeds:
            print(seed, stages[given.store].play(seed).line(), flush=True)


if __name__ == "__main__":
    main()
