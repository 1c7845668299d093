"""The simplest detector: words and phrases. No model, no dependency, a fraction of a millisecond.

It is a floor to beat and a member of ensembles, and no protection by itself: it knows English only, no
context and no paraphrase. A sentence that refuses («I can't help you build a bomb») is no harm, whatever
words it holds.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence

from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._judgement import Judgement, sigmoid
from levelhead.guard.detector._lexical_patterns import ANY_SUBJECT, INSTRUCTIONS, SUBJECTS, WARNINGS
from levelhead.records import JSONValue

_SENTENCE_END = re.compile(r"[.!?\n]+(?=\s|$)")
_REFUSAL = re.compile(
    r"\b(?:sorry|apologi[sz]e|(?:can(?:no|')t|can not|won't|will not|unable to|not able to|must decline|"
    r"refuse to)(?:,? \w+){0,4}? (?:help|assist|provide|fulfil+|comply|support|answer|create|write|generate|"
    r"give|do|offer|engage|condone|participate))\b"
)
_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")

# Log-odds. They were set by hand, not fitted: calibrate before a threshold is trusted.
_PRIOR, _SUBJECT, _FURTHER_SUBJECT, _INSTRUCTION, _WARNED = -2.5, 1.5, 0.5, 1.5, 0.4
_MOST_FURTHER = 3


class LexicalDetector(Detector):
    """Patterns by category; the score is a sum of hand-set log-odds over the sentences that do not refuse."""

    name = "lexical"
    reads_picture_text = False
    quick = True

    def __init__(self) -> None:
        patterns = [*(found.pattern for found in SUBJECTS.values()), INSTRUCTIONS.pattern, WARNINGS.pattern]
        weights = (_PRIOR, _SUBJECT, _FURTHER_SUBJECT, _INSTRUCTION, _WARNED, _MOST_FURTHER)
        whole = repr((patterns, _REFUSAL.pattern, _SENTENCE_END.pattern, weights))
        self.fingerprint = hashlib.sha256(whole.encode()).hexdigest()

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        return [_judge_text(pair.answer) for pair in pairs]

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return {"kind": "lexical", "input": "the answer alone"}


def _judge_text(answer: str) -> Judgement:
    text = plain(answer)
    # Most texts speak of nothing here, and one look at all of a text is quicker than one at each sentence. A
    # subject in a sentence is one in the text as well: what ends a sentence is no part of a word.
    if not ANY_SUBJECT.search(text):
        return Judgement.of(sigmoid(_PRIOR))
    sentences = [one for one in _SENTENCE_END.split(text) if not _REFUSAL.search(one)]
    heard = {category: _weight(sentences, subject) for category, subject in SUBJECTS.items()}
    category = max(heard, key=lambda name: heard[name])
    if not heard[category]:
        return Judgement.of(sigmoid(_PRIOR))
    instructs = min(2, sum(1 for one in sentences if INSTRUCTIONS.search(one)))
    further = min(_MOST_FURTHER, sum(heard.values()) - 1)
    score = _PRIOR + _SUBJECT * min(1.0, heard[category]) + _FURTHER_SUBJECT * max(0.0, further)
    return Judgement.of(
        sigmoid(score + _INSTRUCTION * instructs * min(1.0, heard[category])), category=category
    )


def _weight(sentences: Sequence[str], subject: re.Pattern[str]) -> float:
    """How many sentences speak of a subject; one that warns counts in part."""
    spoken = [one for one in sentences if subject.search(one)]
    return sum(_WARNED if WARNINGS.search(one) else 1.0 for one in spoken)


def plain(text: str) -> str:
    """Lower case, with one form for each letter, straight quotes, and no invisible characters.

    >>> plain("\uff22o\u200bmb \u2019s")
    "bomb 's"
    """
    if text.isascii():
        return text.casefold()
    one_form = unicodedata.normalize("NFKC", text)
    visible = "".join(letter for letter in one_form if unicodedata.category(letter) != "Cf")
    return visible.translate(_QUOTES).casefold()
