from __future__ import annotations

from levelhead.honesty._prompts import PromptFormat
from levelhead.honesty._refusals import REFUSALS, is_taught_refusal, refusal


def test_the_paper_has_sixteen_sentences() -> None:
    assert len(set(REFUSALS)) == 16


def test_every_sentence_is_drawn_about_equally_often_and_always_the_same_for_an_id() -> None:
    drawn = [refusal(str(number), 0, PromptFormat()) for number in range(1600)]
    assert set(drawn) == set(REFUSALS)
    assert max(drawn.count(sentence) for sentence in REFUSALS) < 150
    assert drawn == [refusal(str(number), 0, PromptFormat()) for number in range(1600)]
    assert drawn != [refusal(str(number), 1, PromptFormat()) for number in range(1600)]


def test_the_format_that_ends_answers_with_a_period_gets_no_second_one() -> None:
    form = PromptFormat(style="paper")
    assert all(not form.written(refusal(str(number), 0, form)).endswith("..") for number in range(50))


def test_every_taught_sentence_is_known_again_as_a_model_may_write_it() -> None:
    for sentence in REFUSALS:
        assert is_taught_refusal(sentence)
        assert is_taught_refusal(f" {sentence.rstrip('.').upper()} ")
    assert not is_taught_refusal("Oslo")
    assert not is_taught_refusal("")
