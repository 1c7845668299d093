from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.answers import SURE, SURE_QUESTION, UNSURE
from levelhead.errors import UsageError
from levelhead.honesty._labels import Labelled, OwnAnswer
from levelhead.honesty._prompts import STYLES, PromptFormat, Shot, Style
from levelhead.honesty._refusals import is_taught_refusal
from levelhead.honesty._targets import METHODS, Method, dialogue_of, dialogues_of
from levelhead.training import Dialogue
from tests.honesty.probed import GOLD, choice_row, probe_row, unanswerable_row

TAILED: tuple[Method, ...] = ("sure", "sure-crossfit", "sure-own", "unsupervised")
R_TUNING: tuple[Method, ...] = ("sure", "sure-crossfit", "unsupervised")
WRONG = OwnAnswer("lead", "#own")


def said(one: Labelled, method: Method) -> list[str]:
    """The words of the model, which it learns."""
    prompt = dialogue_of(one, method, PromptFormat(), 0).prompt
    return [turn.text.strip() for turn in prompt.turns if turn.role == "assistant"]


def own_dialogues(*labelled: Labelled, form: PromptFormat | None = None) -> list[Dialogue]:
    return dialogues_of(labelled, "sure-own", form or PromptFormat(), 0)


def learned(dialogue: Dialogue) -> list[str]:
    """The words that the model learns."""
    turns = enumerate(dialogue.prompt.turns)
    return [turn.text.strip() for place, turn in turns if dialogue.learned(place)]


@pytest.mark.parametrize("method", R_TUNING)
def test_known_and_unknown_questions_keep_their_answer_and_differ_in_the_tail(method: Method) -> None:
    assert said(Labelled(probe_row("a"), True), method) == [GOLD, SURE]
    assert said(Labelled(probe_row("a", right=False), False), method) == [GOLD, UNSURE]


@pytest.mark.parametrize("method", TAILED)
def test_a_question_without_an_answer_is_refused_and_unsure(method: Method) -> None:
    answer, tail = said(Labelled(unanswerable_row("a"), False), method)
    assert is_taught_refusal(answer)
    assert tail == UNSURE


def test_an_own_answer_that_is_right_gives_one_dialogue_with_the_answer_and_that_it_is_sure() -> None:
    [dialogue] = own_dialogues(Labelled(probe_row("a"), True, ()))
    assert dialogue.id == "a"
    assert learned(dialogue) == [GOLD, SURE]


def test_an_own_answer_that_is_wrong_is_called_unsure_and_the_right_one_taught_without_a_verdict() -> None:
    taught, quoting = own_dialogues(Labelled(probe_row("a"), False, (WRONG,)))
    assert (taught.id, learned(taught)) == ("a", [GOLD])
    assert (quoting.id, learned(quoting)) == ("a#own", [UNSURE])
    assert SURE_QUESTION not in "".join(turn.text for turn in taught.prompt.turns)


def test_an_empty_own_answer_leaves_the_right_one_without_a_verdict() -> None:
    [dialogue] = own_dialogues(Labelled(probe_row("a"), False, ()))
    assert learned(dialogue) == [GOLD]


def test_a_question_known_in_one_partition_alone_is_sure_of_the_right_and_unsure_of_the_wrong_answer() -> (
    None
):
    taught, quoting = own_dialogues(Labelled(probe_row("a"), True, (WRONG,)))
    assert learned(taught) == [GOLD, SURE]
    assert learned(quoting) == [UNSURE]


@pytest.mark.parametrize("style", STYLES)
def test_a_wrong_answer_is_read_exactly_as_it_stands_where_sureness_is_asked_for(style: Style) -> None:
    form = PromptFormat(style, (Shot("Where is Oslo?", "Norway"),))
    row = probe_row("a")
    _, quoting = own_dialogues(Labelled(row, False, (WRONG,)), form=form)
    asked = form.ask_sure(row.to_example(), "lead")
    text = "".join(turn.text for turn in quoting.prompt.turns)
    assert text == "".join(turn.text for turn in asked.turns) + form.verdicts[1]
    assert quoting.prompt.raw == asked.raw
    assert [quoting.prompt.turns[place].text for place in quoting.quoted] == [form.written("lead")]


def test_a_wrong_choice_is_quoted_by_its_letter() -> None:
    one = Labelled(choice_row("a", [-1, -2]), False, (OwnAnswer("A", "#own"),))
    taught, quoting = own_dialogues(one)
    assert learned(taught) == ["B"]
    assert quoting.prompt.turns[quoting.quoted[0]].text.strip() == "A"


def test_a_dialogue_with_a_wrong_answer_says_so_and_keeps_the_pictures() -> None:
    row = probe_row("a", task="trivia", group="g", images=["/pictures/a.png"])
    taught, quoting = own_dialogues(Labelled(row, True, (WRONG,)))
    facts = {"task": "trivia", "group": "g", "method": "sure-own"}
    assert taught.metadata == {**facts, "label": "sure"}
    assert quoting.metadata == {**facts, "label": "unsure", "own": True}
    assert quoting.prompt.images == taught.prompt.images != ()


def test_an_id_that_is_that_of_an_own_answer_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'a#own'.*another id"):
        own_dialogues(Labelled(probe_row("a"), False, (WRONG,)), Labelled(probe_row("a#own"), True, ()))


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
    tail = [SURE] if method in TAILED else []
    assert learned(dialogue) == [GOLD + "." * (style == "paper"), *tail]


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
