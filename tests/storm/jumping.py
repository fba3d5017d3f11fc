"""`statewright` on a machine whose clock jumps, to and fro, by up to two hours; the database's clock does not.

A program for `tests.e2e.servers.Server`: what reads the clock of its own machine in a server (the metronome and its
scheduler, and identifiers) reads one that is set anew every few seconds. Each jump leaves a line in the output.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

MOST_S: Final = 7200.0
JUMPED: Final = "the clock of this machine jumps"

_offset_s = 0.0


class _Kind(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


class Jumping(datetime, metaclass=_Kind):
    """`datetime`, but for what is now."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return datetime.now(tz) + timedelta(seconds=_offset_s)


def _time_ns() -> int:
    return time.time_ns() + int(_offset_s * 1e9)


def _jump_always() -> None:
    global _offset_s
    pause = threading.Event()
    while not pause.wait(random.uniform(3, 8)):
        _offset_s = random.uniform(-MOST_S, MOST_S)
        print(f"{JUMPED} by {_offset_s:.0f} s", flush=True)


def main() -> None:
    import apscheduler.executors.base
    import apscheduler.schedulers.asyncio
    import apscheduler.schedulers.base
    import apscheduler.triggers.interval

    from service.cli.main import main as serve
    from service.engine import ids
    from service.timers import metronome

    scheduler = (apscheduler.executors.base, apscheduler.schedulers.base, apscheduler.triggers.interval)
    for module in (*scheduler, metronome):
        assert vars(module)["datetime"] is datetime
        vars(module)["datetime"] = Jumping
    vars(ids)["time"] = SimpleNamespace(time_ns=_time_ns)
    threading.Thread(target=_jump_always, name="jumps", daemon=True).start()
    serve(sys.argv[1:])


def program(folder: Path) -> Path:
    """An executable that does this."""
    path, root = folder / "statewright-jumping", Path(__file__).parents[2]
    path.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(root)!r})\n"
        "from tests.storm.jumping import main\nmain()\n"
    )
    path.chmod(0o755)
    return path
