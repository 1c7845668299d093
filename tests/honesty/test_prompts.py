from __future__ import annotations

import pytest

from levelhead.answers import SURE_QUESTION
from levelhead.errors import UsageError
from levelhead.honesty._prompts import (
    PromptFormat,
    Shot,
    format_from_json,
    right_option,
    target_answer,
    with_options,
)
from levelhead.records import Example, Prompt

QUESTION = Example("1", "Where is Oslo?", ("Norway",))
CHOICE = Example("2", "Which is a fruit?", ("pear",), choices=("stone", "pear"), metadata={"subject": "food"})


def text(prompt: Prompt) -> str:
    return "".join(turn.text for turn in prompt.turns)


def test_a_completion_ends_at_the_answer_and_at_the_word_that_tells() -> None:
    form = PromptFormat("completion")
    assert text(form.ask(QUESTION)) == "Question: Where is Oslo?\nAnswer:"
    assert text(form.ask_sure(QUESTION, "Norway")) == (
        f"Question: Where is Oslo?\nAnswer: Norway\n{SURE_QUESTION} I am"
    )
    assert form.verdicts == (" sure.", " unsure.")


def test_the_paper_style_writes_the_strings_of_the_official_code() -> None:
    form = PromptFormat("paper")
    assert text(form.ask(QUESTION)) == "Question: Where is Oslo? Answer:"
    assert text(form.dialogue(QUESTION, "Norway", sure=False)) == (
        f"Question: Where is Oslo? Answer: Norway. {SURE_QUESTION} I am unsure."
    )


@pytest.mark.parametrize("style", ["completion", "chat", "paper"])
@pytest.mark.parametrize("sure", [True, False])
def test_what_is_learned_is_what_is_asked_for(style: str, sure: bool) -> None:
    """A dialogue begins with the prompt of the question, and goes through that of the sureness."""
    form = PromptFormat(style)  # type: ignore[arg-type]
    dialogue = text(form.dialogue(QUESTION, "Norway", sure=sure))
    assert dialogue.startswith(text(form.ask(QUESTION)) + form.written("Norway"))
    assert dialogue == text(form.ask_sure(QUESTION, "Norway")) + form.verdicts[0 if sure else 1]


@pytest.mark.parametrize("style", ["completion", "chat", "paper"])
def test_only_the_answer_and_the_verdict_are_the_models_turns(style: str) -> None:
    form = PromptFormat(style, shots=(Shot("Where is Rome?", "Italy"),))  # type: ignore[arg-type]
    turns = form.dialogue(QUESTION, "Norway", sure=True).turns
    own = [turn.text.strip() for turn in turns if turn.role == "assistant"]
    assert [one.rstrip(".") for one in own] == ["Norway", "I am sure"]
    assert "Where is Rome?" in turns[0].text


def test_without_a_verdict_a_dialogue_ends_with_the_answer() -> None:
    assert text(PromptFormat().dialogue(QUESTION, "Norway")) == "Question: Where is Oslo?\nAnswer: Norway\n"


def test_options_are_lettered_and_the_target_is_the_letter() -> None:
    assert with_options(CHOICE) == "Which is a fruit?\nA. stone\nB. pear"
    assert (right_option(CHOICE), target_answer(CHOICE)) == (1, "B")
    assert PromptFormat("completion").option(1) == " B"
    assert PromptFormat("chat").option(1) == "B"


def test_shots_of_the_subject_stand_before_the_question_and_others_do_not() -> None:
    shots = (Shot("Is bread food?", "yes", "food"), Shot("Is gold a metal?", "yes", "metals"))
    asked = text(PromptFormat(shots=shots).ask(CHOICE))
    assert asked.startswith("Question: Is bread food?\nAnswer: yes\n\nQuestion: Which is a fruit?")
    assert "gold" in text(PromptFormat(shots=shots).ask(QUESTION))


def test_a_format_survives_json() -> None:
    form = PromptFormat("paper", (Shot("Where is Rome?", "Italy"), Shot("Is it?", "A", "food")))
    assert format_from_json(form.to_json()) == form


def test_a_foreign_format_and_an_unknown_style_are_refused() -> None:
    with pytest.raises(UsageError, match="no prompt format"):
        format_from_json({"style": 3})
    with pytest.raises(UsageError, match="no prompt style 'yelling'"):
        PromptFormat("yelling")  # type: ignore[arg-type]


def test_a_question_without_an_answer_cannot_be_taught_or_shown() -> None:
    with pytest.raises(UsageError, match="no answer"):
        target_answer(Example("3", "Who?", ()))
    with pytest.raises(UsageError, match="worked example"):
        Shot.of(Example("3", "Who?", None))


def test_more_options_than_letters_are_refused() -> None:
    with pytest.raises(UsageError, match="27 choices"):
        with_options(Example("4", "Which?", ("1",), choices=tuple(map(str, range(27)))))
