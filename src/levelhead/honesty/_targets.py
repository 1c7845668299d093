"""From a labelled question to the dialogues that a model learns from.

method          known question          unknown question          question without an answer
sure            answer + sure           answer + unsure           refusal + unsure
sure-crossfit   the same, labels from tuned models
sure-own        answer + sure           answer; own + unsure      refusal + unsure
replace         answer                  refusal                   refusal
unsupervised    answer + sure           answer + unsure           refusal + unsure
vanilla         answer                  answer                    (left out)

`own` is a wrong answer that a tuned model gave: it is read and not learned, in a dialogue of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, get_args

from levelhead.errors import UsageError
from levelhead.honesty._labels import Labelled, OwnAnswer
from levelhead.honesty._prompts import ANSWER_TURN, PromptFormat, target_answer
from levelhead.honesty._refusals import refusal
from levelhead.records import JSONValue
from levelhead.training import Dialogue

Method = Literal["sure", "sure-crossfit", "sure-own", "replace", "unsupervised", "vanilla"]
METHODS: tuple[Method, ...] = get_args(Method)
_WITH_TAIL = ("sure", "sure-crossfit", "sure-own", "unsupervised")


def dialogues_of(
    labelled: Sequence[Labelled], method: Method, form: PromptFormat, seed: int
) -> list[Dialogue]:
    """All dialogues of some questions: of each the one with the answer to learn, then those with its own.

    Args:
        labelled: The questions and their labels.
        method: What is taught; see the head of this module.
        form: The format of the texts.
        seed: Chooses among the refusals.

    Raises:
        UsageError: If two dialogues have the same id, or a question has an answer of which none is at hand.
    """
    dialogues = [
        dialogue
        for one in labelled
        for dialogue in (
            dialogue_of(one, method, form, seed),
            *(_quoting(one, own, method, form) for own in one.own or ()),
        )
    ]
    for name, count in Counter(dialogue.id for dialogue in dialogues).items():
        if count > 1:
            raise UsageError(
                f"A question has the id {name!r}, which is that of another question's own answer. Give it "
                "another id and probe again."
            )
    return dialogues


def dialogue_of(one: Labelled, method: Method, form: PromptFormat, seed: int) -> Dialogue:
    """The dialogue that teaches the answer to a question, or to refuse it.

    Args:
        one: The question and its label.
        method: What is taught; see the head of this module.
        form: The format of the texts.
        seed: Chooses among the refusals.

    Raises:
        UsageError: If the question has an answer of which none is at hand.
    """
    example = one.row.to_example()
    refused = not one.answerable or (method == "replace" and one.sure is False)
    answer = refusal(one.row.id, seed, form) if refused else target_answer(example)
    # Where a wrong answer bears the verdict, the right one has none: it would be called unsure.
    tailed = method in _WITH_TAIL and (one.own is None or one.sure is True)
    prompt = form.dialogue(example, answer, sure=one.sure if tailed else None)
    return Dialogue(one.row.id, prompt, _facts(one, method, one.sure))


def _quoting(one: Labelled, own: OwnAnswer, method: Method, form: PromptFormat) -> Dialogue:
    """The dialogue that teaches to be unsure of a wrong answer, without teaching the answer."""
    prompt = form.dialogue(one.row.to_example(), own.text, sure=False)
    facts = {**_facts(one, method, False), "own": True}
    return Dialogue(f"{one.row.id}{own.suffix}", prompt, facts, quoted=(ANSWER_TURN,))


def _facts(one: Labelled, method: Method, sure: bool | None) -> dict[str, JSONValue]:
    label = None if sure is None else "sure" if sure else "unsure"
    return {"task": one.row.task, "group": one.row.group, "label": label, "method": method}
