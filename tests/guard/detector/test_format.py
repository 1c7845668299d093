from __future__ import annotations

import pytest

from levelhead.errors import UsageError
from levelhead.guard import ANSWER_ONLY, Pair, TextFormat, formatted

WHOLE = Pair("1", "Yes.", "May I?", seen="NO ENTRY")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (TextFormat(), "Question: May I?\n\nText in the picture: NO ENTRY\n\nAnswer: Yes."),
        (TextFormat(picture_text=False), "Question: May I?\n\nAnswer: Yes."),
        (TextFormat(question=False), "Text in the picture: NO ENTRY\n\nAnswer: Yes."),
        (ANSWER_ONLY, "Yes."),
    ],
)
def test_the_text_holds_what_the_format_says(form: TextFormat, text: str) -> None:
    assert formatted(WHOLE, form).whole == text
    assert formatted(WHOLE, form).answer == "Yes."


def test_a_question_that_is_not_there_leaves_no_trace() -> None:
    assert formatted(Pair("1", "Yes."), TextFormat()).whole == "Yes."


def test_a_format_of_another_release_is_refused() -> None:
    with pytest.raises(UsageError, match="format 2"):
        TextFormat(version=2)


def test_half_a_surrogate_pair_does_not_reach_the_tokenizer() -> None:
    assert formatted(Pair("1", "a\ud800b", "\udfff"), TextFormat()).whole == "Question: ?\n\nAnswer: a?b"
