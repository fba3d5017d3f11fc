"""Stop words: what contacts answer to get no more messages by a channel, and to get them again.

A message that says nothing but such a word, in any case, with blanks and punctuation around it or not, denies or
grants the channel that it came by. The words are those that CTIA's guidelines name, unless a workflow says others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from statemachine.contact import Contact
from statemachine.decision import EmittedEvent
from statemachine.event import Event
from statemachine.keys import REQUIRED, Shape, about
from statemachine.part import Part, read_part
from statemachine.problem import Path, Problems
from statemachine.record import record
from statemachine.sending.consent import CHANNELS, DENIED, GRANTED, UNSUBSCRIBED, set_consent
from statemachine.sending.reading import read_channel

STOP: Final = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT")
START: Final = ("START", "UNSTOP")
MAX_WORDS: Final = 50
MAX_WORD: Final = 50
_CHANNEL_OF: Final = {"sms_replied": "sms", "email_replied": "email", "message_received": ""}
"""The events that are messages of a contact, and the channel of those that are always by one."""
_AROUND: Final = " \t\r\n.,;:!?\"'()[]{}*_-«»“”„‘’"

Words = tuple[frozenset[str], frozenset[str]]
"""What stops and what starts, as `_plain` has it."""


@record
class StopWords:
    """The words of one workflow, and the channels by which they count."""

    channels: tuple[str, ...]
    stop: frozenset[str]
    start: frozenset[str]


class StopWordsPart(Part):
    """Words by which a contact takes its consent back and gives it again."""

    channels: Annotated[Any, Shape("channels")] = about(
        "By which channels they count, one or a list.", ["sms"], default=REQUIRED
    )
    stop: Annotated[Any, Shape("words")] = about("Each denies the channel.", ["STOP", "HALT"])
    start: Annotated[Any, Shape("words")] = about("Each grants it again; `[]` for none.", ["START"])


def read_stop_words(raw: Any, path: Path, problems: Problems) -> StopWords | None:
    """A channel or several, with the usual words; or an object with words of one's own."""
    if raw is None:
        return None
    given = {"channels": raw} if isinstance(raw, str | list) else raw
    part = read_part(StopWordsPart, given, path, problems)
    if part is None:
        return None
    place = (*path, "channels") if given is raw else path
    channels = _channels(part.channels, place, problems)
    stop = _words(part.stop, STOP, (*path, "stop"), problems)
    start = _words(part.start, START, (*path, "start"), problems)
    if part.stop is not None and not stop:
        problems.add("bad_value", (*path, "stop"), "name a word, or leave `stop` out for the usual ones")
    for word in sorted(stop & start):
        problems.add("bad_value", (*path, "start"), f"{word!r} stops already: it cannot start too")
    return StopWords(channels, stop, start)


def together(rules: Iterable[StopWords]) -> Mapping[str, Words]:
    """The words of several workflows by channel."""
    found: dict[str, Words] = {}
    for rule in rules:
        for channel in rule.channels:
            stop, start = found.get(channel, _NO_WORDS)
            found[channel] = stop | rule.stop, start | rule.start
    return found


def obey(contact: Contact, event: Event, words: Mapping[str, Words]) -> tuple[Contact, tuple[EmittedEvent, ...]]:
    """The contact after its message; raises contact_unsubscribed and consent_changed on real change."""
    if event.type not in _CHANNEL_OF:
        return contact, ()
    channel = str(event.data.get("channel") or _CHANNEL_OF[event.type]).strip().lower()
    stop, start = words.get(channel, _NO_WORDS)
    said = _plain(event.content)
    if said not in stop and said not in start:
        return contact, ()
    status = DENIED if said in stop else GRANTED
    accepted_at = event.accepted_at
    assert accepted_at is not None
    at = min(event.occurred_at or accepted_at, accepted_at)
    contact, raised = set_consent(contact, {channel: status}, event.source or event.type, at)
    if raised and status == DENIED:
        raised = (EmittedEvent(UNSUBSCRIBED, {"channel": channel, "word": said}), *raised)
    return contact, raised


def _plain(text: Any) -> str:
    """A text without what stands around it and without blanks, in lower case; nothing for what is far too long."""
    if not isinstance(text, str) or len(text) > 4 * MAX_WORD:
        return ""
    return "".join(text.strip(_AROUND).split()).casefold()


def _channels(raw: Any, path: Path, problems: Problems) -> tuple[str, ...]:
    items = raw if isinstance(raw, list) else [raw]
    places = [(*path, index) if isinstance(raw, list) else path for index in range(len(items))]
    if not items:
        problems.add("bad_value", path, f"name a channel, such as {CHANNELS[0]}")
    found = (read_channel(str(item).strip(), place, problems) for item, place in zip(items, places, strict=True))
    return tuple(dict.fromkeys(found))


def _words(raw: Any, usual: tuple[str, ...], path: Path, problems: Problems) -> frozenset[str]:
    items = list(usual) if raw is None else raw if isinstance(raw, list) else [raw]
    if len(items) > MAX_WORDS:
        problems.add("bad_value", path, f"at most {MAX_WORDS} words, not {len(items):,}")
        return frozenset()
    for index, item in enumerate(items):
        if not isinstance(item, str) or not _plain(item) or len(item) > MAX_WORD:
            place = (*path, index) if isinstance(raw, list) else path
            problems.add("bad_value", place, f"a word of up to {MAX_WORD} characters, in quotes where YAML needs them")
    return frozenset(_plain(item) for item in items)


_NO_WORDS: Final[Words] = (frozenset(), frozenset())
NO_STOP_WORDS: Final[Mapping[str, Words]] = {}
