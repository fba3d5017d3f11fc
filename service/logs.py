"""Structured logs: one line per happening, JSON for machines or text for people.

Fields go into `extra`: `log.info("batch committed", extra={"items": 12})`. Payloads (event data, variables, texts of
messages) and secrets are never logged: what happened is in the history, who may see it is decided there.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

import orjson

Format = Literal["auto", "text", "json"]

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
_TALKATIVE: Final = (
    "aiohttp",
    "alembic",
    "apscheduler",
    "asyncio",
    "service.timers.metronome",
    "sqlalchemy",
    "transitions",
    "uvicorn",
)


class JsonLines(logging.Formatter):
    """A JSON object per line: time, level, logger, message, the fields, and error with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class Text(logging.Formatter):
    """The same for people: time, level, message, fields as k=v."""

    def format(self, record: logging.LogRecord) -> str:
        time = _time(record).astimezone().strftime("%H:%M:%S.%f")[:-3]
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        line = f"{time} {record.levelname.lower():7} {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up_logs(level: str, log_format: Format, stream: TextIO | None = None) -> None:
    """Send the logs of this process to `stream` (standard error) as `log_format` says.

    Libraries speak from warning on, unless the level is debug.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    as_text = log_format == "text" or (log_format == "auto" and stream.isatty())
    handler.setFormatter(Text() if as_text else JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else logging.WARNING)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}
