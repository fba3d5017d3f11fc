"""The guide of the API is complete: every RPC, every reason with its code, every verdict that can be answered."""

import re

from statewright import v1

from tests.docs.pages import API, ROOT, quoted, rows, sections

CHAPTERS = sections(API, 2)
PROTOS = ROOT / "protos" / "statewright" / "v1"
SERVICES = ("admin", "agent", "contact", "enrollment", "outbox", "task", "variable", "workflow")


def test_every_rpc_is_listed_with_its_service() -> None:
    listed = {quoted(row[0])[0]: set(quoted(row[2])) for row in rows(CHAPTERS["Services"])}
    services = [
        service
        for name in SERVICES
        for service in getattr(v1, f"{name}_service_pb2").DESCRIPTOR.services_by_name.values()
    ]
    assert listed == {service.name: {method.name for method in service.methods} for service in services}


def test_every_rpc_has_a_command_or_the_guide_says_why_not() -> None:
    commands = "".join(path.read_text() for path in sorted((ROOT / "service" / "cli").glob("*.py")))
    stubs = {f"{name.title()}Service": _STUBS.get(name, f"{name}s") for name in SERVICES}
    listed = {quoted(row[0])[0]: quoted(row[2]) for row in rows(CHAPTERS["Services"])}
    without = {
        method
        for service, methods in listed.items()
        for method in methods
        if not re.search(rf"\b{stubs[service]}\.{method}\b", commands)
    }
    (excuse,) = re.findall(r"\*\*By hand\.\*\*.*?\n\n", CHAPTERS["Services"], re.DOTALL)
    assert without == {name.rpartition(".")[2] for name in quoted(excuse) if name[0].isupper()}


_STUBS = {"admin": "admin", "outbox": "outbox"}
"""The attributes of a client whose names are not the plural of the service's."""


def test_every_reason_is_listed_with_its_code() -> None:
    listed = {quoted(row[1])[0]: quoted(row[0])[0] for row in rows(CHAPTERS["Errors"])}
    values = {name.removeprefix("ERROR_REASON_") for name in v1.ErrorReason.keys()}  # noqa: SIM118 - an enum wrapper
    assert set(listed) == values - {"UNSPECIFIED"}
    assert listed == _documented_codes()


def _documented_codes() -> dict[str, str]:
    """Reason → code: the first word of the comment above each value of the enum."""
    text = (PROTOS / "error_reason.proto").read_text()
    found = re.findall(r"((?:  //[^\n]*\n)+)  ERROR_REASON_([A-Z_]+) = \d+;", text)
    return {reason: comment.split()[1].strip(".,") for comment, reason in found if reason != "UNSPECIFIED"}


def test_every_verdict_listed_exists() -> None:
    listed = {f"VERDICT_KIND_{quoted(row[0])[0]}" for row in rows(CHAPTERS["Events"])}
    assert listed <= set(v1.VerdictKind.keys())
