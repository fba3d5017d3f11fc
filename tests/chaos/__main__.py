"""`python -m tests.chaos SEED [SEED …] [--store sqlite]`: single plays again, with the traceback of what they find."""

from __future__ import annotations

import argparse
import asyncio

from tests.chaos.campaign import KINDS, stores
from tests.chaos.stage import play, wipe


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("seeds", nargs="+", type=int)
    parser.add_argument("--store", choices=KINDS, default="sqlite")
    given = parser.parse_args()
    with stores((given.store,)) as urls:
        for seed in given.seeds:
            wipe(urls[given.store])
            print(seed, asyncio.run(play(urls[given.store], seed)).line(), flush=True)


if __name__ == "__main__":
    main()
