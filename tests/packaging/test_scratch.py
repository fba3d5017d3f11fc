"""Where tests keep their files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests import scratch
from tests.scratch import prefer_memory


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "elsewhere")
    monkeypatch.setenv("TMPDIR", "")
    monkeypatch.delenv("TMPDIR")


def chosen() -> tuple[str | None, str | None]:
    return tempfile.tempdir, os.environ.get("TMPDIR")


def test_files_are_kept_in_a_folder_that_is_roomy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "ENOUGH_BYTES", 1)
    prefer_memory(tmp_path)
    assert chosen() == (str(tmp_path), str(tmp_path))


def test_a_folder_without_room_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "ENOUGH_BYTES", 1 << 60)
    prefer_memory(tmp_path)
    assert chosen() == ("elsewhere", None)


def test_a_folder_that_is_not_there_is_left_alone(tmp_path: Path) -> None:
    prefer_memory(tmp_path / "absent")
    assert chosen() == ("elsewhere", None)


def test_who_names_a_folder_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "ENOUGH_BYTES", 1)
    monkeypatch.setenv("TMPDIR", "/named")
    prefer_memory(tmp_path)
    assert chosen() == ("elsewhere", "/named")
