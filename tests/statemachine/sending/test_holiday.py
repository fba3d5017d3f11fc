"""Holidays of calendars."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from statemachine.sending.holiday import holidays_of


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    holidays_of.cache_clear()
    yield
    holidays_of.cache_clear()


@pytest.mark.parametrize("locale", ["", "C", "C.UTF-8", "de_DE.UTF-8", "th_TH.UTF-8", "en_US.UTF-8"])
def test_holidays_are_named_in_english_whatever_the_locale_of_the_machine_is(
    locale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.setenv(name, locale)
    assert holidays_of("de", 2026)[date(2026, 4, 6)] == "Easter Monday"
