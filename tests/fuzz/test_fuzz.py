"""A few hundred inputs for every target, and whatever was found before."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.fuzz.campaign import run
from tests.fuzz.targets import MAX_SECONDS, TARGETS, Target

REGRESSIONS = sorted((Path(__file__).parent / "regressions").iterdir())


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_hundreds_of_strange_inputs_end_well(target: Target) -> None:
    report = run(target, 20260101, seconds=0, inputs=250, folder=None)
    assert report.finding == ""
    assert report.inputs >= 200


@pytest.mark.parametrize("file", REGRESSIONS, ids=lambda file: file.name)
def test_what_was_found_once_is_mended(file: Path) -> None:
    name = file.name.partition(".")[0]
    content: Any = file.read_bytes()
    if name == "definition":
        content = json.loads(content)
    elif name != "bytes":
        content = content.decode("utf-8", "surrogatepass")
    started = time.process_time()
    TARGETS[name].judge(content)
    assert time.process_time() - started < MAX_SECONDS


def _fail(drawn: str) -> str:
    raise KeyError(drawn)


def test_a_broken_promise_is_found_and_written_down(tmp_path: Path) -> None:
    report = run(Target("bytes", st.text(), _fail), 1, seconds=0, inputs=50, folder=tmp_path)
    assert "KeyError" in report.finding
    assert len(list(tmp_path.iterdir())) == 1
