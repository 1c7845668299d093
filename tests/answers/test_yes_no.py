"""What a reply to a question of yes or no says: a table of replies as models give them."""

from __future__ import annotations

import pytest

from levelhead.answers import paper_yes_or_no, yes_or_no

DOG = "Is there a dog in the image?"
RUSSIA = "Is Russia the largest country by land area?"


@pytest.mark.parametrize(
    ("question", "reply", "said"),
    [
        (DOG, "Yes", "yes"),
        (DOG, "**No**, there is a cat.", "no"),
        (DOG, "no.", "no"),
        (DOG, "YES! A large one.", "yes"),
        (DOG, "\n\nNo\nYes", "no"),
        (DOG, "There is a dog in the image.", "yes"),
        (DOG, "The image shows two dogs.", "yes"),
        (DOG, "There isn’t a dog here.", "no"),
        (DOG, "I see no dog.", "no"),
        (DOG, "It is a cat.", None),
        (DOG, "The answer is yes.", "yes"),
        (DOG, "Looking at the garden, I see a bench. Answer: no", "no"),
        (DOG, "I cannot tell from this picture.", None),
        (DOG, "No idea, sorry.", None),
        (DOG, "No information is given.", None),
        (DOG, "Yes or no? Hard to say.", None),
        (DOG, "It could be yes and it could be no.", None),
        (DOG, "", None),
        (DOG, " \n.", None),
        (RUSSIA, "Russia is the largest country by land area, but it is not the richest.", "yes"),
        (RUSSIA, "Russia is not the largest country by land area.", "no"),
        (RUSSIA, "The largest country by land area is Canada.", None),
        ("", "There is a dog.", None),
    ],
)
def test_the_rule_holds_on_replies_as_models_give_them(question: str, reply: str, said: str | None) -> None:
    assert yes_or_no(reply, question) == said


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("No, there is a cat.", "no"),
        ("There is no dog. Yes!", "no"),
        ("It is a cat. No dog.", "yes"),
        ("NO", "yes"),
        ("I cannot tell", "yes"),
        ("", "yes"),
        ("there is not, a dog", "no"),
    ],
)
def test_the_official_rule_takes_all_for_yes_that_holds_no_plain_no(reply: str, said: str) -> None:
    assert paper_yes_or_no(reply) == said
