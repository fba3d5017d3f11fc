"""Where tests keep their files: in memory, where there is room for them.

Tests make databases by the thousand and throw them away; on a disk that costs more than what is tested. Nothing is
lost for it: the tests kill processes and not the machine, and files in memory survive processes. Who sets TMPDIR
decides.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

import psutil

MEMORY: Final = Path("/dev/shm")
ENOUGH_BYTES: Final = 3 << 30
"""A run of all tests on two workers takes a third of it."""


def prefer_memory(folder: Path = MEMORY) -> None:
    """Let `tempfile`, pytest and programs that tests start use this folder, if it is roomy and runs programs."""
    if "TMPDIR" not in os.environ and _is_fit(folder):
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def _is_fit(folder: Path) -> bool:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return False
    system = os.statvfs(folder)
    room = min(system.f_bavail * system.f_frsize, psutil.virtual_memory().available)
    return room >= ENOUGH_BYTES and not system.f_flag & os.ST_NOEXEC
