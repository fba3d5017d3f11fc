"""The load of a storm: events in batches and one by one, enrolments, operations and contact changes, from this process.

Whatever gets no answer is repeated under the same id until it gets one. Some of what was acknowledged is repeated too,
in any order, and now and then under the same id with another body, which must be refused.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

import grpc
from statewright.client import Client
from statewright.v1 import (
    AdvanceRequest,
    Contact,
    EnrollRequest,
    Event,
    EventResult,
    TriggerBatchRequest,
    TriggerRequest,
    TriggerStreamRequest,
    UpsertRequest,
)

from tests.storm.book import SOURCE, Book, restamped
from tests.storm.links import Links
from tests.storm.worker import Worker

A = TypeVar("A")

COUNTERS: Final = tuple(f"counter{number}" for number in range(8))
_PACE_S: Final = 0.08
_STREAM: Final = 20
"""How many messages go through one stream."""
_KINDS: Final = {
    "journey_started": 20,
    "answered": 16,
    "tick": 40,
    "once_started": 10,
    "journey_stopped": 4,
    "unheard_of": 8,
    "long_started": 0.5,
}
_AGAIN: Final = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}
)
"""Answers after which nobody knows, or nothing was stored: repeat with the same id."""


class Load:
    """Runs from `start` to `finish`, which returns when everything sent has an answer."""

    def __init__(self, addresses: Sequence[str], book: Book, seed: int) -> None:
        self.book = book
        self._links = Links(addresses, book)
        self._seed = seed
        self._ending = threading.Event()
        self._stopping = threading.Event()
        self._senders = [
            threading.Thread(target=work, args=(random.Random(f"{seed}/{name}"), name), name=name, daemon=True)
            for name, work in (
                ("batches", self._send_batches),
                ("streams", self._send_streams),
                ("singles", self._send_singles),
                ("singles too", self._send_singles),
                ("operations", self._operate),
            )
        ]
        self._workers = [Worker(f"worker-{number}", self._links, book, self._stopping) for number in range(2)]

    def start(self) -> None:
        for thread in (*self._senders, *self._workers):
            thread.start()

    def finish(self, timeout_s: float) -> None:
        """Send nothing new, and return when all has been answered; workers go on until `close`."""
        self._ending.set()
        for sender in self._senders:
            sender.join(timeout_s)
            left = f"{len(self.book.unanswered)} events, {self.book.wrong[:3]}"
            assert not sender.is_alive(), f"{sender.name} still lacks answers after {timeout_s} s: {left}"
        assert not self.book.unanswered

    def close(self) -> None:
        self._ending.set()
        self._stopping.set()
        for thread in (*self._senders, *self._workers):
            thread.join(15)
        self._links.close()

    # --- events ---

    def _send_batches(self, chance: random.Random, name: str) -> None:
        while not self._ending.is_set():
            events = self.book.take_unanswered(20) or self._new(chance, name, chance.randint(1, 12))
            chance.shuffle(events)
            self._send_batch(events, chance)
            self._ending.wait(_PACE_S)
        self._send_the_rest(chance)

    def _send_the_rest(self, chance: random.Random) -> None:
        while events := self.book.take_unanswered(100):
            self._send_batch(events, chance)

    def _send_batch(self, events: list[Event], chance: random.Random) -> None:
        request = TriggerBatchRequest(events=events)
        answer = self._call(lambda client: client.enrollments.TriggerBatch(request, timeout=8), chance)
        if answer is None:
            self.book.put_back(events)
            self._stopping.wait(0.05)
            return
        for event, result in zip(events, answer.results, strict=True):
            self._judge(event, result)

    def _judge(self, event: Event, result: EventResult) -> None:
        if result.HasField("accepted"):
            self.book.accepted(event, result.accepted)
        elif any(result.error.code == code.value[0] for code in _AGAIN):
            self.book.put_back([event])
        else:
            self.book.complain(f"{event.id}: {result.error.message}")

    def _send_streams(self, chance: random.Random, name: str) -> None:
        while not self._ending.is_set():
            self._send_stream(chance, name)
        self._send_the_rest(chance)

    def _send_stream(self, chance: random.Random, name: str) -> None:
        """Some messages through one stream, all to one server; what has no answer when it ends is put back."""
        sent: dict[int, list[Event]] = {}
        writing, over = threading.Lock(), False

        def messages() -> Iterator[TriggerStreamRequest]:
            for sequence in range(_STREAM):
                with writing:
                    if over or self._ending.is_set():
                        return
                    events = sent[sequence] = self._new(chance, name, chance.randint(1, 3))
                if events:
                    yield TriggerStreamRequest(sequence=sequence, events=events)
                self._ending.wait(_PACE_S)

        def answers(client: Client) -> bool:
            for answer in client.enrollments.TriggerStream(messages(), timeout=20):
                for event, result in zip(sent.pop(answer.sequence), answer.results, strict=True):
                    self._judge(event, result)
                    self.book.count("events answered by streams")
            return True

        whole = self._call(answers, random.Random(chance.random()))
        with writing:
            over = True
        for events in sent.values():
            self.book.put_back(events)
        if whole is None:
            self._stopping.wait(0.2)

    def _send_singles(self, chance: random.Random, name: str) -> None:
        while not self._ending.is_set() or self.book.unanswered:
            luck = chance.random()
            if luck < 0.15:
                self._repeat(chance, another_body=luck < 0.03)
            else:
                events = self.book.take_unanswered(1) or self._new(chance, name, 1)
                self._send(events[0], chance)
            self._ending.wait(_PACE_S / 2)

    def _send(self, event: Event, chance: random.Random) -> None:
        request = TriggerRequest(event=event)
        answer = self._call(lambda client: client.enrollments.Trigger(request, timeout=8), chance)
        if answer is None:
            self.book.put_back([event])
            self._stopping.wait(0.05)
        else:
            self.book.accepted(event, answer)

    def _repeat(self, chance: random.Random, *, another_body: bool) -> None:
        known = list(self.book.verdicts)
        if not known:
            return
        event = restamped(self.book.events[chance.choice(known)])
        self.book.count("acknowledged events repeated")
        if another_body:
            event.data["another"] = "body"
        try:
            with self._links.one(chance) as client:
                answer = client.enrollments.Trigger(TriggerRequest(event=event), timeout=8)
        except grpc.RpcError as error:
            expected = {*_AGAIN, grpc.StatusCode.ALREADY_EXISTS} if another_body else _AGAIN
            if error.code() not in expected:
                self.book.complain(f"the repeat of {event.id} was answered {error.code()}: {error.details()}")
            return
        if another_body:
            self.book.complain(f"{event.id} was taken with another body")
        self.book.repeated(event, answer)

    def _new(self, chance: random.Random, name: str, count: int) -> list[Event]:
        if self._ending.is_set():
            return []
        return [self._event(chance, name) for _ in range(count)]

    def _event(self, chance: random.Random, name: str) -> Event:
        (kind,) = chance.choices(tuple(_KINDS), tuple(_KINDS.values()))
        number = len(self.book.events)
        contact = chance.choice(COUNTERS) if kind == "tick" else f"c{max(0, number - chance.randint(0, 60))}"
        event = Event(id=f"{name}-{self._seed}-{number}-{chance.getrandbits(32):x}", type=kind, source=SOURCE)
        event.contact_id = contact
        event.data["n"] = number
        self.book.write_down(event)
        return event

    def _call(self, call: Callable[[Client], A], chance: random.Random) -> A | None:
        """The answer; None when it is not known what became of the call. Anything else is a broken promise."""
        try:
            with self._links.one(chance) as client:
                return call(client)
        except grpc.RpcError as error:
            if error.code() not in _AGAIN:
                self.book.complain(f"{error.code()}: {error.details()}")
            return None

    # --- operations ---

    def _operate(self, chance: random.Random, name: str) -> None:
        number = 0
        while not self._ending.is_set():
            number += 1
            self._enroll(f"m{number}", chance)
            if self.book.enrolled and chance.random() < 0.8:
                self._advance(chance.choice(list(self.book.enrolled)), chance)
            self._raise_level(f"level{chance.randint(0, 5)}", chance)
            self._ending.wait(_PACE_S)

    def _enroll(self, contact: str, chance: random.Random) -> None:
        request = EnrollRequest(workflow="manual", contact_id=contact, request_id=f"enroll-{contact}")
        answer = self._until_answered(lambda client: client.enrollments.Enroll(request, timeout=8), chance)
        if answer is not None:
            self.book.enrolled[contact] = answer.enrollment.id

    def _advance(self, contact: str, chance: random.Random) -> None:
        """Advances the run of a contact; one that was advanced before is told the same answer again."""
        run = self.book.enrolled[contact]
        request = AdvanceRequest(enrollment_id=run, transition="done", request_id=f"advance-{contact}")
        answer = self._until_answered(lambda client: client.enrollments.Advance(request, timeout=8), chance)
        if answer is not None:
            self.book.advanced[contact] = run

    def _raise_level(self, contact: str, chance: random.Random) -> None:
        level = self.book.levels[contact] + 1
        request = UpsertRequest(contact=Contact(id=contact), request_id=f"{contact}-{level}")
        request.contact.custom_fields["level"] = level
        answer = self._until_answered(lambda client: client.contacts.Upsert(request, timeout=8), chance)
        if answer is not None:
            self.book.levels[contact] = level

    def _until_answered(self, call: Callable[[Client], A], chance: random.Random) -> A | None:
        while not self._stopping.is_set():
            wrong = len(self.book.wrong)
            answer = self._call(call, chance)
            if answer is not None:
                return answer
            if len(self.book.wrong) > wrong:
                return None
            self._stopping.wait(0.05)
        return None
