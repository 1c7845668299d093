from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.honesty._labels import Labelled
from levelhead.honesty._prompts import STYLES, SURE, UNSURE, PromptFormat, Shot, Style
from levelhead.honesty._refusals import is_taught_refusal
from levelhead.honesty._targets import METHODS, Method, dialogue_of
from tests.honesty.probed import GOLD, choice_row, probe_row, unanswerable_row

TAILED: tuple[Method, ...] = ("sure", "sure-crossfit", "unsupervised")


def said(one: Labelled, method: Method) -> list[str]:
    """The words of the model, which it learns."""
    prompt = dialogue_of(one, method, PromptFormat(), 0).prompt
    return [turn.text.strip() for turn in prompt.turns if turn.role == "assistant"]


@pytest.mark.parametrize("method", TAILED)
def test_known_and_unknown_questions_keep_their_answer_and_differ_in_the_tail(method: Method) -> None:
    assert said(Labelled(probe_row("a"), True), method) == [GOLD, SURE]
    assert said(Labelled(probe_row("a", right=False), False), method) == [GOLD, UNSURE]


@pytest.mark.parametrize("method", TAILED)
def test_a_question_without_an_answer_is_refused_and_unsure(method: Method) -> None:
    answer, tail = said(Labelled(unanswerable_row("a"), False), method)
    assert is_taught_refusal(answer)
    assert tail == UNSURE


def test_replacement_refuses_the_unknown_and_has_no_tail() -> None:
    assert said(Labelled(probe_row("a"), True), "replace") == [GOLD]
    [answer] = said(Labelled(probe_row("a", right=False), False), "replace")
    assert is_taught_refusal(answer)


def test_vanilla_teaches_the_answer_and_nothing_else() -> None:
    assert said(Labelled(probe_row("a", right=False), None), "vanilla") == [GOLD]


def test_a_choice_is_taught_by_its_letter() -> None:
    assert said(Labelled(choice_row("a", [-1, -2]), False), "sure") == ["B", UNSURE]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("method", METHODS)
def test_the_answers_of_worked_examples_are_read_and_not_learned(style: Style, method: Method) -> None:
    form = PromptFormat(style, (Shot("Where is Oslo?", "Norway"), Shot("Where is Lima?", "Peru")))
    one = Labelled(probe_row("a"), None if method == "vanilla" else True)
    dialogue = dialogue_of(one, method, form, 0)
    learned = [turn.text for place, turn in enumerate(dialogue.prompt.turns) if dialogue.learned(place)]
    tail = [SURE] if method in TAILED else []
    assert [text.strip(" \n") for text in learned] == [GOLD + "." * (style == "paper"), *tail]


@pytest.mark.parametrize("method", METHODS)
def test_pictures_travel_with_the_question(method: Method) -> None:
    row = probe_row("a", images=["/pictures/a.png"])
    prompt = dialogue_of(
        Labelled(row, None if method == "vanilla" else True), method, PromptFormat(), 0
    ).prompt
    assert [image.path for image in prompt.images] == [Path("/pictures/a.png")]


def test_a_dialogue_says_where_it_comes_from() -> None:
    row = probe_row("a", task="trivia", group="g")
    dialogue = dialogue_of(Labelled(row, False), "sure", PromptFormat(), 0)
    assert dialogue.id == "a"
    assert dialogue.metadata == {"task": "trivia", "group": "g", "label": "unsure", "method": "sure"}
