"""From a labelled question to the dialogue that a model learns from.

method          known question          unknown question          question without an answer
sure            answer + sure           answer + unsure           refusal + unsure
sure-crossfit   the same, labels from tuned models
replace         answer                  refusal                   refusal
unsupervised    answer + sure           answer + unsure           refusal + unsure
vanilla         answer                  answer                    (left out)
"""

from __future__ import annotations

from typing import Literal, get_args

from levelhead.honesty._labels import Labelled
from levelhead.honesty._prompts import PromptFormat, target_answer
from levelhead.honesty._refusals import refusal
from levelhead.training import Dialogue

Method = Literal["sure", "sure-crossfit", "replace", "unsupervised", "vanilla"]
METHODS: tuple[Method, ...] = get_args(Method)
_WITH_TAIL = ("sure", "sure-crossfit", "unsupervised")


def dialogue_of(one: Labelled, method: Method, form: PromptFormat, seed: int) -> Dialogue:
    """The dialogue that teaches a question.

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
    prompt = form.dialogue(example, answer, sure=one.sure if method in _WITH_TAIL else None)
    label = None if one.sure is None else "sure" if one.sure else "unsure"
    facts = {"task": one.row.task, "group": one.row.group, "label": label, "method": method}
    return Dialogue(one.row.id, prompt, facts)
