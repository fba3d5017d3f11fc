"""`statewright demo`: a real server, real workflows, other services that speak to it, and days that pass in seconds."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from service.cli.demo_story import FLAKY, REPLIED, STORY, WORKFLOWS, Scene, contacts
from service.cli.session import Session, Verb, pass_session

if TYPE_CHECKING:
    from service.cli.demo_cast import Watchers
    from service.cli.demo_server import DemoServer

DEFAULT_RATE: Final = 43_200.0
_LATEST: Final = timedelta(days=5)
_GRACE_S: Final = 15.0
_ENDS: Final = frozenset({"completed", "failed", "exited", "cancelled"})


@click.command(cls=Verb)
@click.option(
    "--clock-rate",
    type=click.FloatRange(1000, 1_000_000),
    default=DEFAULT_RATE,
    show_default=True,
    help="How many seconds of workflow time pass in one.",
)
@pass_session
def demo(session: Session, clock_rate: float) -> None:
    """Show a real server at work: days in seconds.

    Starts a server on SQLite in a temporary folder, publishes the example workflows, lets other services trigger
    them, and shows what every enrollment does. Nothing is left behind.
    """
    from service.cli.demo_server import DemoServer

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    stops = _hear_ctrl_c()
    began = time.monotonic()
    try:
        with DemoServer(clock_rate) as server:
            show = Show(server, clock_rate, quiet=session.json)
            show.publish()
            finished = show.play()
            summary = show.summary() | {"duration_s": round(time.monotonic() - began, 2)}
            _report(session, show, {"ok": finished and _as_told(summary)} | summary)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
    if stops:
        raise click.exceptions.Exit(130)


def _hear_ctrl_c() -> list[int]:
    """Remember every Ctrl-C: an interrupt that is raised while a finalizer runs is lost."""
    stops: list[int] = []

    def stop(number: int, _frame: object) -> None:
        stops.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    return stops


def _as_told(summary: dict[str, Any]) -> bool:
    """Whether everything ended, nothing failed, and the refused message was sent in the end."""
    ended = all(enrollment["status"] in ("completed", "exited") for enrollment in summary["enrollments"])
    return ended and bool(summary["enrollments"]) and summary["retried"] >= len(FLAKY)


def _report(session: Session, show: Show, summary: dict[str, Any]) -> None:
    from service.cli.output import note, print_json

    if session.json:
        print_json(summary)
    else:
        show.epilogue(summary)
        note(f"\nDone in {summary['duration_s']:.1f} s." if summary["ok"] else "\nNot everything ended as it should.")
    if not summary["ok"]:
        raise click.exceptions.Exit(1)


def examples() -> Path:
    """The folder of the example workflows: in the package when installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / "examples", package.parent / "examples"):
        if folder.is_dir():
            return folder
    raise click.ClickException("the example workflows are not here; run the demo from a checkout")


class Show:
    """One performance of the story on a server."""

    def __init__(self, server: DemoServer, clock_rate: float, *, quiet: bool) -> None:
        self._client = server.client
        self._address = server.address
        self._rate = clock_rate
        self._quiet = quiet
        self._enrollments: list[str] = []
        self._ended: set[str] = set()
        self._workflow_start: datetime | None = None
        self._published: list[dict[str, Any]] = []

    def publish(self) -> None:
        """Publishes the example workflows."""
        from statewright.v1 import PublishRequest

        self._say(f"a server runs at {self._address}; one day takes {86400 / self._rate:.3g} s")
        for key, name in WORKFLOWS.items():
            source = (examples() / name).read_text(encoding="utf-8")
            response = self._client.workflows.Publish(PublishRequest(source=source, key=key), timeout=30)
            self._published.append({"workflow": response.version.workflow, "version": response.version.number})
            self._say(f"published {name} as {key} version {response.version.number}")

    def play(self) -> bool:
        """Plays every scene and waits for the end; False when not everything has ended in time."""
        from service.cli.demo_cast import Watchers, triage_worker

        watchers = Watchers(self._client, WORKFLOWS)
        try:
            with triage_worker(self._client, self._say):
                started = time.monotonic()
                for scene in STORY:
                    self._follow(watchers, until=started + scene.at.total_seconds() / self._rate)
                    self._send(scene)
                last = started + _LATEST.total_seconds() / self._rate + _GRACE_S
                self._follow(watchers, until=last, stop_at_end=True)
        finally:
            watchers.close()
        return self._all_ended()

    def _all_ended(self) -> bool:
        return self._ended.issuperset(self._enrollments)

    def _follow(self, watchers: Watchers, *, until: float, stop_at_end: bool = False) -> None:
        while time.monotonic() < until and not (stop_at_end and self._all_ended()):
            event = watchers.next_event(until - time.monotonic())
            if event is not None:
                self._see(event)

    def _see(self, event: Any) -> None:
        from service.cli.shapes import plain

        kind = plain(event)["kind"]
        if kind in _ENDS:
            self._ended.add(event.enrollment_id)
        if self._quiet or kind == "step_started":
            return
        from rich.text import Text

        from service.cli.output import console
        from service.cli.watch import line_of

        clock = Text(f"{self._clock_text(event.time.ToDatetime(tzinfo=UTC))}  ", style="dim")
        console().print(clock + line_of(event, with_time=False), soft_wrap=True)

    def _clock_text(self, moment: datetime) -> str:
        """Workflow time since the beginning: `day 2 14:30`."""
        start = self._workflow_start = self._workflow_start or moment
        minutes = max(0, int((moment - start).total_seconds() // 60))
        return f"day {minutes // 1440 + 1} {minutes % 1440 // 60:02}:{minutes % 60:02}"

    def _send(self, scene: Scene) -> None:
        from google.protobuf.struct_pb2 import Struct
        from statewright.v1 import Event, TriggerRequest, VerdictKind

        data, patch = Struct(), Struct()
        data.update(scene.data)
        patch.update(scene.patch)
        event = Event(
            id=f"demo-{STORY.index(scene)}",
            type=scene.type,
            source=scene.source,
            contact_id=scene.contact,
            data=data,
            contact_patch=patch if scene.patch else None,
        )
        self._say(scene.says)
        response = self._client.enrollments.Trigger(TriggerRequest(event=event), timeout=30)
        for verdict in response.verdicts:
            if verdict.kind == VerdictKind.VERDICT_KIND_ENROLLED:
                self._enrollments.append(verdict.enrollment_id)

    def _say(self, text: str) -> None:
        if not self._quiet:
            from service.cli.output import console

            console().print(f"» {text}", style="bold", markup=False, soft_wrap=True)

    def _head(self, text: str) -> None:
        from service.cli.output import console

        console().print(f"\n{text}", style="bold", markup=False, soft_wrap=True)

    def summary(self) -> dict[str, Any]:
        """What there is in the end, as data."""
        from statewright.v1 import EnrollmentServiceListRequest, OutboxServiceListRequest

        from service.cli.shapes import plain_list

        request = EnrollmentServiceListRequest(
            page_size=500, view="ENROLLMENT_VIEW_FULL", order="ENROLLMENT_ORDER_OLDEST_FIRST"
        )
        enrollments = plain_list(self._client.enrollments.List(request, timeout=30).enrollments)
        messages = plain_list(self._client.outbox.List(OutboxServiceListRequest(page_size=500), timeout=30).messages)
        return {
            "clock_rate": self._rate,
            "workflows": self._published,
            "contacts": contacts(),
            "replied": list(REPLIED),
            "retried": sum(enrollment["retried_steps"] for enrollment in enrollments),
            "enrollments": enrollments,
            "counts": {key: _counts(key, enrollments) for key in WORKFLOWS},
            "messages": messages[::-1],
            "history": self._history(enrollments),
        }

    def _history(self, enrollments: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The whole history of the enrollment whose message was refused first."""
        from service.cli.shapes import history_line

        return [history_line(entry) for entry in self._history_entries(enrollments)]

    def _history_entries(self, enrollments: list[dict[str, Any]]) -> list[Any]:
        from statewright.v1 import GetHistoryRequest

        shown = [each["id"] for each in enrollments if each["contact_id"] in FLAKY]
        if not shown:
            return []
        request = GetHistoryRequest(enrollment_id=shown[0], page_size=500)
        return list(self._client.enrollments.GetHistory(request, timeout=30).entries)

    def epilogue(self, summary: dict[str, Any]) -> None:
        """Prints what there is in the end."""
        from service.cli.enrollments import show_history
        from service.cli.output import print_table

        self._head("The messages it sent")
        print_table(
            ("to", "channel", "contact", "workflow", "text"),
            [(it["to"], it["channel"], it["contact_id"], it["workflow"], _text(it)) for it in summary["messages"]],
            empty="none",
        )
        self._head("How everybody ended")
        print_table(
            ("contact", "workflow", "status", "reason", "retries", "path"),
            [
                (
                    it["contact_id"],
                    it["workflow"],
                    it["status"],
                    it["exit_reason"],
                    it["retried_steps"] or "",
                    " → ".join(it["path"]),
                )
                for it in summary["enrollments"]
            ],
            empty="nobody",
        )
        self._head("How many went through each step")
        rows = [
            (key, step, number) for key, each in summary["counts"].items() for step, number in each["steps"].items()
        ]
        print_table(("workflow", "step", "enrollments"), rows, empty="none")
        self._head(f"The history of {', '.join(FLAKY)}, whose first message was refused once")
        show_history(self._history_entries(summary["enrollments"]))


def _counts(key: str, enrollments: list[dict[str, Any]]) -> dict[str, Any]:
    """The enrollments of a workflow by status, and by step they went through, each counted once per step."""
    mine = [enrollment for enrollment in enrollments if enrollment["workflow"] == key]
    steps = Counter(step for enrollment in mine for step in dict.fromkeys(enrollment["path"]))
    return {"statuses": dict(Counter(enrollment["status"] for enrollment in mine)), "steps": dict(steps)}


def _text(message: dict[str, Any]) -> str:
    text = message["body"] or f"template {message['template']}"
    return f"{message['subject']}: {text}" if message["subject"] else str(text)
