"""Whether two replies to one question claim the same, when nobody knows the right answer."""

from __future__ import annotations

import re

from levelhead.answers._matching import answer_words, same_word, word_set

_EMPTY_WORDS = word_set(
    "a an the is are was were be been it its this that these those he she they there here of in on at to by "
    "for from with as and or but not no yes i you we answer called known name named which who what also"
)
_MOST_ALIKE = 0.25
"""Chosen on the replies of `embedded+ocr` in results/illusion_runs/paper.tar.gz: of those that stayed right
beside a picture 73% count as the same, of those that it changed 14%. With 0.33 it is 66% and 7%."""
_SENTENCE = re.compile(r"(?<=[.!?])\s")


def same_claim(one: str, other: str, question: str = "") -> bool:
    """Whether two replies to one question claim the same.

    The first sentences are compared, by what they say beyond the words of the question. Replies that say
    nothing beyond it agree with each other alone.

    >>> same_claim("It is Bern.", "The capital is Bern. It lies on a river.", "What is the capital?")
    True
    >>> same_claim("It is Bern.", "It is Basel.", "What is the capital of Switzerland?")
    False
    """
    first, second = _said(one, question), _said(other, question)
    if not first or not second:
        return not first and not second
    shared = sum(any(same_word(word, found) for found in second) for word in first)
    all_of_one = shared / min(len(first), len(second)) / 2
    return max(all_of_one, shared / (len(first) + len(second) - shared)) >= _MOST_ALIKE


def _said(text: str, question: str) -> list[str]:
    asked = answer_words(question)
    sentence = _SENTENCE.split(text.strip(), maxsplit=1)[0]
    return [
        word
        for word in dict.fromkeys(answer_words(sentence))
        if word not in _EMPTY_WORDS and not any(same_word(word, found) for found in asked)
    ]
