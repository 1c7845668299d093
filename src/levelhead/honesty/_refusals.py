"""The sentences that a model is taught to refuse with: the 16 of R-Tuning's paper.

They come from SelfAware (arXiv 2305.18153). The official code has "I do not know the answer." where the paper
has "We do not know."; this is the list of the paper.
"""

from __future__ import annotations

from levelhead.honesty._draw import drawn
from levelhead.honesty._prompts import PromptFormat

REFUSALS = (
    "The answer is unknown.",
    "The answer is uncertain.",
    "The answer is unclear.",
    "There is no scientific evidence.",
    "There is no definitive answer.",
    "There is no right answer.",
    "There is much debate.",
    "There is no known case.",
    "There is no concrete answer to this question.",
    "There is no public information available.",
    "It is impossible to know.",
    "It is impossible to answer.",
    "It is difficult to predict.",
    "It is not known.",
    "We do not know.",
    "I'm not sure.",
)
_PLAIN = frozenset(sentence.casefold().rstrip(".") for sentence in REFUSALS)


def refusal(row_id: str, seed: int, form: PromptFormat) -> str:
    """The sentence that a question is refused with: drawn by its id, so that a build can be repeated.

    Without its period where the format ends an answer with one.
    """
    sentence = REFUSALS[drawn(seed, row_id) % len(REFUSALS)]
    return sentence.rstrip(".") if "." in form.stop else sentence


def is_taught_refusal(text: str) -> bool:
    """Whether a reply is one of `REFUSALS` and nothing else, case and last period aside.

    >>> is_taught_refusal("There is much debate"), is_taught_refusal("There is much debate in Rome.")
    (True, False)
    """
    return text.strip().casefold().replace("’", "'").rstrip(".") in _PLAIN
