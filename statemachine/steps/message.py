"""Steps that send something to somebody: they become tasks on the queue `messages`.

The task's input is complete: `{channel, to, …, body}` or `{channel, to, …, template, variables}`; absent keys were not
given. A template is kept by name; `variables` is what it may need. A contact whose address is not known is left to
whoever sends (`contact_id` is on the task): an address book may know better, and a local outbox keeps the message.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from statemachine.contact import Contact
from statemachine.decision import TaskOrder
from statemachine.errors import StepFailed
from statemachine.keys import REQUIRED, OneOrMore, Template, about
from statemachine.reads import Reads
from statemachine.step import REPLY, Build, Context, EffectStep, StepConfig
from statemachine.steps.parts import Parts, later, refuse_later, resolve, texts_of
from statemachine.values import text

if TYPE_CHECKING:
    from statemachine.template import Value

QUEUE: Final = "messages"
SKIPPED: Final = "skipped"
"""The outcome of a message that must not go out. A step has it when its author leads it somewhere."""
_BY_PHONE: Final = frozenset({"sms", "whatsapp", "voice"})
_BODY_KEYS: Final = ("body", "message", "template", "template_id")


class SendSmsConfig(StepConfig):
    to: OneOrMore = about("Who gets it, one or a list. Default: the contact's own address.", "{{contact.phone}}")
    body: Template = about("The text.", "Hi {{ first_name | default: 'there' }}!")
    template: Template = about("The name of a template that the sender knows.", "welcome")
    connection: Any = later()


class Attachment(StepConfig):
    filename: Template = about("The file's name.", "invoice.pdf", default=REQUIRED)
    url: Template = about("Where the file is.", "https://example.com/i/{{trigger.data.order_id}}", default=REQUIRED)


class SendEmailConfig(SendSmsConfig):
    cc: OneOrMore = about("Addresses that get a copy.", "accounts@example.com")
    bcc: OneOrMore = about("Addresses that get a copy unseen.", ["archive@example.com"])
    subject: Template = about("The subject.", "Your order {{trigger.data.order_id}}")
    template_id: Template = about("Another name for `template`.", "welcome")
    attachments: list[Attachment] | None = about(
        "Files to send along.", [{"filename": "a.pdf", "url": "https://example.com/a.pdf"}]
    )
    personalize: Any = later()


class SendReplyConfig(SendSmsConfig):
    message: Template = about("The text; another name for `body`.", "Thanks, we have your message.")


class SendNotificationConfig(StepConfig):
    channel: Literal["internal", "email", "slack", "teams"] | None = about("By which way.", "slack")
    to: OneOrMore = about("Who gets it; required for e-mail.", "sales@example.com")
    message: Template = about("The text.", "New lead: {{contact.name}}")
    body: Template = about("Another name for `message`.", "New lead: {{contact.name}}")
    subject: Template = about("The subject, for e-mail.", "New lead")
    template: Template = about("The name of a template that the sender knows.", "new_lead")
    connection: Any = later()


class _ContentStep(EffectStep):
    """What is sent has exactly one content: a text (`body`, for some types `message`) or a named template."""

    queue = QUEUE
    _task: ClassVar[str]
    _own_fields: ClassVar[tuple[str, ...]] = ()
    """The contact's addresses, read when `to` is not given."""
    _may_be_silent: ClassVar[bool] = False
    """Whether it may have no content, and then sends nothing."""

    def __init__(self, config: Any, build: Build) -> None:
        parts = Parts(build)
        refuse_later(config, build)
        self._to = parts.optional(("to",), getattr(config, "to", None))
        self._body: Value | None = None
        self._template: Value | None = None
        self._content(config, parts, build)
        self._extras = self._compile(config, parts)
        for field in self._own_fields if self._to is None else ():
            parts.field(field)
        self.reads = parts.reads

    def order(self, context: Context) -> TaskOrder:
        return TaskOrder(context.step_id, context.visit, self._task, self.queue, self._input(context))

    def _input(self, context: Context) -> dict[str, Any]:
        scope = context.scope
        content: dict[str, Any] = dict(self._address(context))
        for key, value in self._extras.items():
            found = resolve(value, scope)
            content[key] = texts_of(found) if key in ("cc", "bcc") else found
        if self._body is not None:
            content["body"] = text(self._body.resolve(scope))
        if self._template is not None:
            content["template"] = text(self._template.resolve(scope))
            content["variables"] = _template_variables(context)
        return {key: value for key, value in content.items() if value is not None and value != []}

    def _content(self, config: StepConfig, parts: Parts, build: Build) -> None:
        keys = [key for key in _BODY_KEYS if key in type(config).model_fields]
        given = [key for key in keys if getattr(config, key) is not None]
        if not given and self._may_be_silent:
            return
        if len(given) != 1:
            options = " or ".join(f"`{key}`" for key in keys)
            code, place = ("conflicting_keys", (given[1],)) if given else ("missing_key", ())
            build.problem(code, place, f"a message needs exactly one of {options}")
            return
        value = parts.value((given[0],), getattr(config, given[0]))
        if given[0] in ("template", "template_id"):
            self._template = value
            parts.field("*")
        else:
            self._body = value

    def _compile(self, config: Any, parts: Parts) -> dict[str, Value]:
        """The optional keys that go into the input as they resolve."""
        return {}

    @abstractmethod
    def _address(self, context: Context) -> Mapping[str, Any]:
        """`channel` and `to`. Raises StepFailed `no_recipient` when there is nobody to send to."""


class MessageStep(_ContentStep):
    """A message to the contact, which asks the gate before it goes out."""

    def __init__(self, config: Any, build: Build) -> None:
        super().__init__(config, build)
        self.reads |= Reads(frozenset({"consent", "sends"}))
        named = any(branch.lower() == SKIPPED for branch in build.branches())
        self._outcomes = ("done", SKIPPED) if named else ("done",)

    def outcomes(self) -> tuple[str, ...]:
        return self._outcomes

    def gives_output(self, outcome: str) -> bool:
        return outcome != SKIPPED

    @abstractmethod
    def channel(self, context: Context) -> str:
        """By what the message would go now. Raises StepFailed `no_recipient` when there is nobody to send to."""


class SendSms(MessageStep):
    """A text message, to the contact's phone unless `to` says otherwise."""

    name = "send_sms"
    aliases: ClassVar[tuple[str, ...]] = ("sms",)
    Config = SendSmsConfig
    channels: ClassVar[frozenset[str]] = frozenset({"sms"})
    _task = "send_sms"
    _own_fields = ("phone",)

    def channel(self, context: Context) -> str:
        return "sms"

    def _address(self, context: Context) -> Mapping[str, Any]:
        return {"channel": "sms", "to": _recipient(self._to, context, "phone")}


class SendEmail(MessageStep):
    """An e-mail, to the contact's address unless `to` says otherwise."""

    name = "send_email"
    aliases: ClassVar[tuple[str, ...]] = ("email",)
    Config = SendEmailConfig
    channels: ClassVar[frozenset[str]] = frozenset({"email"})
    _task = "send_email"
    _own_fields = ("email",)

    def _compile(self, config: SendEmailConfig, parts: Parts) -> dict[str, Value]:
        extras = {key: getattr(config, key) for key in ("cc", "bcc", "subject")}
        if config.attachments:
            extras["attachments"] = [attachment.model_dump() for attachment in config.attachments]
        return {key: parts.value((key,), raw) for key, raw in extras.items() if raw is not None}

    def channel(self, context: Context) -> str:
        return "email"

    def _address(self, context: Context) -> Mapping[str, Any]:
        return {"channel": "email", "to": _recipient(self._to, context, "email")}


class AnswerStep(MessageStep):
    """A message on the channel the trigger came by, or else its conversation; without one by SMS when the contact has a
    phone, else by e-mail."""

    channels: ClassVar[frozenset[str]] = frozenset({REPLY})
    _task = "send_reply"
    _own_fields = ("email", "phone")

    def __init__(self, config: Any, build: Build) -> None:
        super().__init__(config, build)
        self.reads |= Reads(conversation=True)

    def channel(self, context: Context) -> str:
        data = context.scope.trigger.get("data") or {}
        named = text(data.get("channel") or context.scope.conversation.get("channel")).lower()
        return named or _own_channel(context)

    def order(self, context: Context) -> TaskOrder:
        order = super().order(context)
        context.note_message()
        return order

    def _address(self, context: Context) -> Mapping[str, Any]:
        trigger = context.scope.trigger
        data = trigger.get("data") or {}
        channel = self.channel(context)
        conversation = trigger.get("conversation_id") or data.get("conversation_id")
        return {
            "channel": channel,
            "to": self._recipient(channel, conversation, data, context),
            "conversation_id": conversation,
        }

    def _recipient(self, channel: str, conversation: Any, data: Mapping[str, Any], context: Context) -> Any:
        if self._to is not None:
            return _recipient(self._to, context, "")
        contact = context.contact if context.contact_id else None
        own = _reply_address(channel, contact) or data.get("from")
        if channel != "email" and channel not in _BY_PHONE:
            own = data.get("from") or conversation or context.contact_id
        if not own and context.contact_id is None:
            raise StepFailed("no_recipient", f"there is nobody to answer by {channel}")
        return text(own) if own else None


class SendReply(AnswerStep):
    """An answer on the channel the trigger came by, or else that of its conversation, or else by SMS or e-mail."""

    name = "send_reply"
    aliases: ClassVar[tuple[str, ...]] = ("message", "send_message")
    Config = SendReplyConfig


class SendNotification(_ContentStep):
    """A note to the team: inside the product, by e-mail, Slack or Teams."""

    name = "send_notification"
    aliases: ClassVar[tuple[str, ...]] = ("notify",)
    Config = SendNotificationConfig
    _task = "send_notification"
    _channel: ClassVar[str] = "internal"

    def __init__(self, config: SendNotificationConfig, build: Build) -> None:
        super().__init__(config, build)
        self._goes_by = config.channel or self._channel
        if self._goes_by == "email" and config.to is None:
            build.problem("missing_key", (), "a notification by e-mail needs `to`")

    def _compile(self, config: SendNotificationConfig, parts: Parts) -> dict[str, Value]:
        return {} if config.subject is None else {"subject": parts.value(("subject",), config.subject)}

    def _address(self, context: Context) -> Mapping[str, Any]:
        to = None if self._to is None else _recipient(self._to, context, "")
        return {"channel": self._goes_by, "to": to}


class NotifySlack(SendNotification):
    """send_notification with Slack as its channel unless another is given."""

    name = "slack"
    aliases: ClassVar[tuple[str, ...]] = ()
    _channel: ClassVar[str] = "slack"


class NotifyTeams(SendNotification):
    """send_notification with Teams as its channel unless another is given."""

    name = "teams"
    aliases: ClassVar[tuple[str, ...]] = ()
    _channel: ClassVar[str] = "teams"


def _recipient(to: Value | None, context: Context, field: str) -> str | list[str] | None:
    """Who gets it: `to`, or this field of the contact, None when it is not set. A list with one entry is that entry."""
    if to is None:
        return text(context.contact.get(field)).strip() or None
    found = to.resolve(context.scope)
    names = texts_of(found)
    if not names or any("{{" in name for name in names):
        raise StepFailed("no_recipient", f"there is nobody to send to: `to` is {text(found)!r}")
    return names[0] if len(names) == 1 else names


def _own_channel(context: Context) -> str:
    if context.contact_id is None:
        raise StepFailed("no_recipient", "the trigger has no channel to answer on and the run has no contact")
    return "sms" if context.contact.get("phone") else "email"


def _reply_address(channel: str, contact: Contact | None) -> Any:
    if contact is None:
        return None
    return contact.get("email" if channel == "email" else "phone")


def _template_variables(context: Context) -> dict[str, Any]:
    """What a template kept elsewhere could need: the contact's fields and the variables of the run."""
    contact: dict[str, Any] = {}
    if context.contact_id is not None:
        own = context.contact
        contact = {**own.custom_fields, **own.attributes, "id": own.id, "tags": list(own.tags), "score": own.score}
        if own.get("name") is not None:
            contact["name"] = own.get("name")
    return {"contact": contact, "variables": dict(context.scope.variables)}
