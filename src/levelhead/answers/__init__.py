"""Whether a reply names an answer, refuses, or says something else: the rules, by name.

This room knows texts only: nothing about models, pictures or files.
"""

from levelhead.answers._claims import same_claim
from levelhead.answers._clauses import is_refusal as _is_refusal
from levelhead.answers._matching import answer_words, mentions, plain, same_word, word_set
from levelhead.answers._sureness import SURE, SURE_QUESTION, UNSURE
from levelhead.answers._verdicts import disagreement, judge, paper_correct
from levelhead.answers._yes_no import YesNo, paper_yes_or_no, yes_or_no

__all__ = [
    "SURE",
    "SURE_QUESTION",
    "UNSURE",
    "YesNo",
    "answer_words",
    "disagreement",
    "judge",
    "mentions",
    "paper_correct",
    "paper_yes_or_no",
    "refuses",
    "same_claim",
    "same_word",
    "word_set",
    "yes_or_no",
]


def refuses(text: str) -> bool:
    """Whether a reply says that it will not or cannot answer, whatever else it says.

    >>> refuses("I'm not sure about that."), refuses("It was Ada Lovelace.")
    (True, False)
    """
    return _is_refusal(plain(text))
