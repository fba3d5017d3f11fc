"""Property tests draw the same examples in every run of the tests; what a campaign finds is kept with its seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from tests.properties import SAME

ROOT = Path(__file__).parents[2]
DRAWING = """
import sys
from hypothesis import given, strategies as st
from tests.properties import forget_constants, settle_properties

settle_properties()
forget_constants()

@given(st.integers(), st.text())
def draw(number: int, text: str) -> None:
    print(number, ascii(text))

if sys.argv[1:]:  # a module with constants of its own, which hypothesis would draw from
    import statemachine.calendar
draw()
"""
FAILING = """
from hypothesis import given, strategies as st

@given(st.integers())
def test_nobody_is_grown_up(age: int) -> None:
    assert age < 18
"""
CAMPAIGN = """
import sys
from pathlib import Path
from tests.fuzz.properties import run

here = Path(sys.argv[1])
print(run(7, seconds=0, rounds=2, folder=here / "found", tests=here / "test_failing.py").line())
"""


def said(*words: str, hash_seed: str = "0") -> str:
    """What a process of its own prints."""
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout


def test_this_run_draws_what_every_run_draws(request: pytest.FixtureRequest) -> None:
    assert settings.get_current_profile_name() == request.config.getoption("--hypothesis-profile", None) or SAME
    assert settings.get_profile(SAME).derandomize
    assert settings.get_profile(SAME).database is None


def test_other_runs_draw_the_same_whatever_was_loaded_before(tmp_path: Path) -> None:
    file = tmp_path / "drawing.py"
    file.write_text(DRAWING)
    first = said(str(file), hash_seed="1").splitlines()
    assert len(first) >= 100
    assert first == said(str(file), "others", hash_seed="2").splitlines()


def test_what_a_campaign_finds_is_told_once_and_kept_with_its_seed(tmp_path: Path) -> None:
    (tmp_path / "test_failing.py").write_text(FAILING)
    told = said("-c", CAMPAIGN, str(tmp_path))
    (file,) = (tmp_path / "found").glob("properties.*")
    assert told.splitlines()[-1].endswith(f"test_failing.py::test_nobody_is_grown_up -> {file}")
    assert "1 tests, 2.0 rounds" in told
    assert "--hypothesis-seed 7" in file.read_text()
    assert "age=18" in file.read_text()
