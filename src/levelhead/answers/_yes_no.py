"""Whether a reply to a question of yes or no says yes, no, or neither.

The rule, in the order in which it is applied; it looks at the first clause that holds a word, up to the end
of the sentence or a "but":

1. A reply that opens with yes or no says it.
2. "The answer is yes" says yes, and likewise no, wherever it stands in the reply.
3. A refusal says neither.
4. Of `yes` and the denials (no, not, never, none, neither, nor) one kind alone is what is said; both are
   neither.
5. A clause without either that repeats every content word of the question says yes: "There is a dog in the
   picture." Another one says neither.

The official rule of POPE (`paper_yes_or_no`) takes every reply for yes whose first sentence holds no `No`,
`no` or `not`: an empty reply, a refusal and "Nothing like that" too.
"""

from __future__ import annotations

import re
from typing import Literal

from levelhead.answers._clauses import is_refusal
from levelhead.answers._matching import plain, same_word, word_set, words_of_plain

YesNo = Literal["yes", "no"]

_DENIALS = word_set("no not never none neither nor nothing")
_NOT_KNOWN = (["idea"], ["information"], ["clue"], ["way"])
_STOPWORDS = word_set(
    """
    a an and any are as at be by can could did do does for from has have i in is it of on or see shown that
    the their there these they this those to was were what which who with you
    image images photo photograph picture pictures
    """
)
_GIVEN = re.compile(r"\banswer\b(?:\s+is|\s+would\s+be|\s*:)*[\s\"'*:]*\b(yes|no)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)|\n")
_CLAUSE_END = re.compile(
    rf"{_SENTENCE_END.pattern}|;|,?\s+(?:but|however|although|though|while)\b", re.IGNORECASE
)


def yes_or_no(reply: str, question: str = "") -> YesNo | None:
    """What a reply says, by the rule at the head of this module.

    Args:
        reply: The text of the reply.
        question: What was asked. Without it a reply that only repeats it says neither.

    >>> yes_or_no("No, I see only a cat."), yes_or_no("There isn't one."), yes_or_no("I cannot tell.")
    ('no', 'no', None)
    >>> yes_or_no("A dog sleeps in the image.", "Is there a dog in the image?")
    'yes'
    """
    text = plain(reply)
    clause = next((part for part in _CLAUSE_END.split(text) if words_of_plain(part)), "")
    found = [word.text for word in words_of_plain(clause)]
    if not found:
        return None
    if found[0] in ("yes", "no") and not _continues(found):
        return "yes" if found[0] == "yes" else "no"
    if given := _GIVEN.search(text):
        return "yes" if given[1].lower() == "yes" else "no"
    if _continues(found) or is_refusal(text):
        return None
    affirms, denies = "yes" in found, bool(_DENIALS & set(found))
    if affirms != denies:
        return "yes" if affirms else "no"
    return "yes" if not denies and _repeats(found, question) else None


def paper_yes_or_no(reply: str) -> YesNo:
    """What POPE's official code takes a reply to say.

    >>> paper_yes_or_no("Not at all."), paper_yes_or_no("not at all."), paper_yes_or_no("")
    ('yes', 'no', 'yes')
    """
    first = reply.split(".")[0].replace(",", "").split(" ")
    return "no" if {"No", "not", "no"} & set(first) else "yes"


def _continues(found: list[str]) -> bool:
    """Whether an opening yes or no is part of what follows: "Yes or no?", "No information is given"."""
    opening = found[:2]
    return opening[1:] == ["or"] or (opening[:1] == ["no"] and opening[1:] in _NOT_KNOWN)


def _repeats(found: list[str], question: str) -> bool:
    """Whether a clause holds every content word of the question."""
    asked = _SENTENCE_END.split(plain(question))[0]
    content = {word.text for word in words_of_plain(asked)} - _STOPWORDS
    return bool(content) and all(any(same_word(word, other) for other in found) for word in content)
