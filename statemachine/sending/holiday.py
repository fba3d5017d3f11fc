"""Holidays by country and region, from the library `holidays`: the one home of it.

A calendar is named as ISO 3166 names countries and their parts: `de`, `de-by`, `us-ca`; case does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Final

NAME: Final = r"[A-Za-z]{2}(?:-[A-Za-z0-9]{1,12})?"
_LANGUAGE: Final = "en_US"


@lru_cache(maxsize=1)
def calendars() -> tuple[str, ...]:
    """The names of all calendars, sorted."""
    from holidays import list_supported_countries

    found = list_supported_countries(include_aliases=False)
    parts = [f"{country}-{part}" for country, subdivisions in found.items() for part in subdivisions]
    return tuple(sorted(name.lower() for name in (*found, *parts)))


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset(calendars())


def is_calendar(name: str) -> bool:
    return name.lower() in _known()


@lru_cache(maxsize=1024)
def holidays_of(calendar: str, year: int) -> Mapping[date, str]:
    """The public holidays of a year, with their names in English where the library has them, else in the country's own
    language: whatever the locale of this machine is, so that all replicas say the same."""
    from holidays import country_holidays, list_supported_countries

    country, _, part = calendar.upper().partition("-")
    known = list_supported_countries(include_aliases=False)[country]
    subdivision = next((one for one in known if one.upper() == part), None)
    return dict(country_holidays(country, subdiv=subdivision, years=year, expand=False, language=_LANGUAGE))
