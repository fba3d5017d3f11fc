"""A start: one server in this process, or a supervisor of several; each loads what a server is made of by itself.

The supervisor only looks after others. It needs neither the house nor its memory, and is there the sooner.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from service.logs import set_up_logs
from service.settings import Settings, SettingsError

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event as ProcessEvent

_log: Final = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Run a server until it is told to stop; answers the exit code: 0 after a drain, 1 when it could not start."""
    set_up_logs(settings.log_level, settings.log_format)
    if settings.workers == 1:
        return _serve(settings)
    from service.supervisor import supervise

    try:
        return supervise(settings, _work)
    except SettingsError as refused:
        _log.error("cannot start: %s", refused.message)
        return 1


def _work(settings: Settings, serving: ProcessEvent) -> None:
    """The life of one worker. The terminal's Ctrl-C is the supervisor's to pass on."""
    from service.supervisor import REFUSED

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_up_logs(settings.log_level, settings.log_format)
    sys.exit(REFUSED if _serve(settings, serving.set) else 0)


def _serve(settings: Settings, on_serving: Callable[[], object] = lambda: None) -> int:
    from service.garbage import nothing_collected

    with nothing_collected():
        from service.app import serve
        from service.event_loop import run_loop
    return run_loop(serve(settings, on_serving))
