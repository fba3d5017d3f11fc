"""Liquid is loaded here, so that no test that measures time or memory is the one to load it."""

import statemachine.liquid_text as _liquid_text  # noqa: F401
