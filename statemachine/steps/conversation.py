"""Steps that change the conversation of a run: end_chat. (Tags are in contact.py, variables in variables.py.)"""

from __future__ import annotations

from typing import Any, ClassVar

from statemachine.keys import Template, about
from statemachine.patch import close_conversation
from statemachine.step import Build, Context, StepConfig
from statemachine.step_result import Outcome, Result
from statemachine.steps.message import AnswerStep
from statemachine.steps.parts import later


class EndChatConfig(StepConfig):
    message: Template = about("A goodbye, sent before the conversation is resolved.", "Thanks for writing to us!")
    body: Template = about("Another name for `message`.", "Thanks for writing to us!")
    template: Template = about("The name of a template that the sender knows.", "goodbye")
    connection: Any = later()


class EndChat(AnswerStep):
    """Resolve the conversation; with a goodbye, once that is sent.

    One that is resolved already stays so; nothing is raised then. Error: `no_conversation`, besides those of a message.
    """

    name = "end_chat"
    aliases: ClassVar[tuple[str, ...]] = ("close_conversation",)
    Config = EndChatConfig
    _may_be_silent = True

    def __init__(self, config: EndChatConfig, build: Build) -> None:
        super().__init__(config, build)
        self.effect = self._body is not None or self._template is not None

    def gives_output(self, outcome: str) -> bool:
        return self.effect and super().gives_output(outcome)

    def channel(self, context: Context) -> str:
        """Raises StepFailed `no_conversation`, so that nothing is sent without one."""
        return context.conversation.channel or super().channel(context)

    def run(self, context: Context) -> Result:
        self.finish(context)
        return Outcome("done")

    def finish(self, context: Context) -> None:
        """The goodbye, if there is one, is sent, or must not be."""
        before = context.conversation
        closed, raised = close_conversation(before, context.now)
        if closed is not before:
            context.change_conversation(closed, [(event.type, event.data) for event in raised])
