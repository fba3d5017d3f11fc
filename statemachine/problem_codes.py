"""The one table of problem codes: how grave each is, what it means, and how to mend it.

The code reports by it, `docs/errors.md` is written from it, and SARIF rules are made of it. Codes are stable: programs
and translations may rely on them; the words may change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Code:
    """`meaning` and `mend` are one sentence each. An error keeps a definition from being published."""

    meaning: str
    mend: str
    severity: Severity = "error"


def _warning(meaning: str, mend: str) -> Code:
    return Code(meaning, mend, "warning")


CHAPTERS: Final[Mapping[str, Mapping[str, Code]]] = {
    "The text": {
        "too_large": Code("The text is longer than 1 MiB.", "Split the workflow, or keep large data elsewhere."),
        "not_text": Code(
            "The text is not UTF-8, or holds a character that no text may hold (NUL, a lone surrogate).",
            "Save the file as UTF-8 and take the character out.",
        ),
        "bad_syntax": Code(
            "The text is not YAML 1.2 or not strict JSON.",
            "Mend the place, or the one just before it: quotes, indentation, commas, brackets.",
        ),
        "empty": Code("There is no document in the text.", "Write at least `key` and `steps`."),
        "too_deep": Code("Lists and objects are nested more than 32 deep; the root counts as 1.", "Nest less deeply."),
        "too_many_nodes": Code("The document has more than 20,000 keys and values.", "Split the workflow."),
        "alias_refused": Code(
            "YAML anchors and aliases are not part of the language.", "Write the value out where it is used."
        ),
        "tag_refused": Code(
            "YAML tags (`!!str`, `!custom`) are not part of the language.",
            "Take the tag away; quote the value to make it text.",
        ),
        "merge_key_refused": Code("YAML merge keys (`<<`) are not part of the language.", "Write the keys out."),
        "duplicate_key": Code("The same key stands twice in one object.", "Keep one of them."),
        "bad_key": Code("A key is not text.", "Write the key as text."),
        "bad_number": Code(
            "A number that no format can hold exactly: infinity, NaN, or a whole number above 2^53.",
            "Write it as text, in quotes.",
        ),
    },
    "The shape": {
        "not_an_object": Code(
            "The document, or a part of it, has to be an object.", "Write `key: value` lines here (in JSON `{…}`)."
        ),
        "missing_key": Code("A required key is missing.", "Add the key."),
        "unknown_key": Code("The language has no such key here.", "Correct its spelling, or take it away."),
        "bad_value": Code(
            "The value has the wrong type or is out of its range.", "Write a value as the message describes it."
        ),
        "bad_name": Code(
            "A key, id or variable name has characters it may not have, or is too long.",
            "Use up to 100 letters, digits, `_` and `-`.",
        ),
        "not_supported_yet": Code(
            "The language has this, but this version of the software cannot run it.",
            "Do without it, or use a newer version.",
        ),
        "conflicting_keys": Code("Two keys that exclude each other stand side by side.", "Keep one of them."),
        "not_applicable": Code(
            "The key has no meaning for a step of this type.", "Take the key away, or choose another step type."
        ),
    },
    "Names": {
        "unknown_type": Code("There is no step type of this name.", "Choose one of the step types of the language."),
        "unknown_step": Code(
            "A target, template or expression names a step that does not exist.",
            "Correct the id, or add the step; `end` completes the run.",
        ),
        "unknown_outcome": Code(
            "`branches` names an outcome that the step does not have.", "Use an outcome that the step has."
        ),
        "unknown_operator": Code(
            "There is no comparison operator of this name.", "Choose one of the operators of the language."
        ),
        "duplicate_id": Code(
            "Two steps, two triggers or two tests have the same id or name.", "Give one of them another one."
        ),
        "reserved_id": Code("The id has a meaning of its own in the language.", "Choose another id."),
        "too_complex": Code(
            "All expressions, templates and patterns together are more than one workflow may hold.",
            "Split it into several workflows.",
        ),
        "too_many_steps": Code("The workflow has more than 500 steps.", "Split it into several workflows."),
        "no_steps": Code("The workflow has no steps.", "Add a step under `steps`."),
    },
    "Values": {
        "bad_duration": Code(
            "The duration cannot be read, is negative, or is over 5 years.", "Write e.g. `90s`, `1d 12h` or `PT36H`."
        ),
        "bad_time": Code(
            "The time or date cannot be read.", "Write e.g. `2026-03-01T09:00Z`, `2026-03-01` or `09:00`."
        ),
        "bad_weekday": Code(
            "There is no such day of the week.", "Use `mon` … `sun`, `weekdays`, `weekend` or `daily`."
        ),
        "bad_timezone": Code("There is no such time zone.", "Use an IANA name such as `Europe/Berlin`."),
        "unknown_calendar": Code(
            "A calendar of holidays is named that is not known.",
            "Write the code of a country (`de`, `us`) or of a part of it (`de-by`, `us-ca`).",
        ),
        "bad_template": Code(
            "The template is not well-formed.", "Close what is open, and use filters and tags that exist."
        ),
        "bad_expression": Code("The CEL expression is not well-formed.", "Mend the expression at the place shown."),
        "bad_regex": Code(
            "The pattern is not a linear-time regular expression (RE2).",
            "Mend the pattern; RE2 has no look-around and no back-references.",
        ),
        "bad_condition": Code(
            "The condition has none of the known forms.", "Write e.g. `{field, operator, value}` or an expression."
        ),
        "no_condition": Code(
            "A condition is missing where the step needs one.", "Say what decides, e.g. `{field, operator, value}`."
        ),
        "bad_weight": Code(
            "A weight is no number above zero, or does not go with its variant.", "Give each variant a number above 0."
        ),
        "single_variant": Code(
            "A split needs at least two variants.", "Add a variant; `holdout` is one that gets nothing."
        ),
        "read_only_path": Code(
            "The path can be read but not written.", "Set a variable; `update_field` changes the contact."
        ),
        "reserved_field": Code(
            "The name is a part of the contact itself, not one of its fields.",
            "Use `add_tag`, `add_to_list` or `update_score`, or choose another field.",
        ),
    },
    "The canvas": {
        "bad_edge": Code(
            "An edge of a canvas leads where none can: into a trigger, or out of a step that ends the run.",
            "Take the edge away, or lead it to a step.",
        ),
        "unlabelled_edge": Code(
            "An edge of a canvas has to say which outcome it is.", "Label the edge with an outcome of its source."
        ),
        "unknown_action": _warning(
            "The label of a canvas node names no step type, so the node does nothing.",
            "Label it with an action of the language, or leave it as a note.",
        ),
        "no_trigger": _warning(
            "The canvas has no trigger node: runs begin by API only.", "Draw a trigger, if events should start it."
        ),
    },
    "The flow": {
        "into_loop": Code(
            "A way leads into the body of a loop from outside, where no round is under way.",
            "Lead it to the loop itself, or move the step out of the body.",
        ),
        "into_body": Code(
            "A way leads into a body of a `try` or `fallback`, into an undo or `on_failure` from outside, or from one "
            "of them into another.",
            "Lead it to the `try` or `fallback` itself, or move the step.",
        ),
        "leaves_body": Code(
            "A way leads out of a `finally`, `compensate` or `on_failure`, or a step in it ends the run.",
            "Let it come to its end, and decide what follows behind it.",
        ),
        "nothing_to_undo": _warning(
            "A `compensate` step stands in a workflow in which no step says how it is undone.",
            "Give the steps to be undone a `compensate: [steps]`.",
        ),
        "outside_loop": Code(
            "A `break` or `continue` stands in no loop.", "Move it into the `body` of a loop, or use `goto`."
        ),
        "across_branches": Code(
            "A way leads into or out of a branch of a `parallel` step, or a round of a parallel loop, which are runs "
            "of their own.",
            "Let the way end the branch, by `next` to the parallel step, or move the step.",
        ),
        "pure_ring": Code(
            "A ring of steps with neither a wait nor an effect would never end.", "Put a wait into the ring."
        ),
        "ring_without_wait": _warning(
            "A ring of steps has effects but no wait: it may run away.", "Put a wait into the ring."
        ),
        "unreachable_step": _warning("No way leads to the step.", "Lead a step to it, or take it away."),
        "dead_end": _warning(
            "A ring of steps has no way out, and neither an exit rule nor a limit ends the run.",
            "Lead a step out of the ring, or say what ends the run under `exit` or `limits`.",
        ),
        "wait_never_ends": _warning(
            "The wait can never end as it is written: no event of it counts, or the run fails before its time.",
            "Mend its conditions, make it shorter, or let the run last longer.",
        ),
        "never_holds": _warning(
            "A condition can never hold, or an earlier one always does, so that a part is never tried.",
            "Mend the condition, or take away what is never tried.",
        ),
        "wait_without_timeout": _warning(
            "The step waits for an event, and nothing ends the wait if it never comes.", "Add a `timeout`."
        ),
        "exit_never_fires": _warning("The exit rule can never apply.", "Mend its condition, or take the rule away."),
        "trigger_never_fires": _warning(
            "The trigger can never enrol anybody.", "Mend its conditions, or take the trigger away."
        ),
        "weights_not_100": _warning(
            "The weights look like percentages but do not add up to 100.", "Make them add up to 100."
        ),
    },
    "What is read": {
        "output_may_be_missing": _warning(
            "The output of a step is read where that step may have left none yet.",
            "Give a `default`, ask whether it exists, or read it only where the step has run.",
        ),
        "value_may_be_missing": _warning(
            "A variable, the event or an error is read where there may be none.",
            "Give a `default`, ask whether it exists, or read it only where it has a value.",
        ),
        "used_too_early": _warning(
            "Something that only a run has is read before the run begins.", "Read `trigger` or `contact` instead."
        ),
        "unknown_variable": _warning(
            "A variable is read that nothing in the workflow sets.",
            "Correct its name; declare it under `variables` if a worker sets it.",
        ),
        "unknown_output": _warning(
            "An output, or a part of one, is read that the step never has.", "Read a part that its output has."
        ),
        "unknown_name": _warning("A name has no such part, or leads nowhere.", "Read a part that it has."),
        "misspelt_name": _warning(
            "A name is nearly one of the language, and so means a field or an event of your own.",
            "Correct it if the one of the language was meant.",
        ),
        "cap_like_rate": _warning(
            "A cap counts messages to one contact, and its span is so short that a provider's rate may be meant.",
            "Write what a provider takes under `rates`, which counts the messages to all contacts.",
        ),
        "look_back_too_long": _warning(
            "A condition asks about events older than any that are kept, or counts beyond the latest 1,000 of a type.",
            "Look back less far, or count fewer; a counter of your own can be a variable.",
        ),
    },
    "The report": {
        "unknown_workflow": _warning(
            "A `sub_workflow` names a workflow, or a version, that is not published (told by a server).",
            "Publish it before the step runs, or correct the key.",
        ),
        "undo_out_of_reach": _warning(
            "A workflow with a `compensate` step runs another one, steps of which say how they are undone (told by a "
            "server).",
            "Give the `sub_workflow` step a `compensate: [steps]`, which undoes as a whole what it does.",
        ),
        "recursive_workflow": Code(
            "A workflow runs itself as a `sub_workflow`, directly or through others.",
            "Take one of the steps out; what goes round belongs into a loop.",
        ),
        "no_worker": _warning(
            "Tasks of the step wait on a queue that nobody serves now (told by a server).",
            "Start a worker for the queue.",
        ),
        "more_problems": Code("There are more problems than are shown.", "Mend those that are shown first."),
    },
}
"""Code → what there is to say about it, by chapter. `unknown_step` is a warning when published `lenient`, and
`more_problems` is as grave as the problems that it counts."""

CODES: Final[Mapping[str, Code]] = MappingProxyType(
    {name: code for codes in CHAPTERS.values() for name, code in codes.items()}
)
