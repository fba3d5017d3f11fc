"""`statewright validate` as CI and people run it: a process of its own, with a pipe or a terminal behind it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.e2e.servers import PROGRAM

BAD = "tests/workflows/bad/unknown_type.yaml"
WARNED = "tests/workflows/bad/weights_not_100.warning.yaml"
RED = "\x1b[1;31m"
GOOD = "examples/welcome.yaml"


def _run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(PROGRAM), "validate", *args], capture_output=True, text=True, timeout=60, check=False)


def _on_a_terminal(*args: str, **environment: str) -> str:
    """Standard output as a terminal gets it."""
    above, below = pty.openpty()
    known = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [str(PROGRAM), "validate", *args], stdout=below, env={**known, "TERM": "xterm-256color", **environment}
    )
    os.close(below)
    shown = b""
    while part := _read(above):
        shown += part
    process.wait(timeout=60)
    os.close(above)
    return shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so at the end
        return b""


def test_a_terminal_gets_colour_and_a_pipe_gets_none() -> None:
    assert RED in _on_a_terminal(BAD)
    assert RED not in _on_a_terminal(BAD, NO_COLOR="1")
    assert "\x1b[" not in _run(BAD).stdout


def test_the_line_and_a_caret_under_the_mistake_are_shown() -> None:
    lines = _run(BAD).stdout.splitlines()
    assert lines[0] == f"{BAD}:2:23: error: there is no step type 'dellay' [unknown_type]"
    assert lines[1].index("dellay") == lines[2].index("^")
    assert lines[3:5] == ["      = at steps[0].type", "      = help: did you mean 'delay'?"]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ([GOOD], 0),
        ([WARNED], 0),
        ([WARNED, "--strict"], 1),
        ([GOOD, "--strict"], 0),
        ([BAD], 1),
        (["examples", BAD], 1),
        (["examples"], 0),
        (["nowhere.yaml"], 2),
        ([GOOD, "--format", "xml"], 2),
    ],
)
def test_the_exit_code_says_how_it_went(args: list[str], code: int) -> None:
    assert _run(*args).returncode == code


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_what_machines_read_is_one_document(form: str) -> None:
    assert json.loads(_run("tests/workflows", "--format", form).stdout)


def test_github_reads_one_line_per_problem() -> None:
    files = sorted(Path("tests/workflows/bad").glob("un*.yaml"))
    lines = _run(*map(str, files), "--format", "github").stdout.splitlines()
    assert len(lines) >= len(files)
    assert {line.partition(" ")[0] for line in lines} == {"::error", "::warning"}
