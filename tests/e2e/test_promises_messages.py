"""Messages and `kill -9`: what was decided is handed over once, never more than caps and rates allow, and none is lost.

The first life of the server has nobody who sends: it dies with all that it ordered between decision and hand-over, and
with a worker that had taken some of it; the second has the local outbox.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from service.storage.dialect import instant
from tests.e2e.caller import Caller, audit, eventually, rows
from tests.e2e.conftest import Serve
from tests.e2e.servers import Server

COUNT = 3
SENT = 8
NEWS = f"""
key: news
triggers: [{{type: news}}]
retry: {{max_attempts: 5, backoff: 10ms, jitter: none}}
sending: {{rates: {{count: {COUNT}, per: 1s, channel: sms}}}}
steps: [{{id: text, type: send_sms, config: {{to: "+491", body: Hi}}}}]
"""
OFFERS = """
key: offers
triggers: [{type: offer}]
entry: {reentry: always}
retry: {max_attempts: 5, backoff: 10ms, jitter: none}
sending: {caps: [{count: 2, per: 1d, channel: email}]}
steps: [{id: mail, type: send_email, config: {to: a@example.com, subject: Hi, body: Hi}}]
"""
TONIGHT = """
key: tonight
triggers: [{type: tonight}]
timezone: UTC
sending: {quiet_hours: {from: "FROM", to: "TO"}}
steps: [{id: mail, type: send_email, config: {to: a@example.com, subject: Hi, body: Hi}}]
"""


def it_is_quiet() -> str:
    """The workflow whose quiet hours it is now, and for hours to come."""
    now = datetime.now(UTC)
    start, end = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (-3, 3))
    return TONIGHT.replace("FROM", start).replace("TO", end)


def outbox(server: Server) -> Counter[tuple[str, str]]:
    """How many messages were handed over, by workflow and contact."""
    found = rows(server.database_url, "select workflow, contact_id from messages")
    return Counter((row[0], row[1]) for row in found)


def ordered(server: Server) -> list[datetime]:
    """When each message of `news` was ordered; a repeat of the one that its worker lost is none."""
    sql = "select created_at from tasks where workflow = 'news' order by created_at"
    return [at for row in rows(server.database_url, sql) if (at := instant(row[0])) is not None]


def test_messages_survive_the_death_of_their_server_once_each_and_within_caps_quiet_hours_and_rates(
    serve: Serve, database_url: str
) -> None:
    server = serve(database_url)
    with server.client() as client:
        caller = Caller(client)
        caller.publish(NEWS, OFFERS, it_is_quiet())
        runs = [caller.start("news", f"n{number}") for number in range(SENT)]
        offers = [caller.start("offer", contact, id=f"{contact}-{n}") for contact in ("ann", "bob") for n in range(3)]
        quiet = caller.start("tonight", "eve")
        (lost, *_) = caller.poll("messages", lease_s=1, worker="dies too")
        assert lost.workflow in ("news", "offers")
        assert not outbox(server)

        server.kill()
        server.settings["dev"] = True
        server.start()
        eventually(caller.answers)
        eventually(lambda: {caller.status(run) for run in runs} == {"COMPLETED"})
        eventually(lambda: sum(caller.status(run) == "COMPLETED" for run in offers) == 4)

        assert outbox(server) == {
            **{("news", f"n{number}"): 1 for number in range(SENT)},
            ("offers", "ann"): 2,
            ("offers", "bob"): 2,
        }
        times = ordered(server)
        assert len(times) == SENT
        assert all(times[n + COUNT] - times[n] >= timedelta(seconds=1) for n in range(SENT - COUNT))
        held = [caller.run(run) for run in (*offers, quiet) if caller.status(run) == "WAITING"]
        assert len(held) == 3
        soon = datetime.now(UTC) + timedelta(hours=2)
        assert all(run.due_time.ToDatetime(UTC) > soon for run in held)
    audit(database_url)
