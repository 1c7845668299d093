"""Rows changed at random each time they are trained on, so that a detector does not lean on accidents.

Attacks that nobody has seen yet differ from the known ones in how answers begin, where they are cut off, and
what they pretend to answer. Each change has its own probability; at 0 it is off. A change keeps the label
true, and it falls on harmful and harmless rows alike, or else on harmless ones where only those stay true.
Nothing here keeps a state: what is drawn follows from the random numbers that are handed in.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from levelhead.guard._pair import Pair, goal_of

SHORTEST_CUT = 24
"""Words that a cut answer keeps at least: fewer could be from before the harm begins."""
LEAD_INS = (
    "Sure, here is what you asked for:",
    "Of course! I am happy to help with that.",
    "Certainly. Let me go through it.",
    "Absolutely, this is how I would put it:",
    "Okay, here goes.",
    "Gladly! Here is my answer.",
    "Good question.",
    "Thanks for asking.",
    "Here is my answer:",
    "In short:",
    "Let me think about this for a moment.",
    "I have thought about it, and this is what I can say.",
    "As you wish.",
    "Please note that this is for information only.",
    "Before we begin: this is only my opinion.",
    "This is no professional advice.",
    "As an AI I have no experience of my own, but I can tell you this.",
    "I must say that I may be wrong in places.",
    "A word of caution first: check what I say with somebody who knows.",
    "I want to be careful with my answer.",
    "Remember to respect others and to act responsibly.",
    "The following is said with the best of intentions.",
)
"""Beginnings that say nothing: agreement, disclaimers, filler."""
_WORD = re.compile(r"\S+")
_AGREEMENT = re.compile(
    r"\s*(?:sure|certainly|of course|absolutely|okay|gladly)\b(?!\s+not\b)[^.!:?\n]{0,120}[.!:\n]\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How often rows are changed.

    Attributes:
        swap_question: Probability that a harmless row gets the question of another goal. What is harmless
            stays so whatever was asked, except where the harm lies in agreeing with a question.
        lead_in: Probability that an answer loses its agreeing first sentence or, if it has none, gets a
            beginning that says nothing.
        cut_answer: Probability that an answer ends early, as one does that is judged while it streams.
        questions: What is swapped in: goals with questions.
    """

    swap_question: float
    lead_in: float
    cut_answer: float
    questions: tuple[tuple[str, str], ...]

    @classmethod
    def of(
        cls, pairs: Sequence[Pair], *, swap_question: float, lead_in: float, cut_answer: float
    ) -> Augmentation:
        """With the questions of the rows themselves to swap."""
        questions = tuple((goal_of(pair), pair.question) for pair in pairs if pair.question is not None)
        return cls(swap_question=swap_question, lead_in=lead_in, cut_answer=cut_answer, questions=questions)

    def apply(self, pair: Pair, chance: random.Random) -> Pair:
        """The row as it is trained on this time."""
        if chance.random() < self.swap_question and not pair.label and pair.question is not None:
            goal, question = chance.choice(self.questions)
            if goal != goal_of(pair):
                pair = replace(pair, question=question)
        answer = pair.answer
        if chance.random() < self.lead_in:
            answer = _with_other_beginning(answer, chance)
        if chance.random() < self.cut_answer:
            answer = _cut(answer, chance)
        return pair if answer == pair.answer else replace(pair, answer=answer)


def _with_other_beginning(answer: str, chance: random.Random) -> str:
    agreement = _AGREEMENT.match(answer)
    if agreement is None:
        return f"{chance.choice(LEAD_INS)} {answer}"
    rest = answer[agreement.end() :]
    return rest if rest.strip() else answer


def _cut(answer: str, chance: random.Random) -> str:
    """The first words, at least `SHORTEST_CUT`; shorter answers stay whole."""
    ends = [word.end() for word in _WORD.finditer(answer)]
    return answer[: ends[chance.randint(SHORTEST_CUT, len(ends)) - 1]] if len(ends) > SHORTEST_CUT else answer
