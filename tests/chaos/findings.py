"""What a play that fails leaves behind: how to play it again, what it said, and what the service logged meanwhile."""

from __future__ import annotations

import traceback
from pathlib import Path

from tests.databases import Kind
from tests.properties import FOUND


def again(seed: int, kind: Kind, *, alone: bool) -> str:
    """The command that plays it again."""
    return f"python -m tests.chaos {seed} --store {kind}" + ("" if alone else " --threads")


def keep(error: BaseException, seed: int, kind: Kind, *, alone: bool, folder: Path = FOUND) -> Path:
    """Write down all that is known; answers where, and notes it on the error."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"chaos.{kind}{'' if alone else '.threads'}.{seed}"
    file.write_text("\n".join([again(seed, kind, alone=alone), "", *traceback.format_exception(error)]))
    error.add_note(f"again: {again(seed, kind, alone=alone)}; all that is known: {file}")
    return file
