"""Which keys of a wait go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from statemachine.step import Build

if TYPE_CHECKING:
    from statemachine.steps.wait import WaitConfig

_TIMERS: Final = ("for", "duration", "until", "at", "timeout")
_EVENTS: Final = ("on", "event", "wait_for_event")
_FORMS: Final = (
    "`for: 2d`, `until: <time>`, `at: {time: 09:00}`, `on: [{event: …}]`, `quiet: 2d` with `of`, or "
    "`until_true: <condition>`"
)
_PARTNERS: Final = {
    "offset": (("until",), "`offset` belongs to `until`"),
    "since": ((*_EVENTS, "quiet"), "`since` belongs to `on` or `quiet`"),
    "ttl": ((*_EVENTS, "quiet"), "`ttl` belongs to `on` or `quiet`: it is about events that came before"),
    "consume": (_EVENTS, "`consume` belongs to `on`: it is about the event that ends the wait"),
    "key": ((*_EVENTS, "of"), "`key` belongs to `on` or `of`: it says which events are meant"),
    "key_path": (("key",), "`key_path` belongs to `key`"),
    "unit": (("duration", "for"), "`unit` belongs to `duration`"),
    "timeout": (
        (*_EVENTS, "quiet", "until_true"),
        "`timeout` belongs to `on`, `quiet` or `until_true`; a plain wait is `for`",
    ),
    "on_change": (("until", "at"), "`on_change` belongs to `until` or `at`"),
    "late": ((*_TIMERS, "quiet"), "`late` belongs to a timer: `for`, `until`, `at`, `quiet` or `timeout`"),
    "debounce": (_EVENTS, "`debounce` belongs to `on`: it gathers events"),
    "max_hold": (("debounce",), "`max_hold` belongs to `debounce`"),
    "quiet": (("of",), "say of which events: `of: [reply, email_clicked]`"),
    "of": (("quiet",), "`of` belongs to `quiet`: how long has none of them come?"),
}
"""Key → the keys of which one has to stand beside it, and what to say otherwise."""


def check_keys(config: WaitConfig, build: Build) -> None:
    """Report keys that exclude each other, and keys that lack the one they belong to."""
    given = {"for" if name == "for_" else name for name in config.model_fields_set if getattr(config, name) is not None}
    timers = [key for key in _TIMERS if key in given]
    if len(timers) > 1:
        build.problem("conflicting_keys", (timers[1],), f"`{timers[0]}` and `{timers[1]}` exclude each other")
    if not given & {*timers, *_EVENTS, "quiet", "of", "until_true"}:
        build.problem("missing_key", (), f"say how long: {_FORMS}")
    for key, (partners, message) in _PARTNERS.items():
        if key in given and not given & set(partners):
            build.problem("missing_key", (key,), message)
    if config.debounce is not None and config.max_hold is not None and config.max_hold < config.debounce:
        message = "a burst would end before the first silence: `max_hold` is shorter than `debounce`"
        build.problem("bad_value", ("max_hold",), message)
