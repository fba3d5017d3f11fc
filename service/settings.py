"""Every setting of the server: what it is for, its default, and where it may come from.

A setting is given as a flag, in the environment or in a TOML file, and the first of these that has it wins; otherwise
its default holds. All three carry the same name: `--max-pending`, `STATEWRIGHT_MAX_PENDING`, `max_pending = 5000`.

The file is the one that `--config` or `STATEWRIGHT_CONFIG` names, shared with the other commands: settings of the
server stand at its top or in its table `[serve]`, those of another command in the table of that command. Any other key
is refused, so that a misspelt setting is never silently ignored.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from statemachine.calendar import find_zone, zone_names
from statemachine.duration import parse_duration
from statemachine.errors import InvalidInput

PREFIX: Final = "STATEWRIGHT_"
CONFIG_VARIABLE: Final = "STATEWRIGHT_CONFIG"

_CLIENT_KEYS: Final = frozenset({"address", "json", "timeout", "config"})
"""What every command may find at the top of the file."""


class SettingsError(InvalidInput):
    """Settings that cannot be right. The message has a line per setting: its name, its source, what would be right."""

    reason = "INVALID_SETTINGS"


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port to listen on; port 0 lets the system choose."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `HOST:PORT` or `[IPV6]:PORT`. Raises ValueError."""
        host, colon, port = text.strip().rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isdecimal() or int(port) > 65535:
            raise ValueError(f"{text!r} is not HOST:PORT; write it like 127.0.0.1:50051")
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def moved(self, ports: int) -> Address:
        """The address that many ports further; port 0 stays."""
        return Address(self.host, self.port + ports) if self.port else self

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _address(raw: Any) -> Any:
    return Address.parse(raw) if isinstance(raw, str) else raw


def _optional_address(raw: Any) -> Any:
    return None if raw in ("", "off") else _address(raw)


def _duration(raw: Any) -> Any:
    return raw if isinstance(raw, timedelta) else parse_duration(raw)


def _list(raw: Any) -> Any:
    return tuple(part.strip() for part in raw.split(",") if part.strip()) if isinstance(raw, str) else raw


def _network(raw: Any) -> Any:
    try:
        ipaddress.ip_network(raw)
    except ValueError as wrong:
        raise ValueError(f"{wrong}; write a network like 10.20.0.0/16") from wrong
    return raw


def _zone(raw: Any) -> Any:
    if not isinstance(raw, str):
        return raw
    return next((name for name in zone_names() if name.casefold() == raw.casefold()), None) or find_zone(raw).key


_Text = PlainSerializer(str, return_type=str)
Networks = Annotated[tuple[Annotated[str, BeforeValidator(_network)], ...], BeforeValidator(_list)]


class Settings(BaseModel):
    """The settings of one server. Immutable; contradictions are refused when it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    listen: Annotated[Address, BeforeValidator(_address), _Text] = Field(
        default=Address("127.0.0.1", 50051),
        description="Where the gRPC API listens, HOST:PORT.",
    )
    database_url: str = Field(
        default="sqlite:///statewright.db",
        description="The database: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.",
        repr=False,
        min_length=1,
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=128,
        description="How many server processes share the port (PostgreSQL only).",
    )
    dev: bool = Field(
        default=False,
        description="Development: messages go to the local outbox instead of waiting for a worker; time may be scaled.",
    )
    clock_rate: float = Field(
        default=1.0,
        gt=0,
        le=1e6,
        description="How many seconds of workflow time pass in one second; only with dev.",
    )
    timezone: Annotated[str, BeforeValidator(_zone)] = Field(
        default="UTC",
        description="The IANA zone of local times where neither the contact nor the workflow names one.",
    )
    lanes: int = Field(
        default=1 if (os.cpu_count() or 1) <= 2 else 2,
        ge=1,
        le=64,
        description="Engine threads that take commands which come alone, each with a database connection of its own; "
        "by default one on up to two cores, else two. Timers, and calls that bring many, have at least two; SQLite "
        "always has one for all.",
    )
    max_pending: int = Field(
        default=10_000,
        ge=1,
        description="Commands that may wait for the engine before callers are told RESOURCE_EXHAUSTED.",
    )
    auto_migrate: bool = Field(
        default=False,
        description="Bring a PostgreSQL database to this version's schema at start; SQLite always is.",
    )
    http_listen: Annotated[Address | None, BeforeValidator(_optional_address), _Text] = Field(
        default=Address("127.0.0.1", 9464),
        description="Where metrics and health are served over HTTP, HOST:PORT; `off` for nowhere.",
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(lambda raw: raw.lower() if isinstance(raw, str) else raw),
    ] = Field(default="info", description="The least severe messages to log.")
    log_format: Literal["auto", "text", "json"] = Field(
        default="auto",
        description="How log lines look; auto is text on a terminal and json otherwise.",
    )
    reflection: bool = Field(default=True, description="Answer gRPC server reflection.")
    allow_private_networks: bool = Field(
        default=False,
        description="Let http_request steps reach loopback, link-local and private addresses.",
    )
    allowed_networks: Networks = Field(
        default=(),
        description="Private networks that http_request steps may reach, separated by commas.",
    )
    drain_timeout_s: float = Field(
        default=15.0,
        ge=0,
        le=600,
        description="Seconds that work in flight gets to finish after SIGTERM.",
    )
    dedup_window: Annotated[timedelta, BeforeValidator(_duration)] = Field(
        default=timedelta(days=7),
        ge=timedelta(minutes=1),
        description="How long an event id is remembered, so that its repeat is answered and not applied again.",
    )
    insecure_listen: bool = Field(
        default=False,
        description="Listen beyond this machine although there is neither TLS nor authentication.",
    )
    unsafe: bool = Field(
        default=False,
        description="Accept a PostgreSQL without fsync or full_page_writes: a crash may lose acknowledged events.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Settings:
        for setting, message in self._contradictions():
            raise PydanticCustomError("contradiction", "{message}", {"setting": setting, "message": message})
        return self

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        if self.clock_rate != 1.0 and not self.dev:
            yield "clock_rate", "scaled time is for development; add --dev, or leave it at 1"
        if self.workers > 1 and self.is_sqlite:
            yield "workers", "SQLite has one writer, so one process; use 1, or a postgresql:// database_url"
        if self.workers > 1 and self.listen.port == 0:
            yield "listen", "several workers share one port; name it instead of 0"
        for name in ("listen", "http_listen"):
            address: Address | None = getattr(self, name)
            if address is not None and not address.is_loopback and not self.insecure_listen:
                yield name, _exposed(address)

    @property
    def is_sqlite(self) -> bool:
        """Whether the store is a SQLite file."""
        return self.database_url.startswith("sqlite")

    @property
    def database(self) -> str:
        """The database address without its password, for people and logs."""
        return _without_password(self.database_url)

    def for_worker(self, index: int) -> Settings:
        """The settings of worker number `index` of several: its metrics are that many ports further."""
        http_listen = self.http_listen.moved(index) if self.http_listen else None
        return self.model_copy(update={"http_listen": http_listen})


def _exposed(address: Address) -> str:
    return (
        f"{address} can be reached from other machines, and this server has neither TLS nor authentication; "
        "listen on 127.0.0.1 behind a proxy that has both, or accept the risk with --insecure-listen"
    )


def _without_password(url: str) -> str:
    password = urlsplit(url).password
    shown = url.replace(f":{password}@", ":***@", 1) if password else url
    return re.sub(r"(?<=[?&]password=)[^&]*", "***", shown)


def flag(name: str) -> str:
    """The command-line flag of a setting."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


@dataclass(frozen=True, slots=True)
class Setting:
    """What a person is told about one setting. `kind` is bool, int, float or str; `default` as one would write it."""

    name: str
    flag: str
    variable: str
    kind: type[bool] | type[int] | type[float] | type[str]
    default: str
    description: str


def describe_settings() -> tuple[Setting, ...]:
    """Every setting, in the order of the documentation."""
    return tuple(_describe(name) for name in Settings.model_fields)


def _describe(name: str) -> Setting:
    field = Settings.model_fields[name]
    kind: Any = field.annotation if field.annotation in (bool, int, float) else str
    return Setting(name, flag(name), variable(name), kind, _written(field.default), field.description or "")


def _written(default: Any) -> str:
    if isinstance(default, timedelta):
        return f"{default // timedelta(days=1)}d"
    return ", ".join(default) if isinstance(default, tuple) else str(default).lower()


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    config: Path | str | None = None,
) -> Settings:
    """The settings of this start: flag over environment over file over default.

    `flags` are by setting name, None meaning not given; `config` is the value of `--config`. Raises SettingsError.
    """
    environment = environment or {}
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    path = config or environment.get(CONFIG_VARIABLE)
    if path:
        values |= _read_file(Path(path))
        sources |= dict.fromkeys(values, f"file {path}")
    for name in Settings.model_fields:
        if _is_given(name, environment.get(variable(name))):
            values[name], sources[name] = environment[variable(name)], f"environment {variable(name)}"
        if flags and flags.get(name) is not None:
            values[name], sources[name] = flags[name], f"flag {flag(name)}"
    try:
        return Settings(**values)
    except ValidationError as wrong:
        raise _explained(wrong.errors(), sources) from None


def _is_given(name: str, value: str | None) -> bool:
    """A variable that is set but empty counts as absent, as elsewhere; except where empty means off."""
    return bool(value) or (value == "" and name == "http_listen")


def _read_file(path: Path) -> dict[str, Any]:
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"config file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"config file {path} is not TOML: {error}") from error
    top = {key: value for key, value in read.items() if not isinstance(value, dict) and key not in _CLIENT_KEYS}
    values = {key.replace("-", "_"): value for key, value in (top | read.get("serve", {})).items()}
    unknown = [key for key in values if key not in Settings.model_fields]
    if unknown:
        raise SettingsError("\n".join(f"config file {path}: {_unknown(key)}" for key in unknown))
    return values


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key, Settings.model_fields, 1)
    advice = f"did you mean {near[0]!r}?" if near else "options of a command stand in its table, such as [list]"
    return f"there is no setting {key!r}; {advice}"


def _explained(errors: list[ErrorDetails], sources: Mapping[str, str]) -> SettingsError:
    violations = []
    for error in errors:
        setting = str(error.get("ctx", {}).get("setting") or error["loc"][0])
        violations.append((setting, _complaint(setting, error)))
    lines = [f"{name} ({sources.get(name, 'default')}): {message}" for name, message in violations]
    return SettingsError("\n".join(lines), violations)


def _complaint(setting: str, error: ErrorDetails) -> str:
    if error["type"] in ("contradiction", "value_error"):
        return error["msg"].removeprefix("Value error, ")
    given = "" if setting == "database_url" else f", not {json.dumps(error['input'], default=str)}"
    return error["msg"].removesuffix(".") + given
