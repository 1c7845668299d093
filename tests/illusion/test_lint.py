"""Every mechanical rule of a bank bites on a row that breaks it, and the built-in bank breaks none."""

from typing import Any

import pytest

from levelhead.illusion import Problem, Question, lint, load_questions

ROW: dict[str, Any] = {
    "category": "cat",
    "gold": "tiger",
    "aliases": ["Panthera tigris"],
    "spurious": ["lion", "leopard", "cheetah", "puma", "lynx"],
}
# Sixteen questions that share too few words to be taken for each other.
TOPICS = """
    orchard harbor violin granite lantern meadow compass velvet marble
    saddle thunder candle anchor pepper ribbon window
"""


def sound_bank() -> list[Question]:
    levels = ("easy", "common", "rare")
    return [
        Question.model_validate(
            {
                **ROW,
                "id": f"cat-{number:03}",
                "question": f"Which animal once slept beside the {topic} of our village?",
                "gold": "tiger" if number == 0 else f"{topic}cat",
                "difficulty": levels[number % 3],
            }
        )
        for number, topic in enumerate(TOPICS.split())
    ]


def problems_of(**changes: Any) -> set[str]:
    bank = sound_bank()
    bank[0] = bank[0].model_copy(update=changes)
    return {problem.rule for problem in lint(bank) if problem.id in ("cat-000", "cat")}


def test_a_sound_bank_has_no_problem() -> None:
    assert lint(sound_bank()) == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"question": "Which big cat is it?"}, "question length"),
        ({"question": f"Which animal {'very ' * 25}often sleeps?"}, "question length"),
        ({"question": "Name the animal that slept beside the orchard."}, "question mark"),
        ({"question": "Which animal is it? And is it big or small?"}, "one sentence"),
        ({"question": "Which animal  once slept beside the orchard?"}, "white space"),
        ({"question": "Which animal is pictured beside the orchard here?"}, "speaks of pictures"),
        ({"question": "Which of these animals slept beside the orchard?"}, "choices"),
        ({"question": "Which animal hunts lions beside the orchard wall?"}, "answer in question"),
        ({"aliases": ("very big striped orange cat",)}, "answer words"),
        ({"gold": "tigertigertigertigertiger"}, "answer length"),
        ({"gold": "tiger 2"}, "digits"),
        ({"gold": "tïger"}, "plain letters"),
        ({"gold": "!!!"}, "empty answer"),
        ({"gold": "mountain lion"}, "answer in answer"),
        ({"gold": "lions"}, "same answer twice"),
        ({"spurious": ("lion", "leopard", "lion", "puma", "lynx")}, "same answer twice"),
        ({"spurious": ("lion", "leopard", "snow leopard", "puma", "lynx")}, "answer in answer"),
        ({"aliases": ("panthera", "Panthera")}, "same answer twice"),
    ],
)
def test_a_broken_rule_is_named(changes: dict[str, Any], rule: str) -> None:
    assert rule in problems_of(**changes)


def test_a_right_answer_may_hold_its_alias() -> None:
    assert problems_of(gold="Siberian tiger", aliases=("tiger",)) == set()


def test_the_same_question_in_other_words_is_found() -> None:
    bank = sound_bank()
    again = bank[0].model_copy(
        update={"id": "cat-016", "question": "Beside which orchard of our village slept the animal?"}
    )
    assert Problem("cat-016", "near-duplicate", "86% of its content words are those of cat-000") in lint(
        [*bank, again]
    )


def test_two_facts_in_almost_the_same_words_are_two_questions() -> None:
    one, two = (
        sound_bank()[number].model_copy(
            update={"question": f"What color comes from mixing red and {paint} paint?", "gold": gold}
        )
        for number, paint, gold in ((0, "blue", "purple"), (1, "yellow", "orange"))
    )
    assert "near-duplicate" not in {problem.rule for problem in lint([one, two])}


def test_a_small_or_lopsided_category_is_found() -> None:
    bank = [question.model_copy(update={"difficulty": "easy"}) for question in sound_bank()[:15]]
    assert {problem.rule for problem in lint(bank)} == {"too few questions", "difficulty missing"}


def test_a_right_answer_that_is_always_the_same_is_found() -> None:
    bank = [question.model_copy(update={"gold": "tiger"}) for question in sound_bank()[:4]]
    assert "gold too often" in {problem.rule for problem in lint(bank)}


def test_the_built_in_bank_holds_every_rule() -> None:
    assert [str(problem) for problem in lint(load_questions())] == []
