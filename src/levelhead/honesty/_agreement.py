"""How far sampled answers agree: votes, entropy, and entropy over answers that mean the same.

When two answers mean the same is a rule with a name:

words     they are the same words, case, accents, articles and spelling variants aside
mentions  one of them names the other, as "It is Paris." names "Paris"

Semantic entropy (arXiv 2302.09664) is published with a rule of entailment in both directions; `words` is the
strictest reading of it for short answers and `mentions` the loosest, and neither needs a second model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from levelhead.answers import answer_words, mentions

Equivalence = Literal["words", "mentions"]
EQUIVALENCES: tuple[Equivalence, ...] = get_args(Equivalence)


def same_answer(one: str, other: str, rule: Equivalence) -> bool:
    """Whether two answers mean the same by a rule. Blank ones mean the same as each other alone.

    >>> same_answer("The Hague.", "hague", "words"), same_answer("It is The Hague", "hague", "words")
    (True, False)
    >>> same_answer("It is The Hague", "hague", "mentions")
    True
    """
    first, second = answer_words(one), answer_words(other)
    if first == second or not (first and second) or rule == "words":
        return first == second
    return mentions(one, other) or mentions(other, one)


def clusters(texts: Sequence[str], rule: Equivalence) -> list[list[int]]:
    """Group answers that mean the same: each joins the first cluster whose first answer it equals.

    Returns:
        Positions in `texts`, each in exactly one cluster, the largest cluster first, among equals the
        earlier one.
    """
    found: list[list[int]] = []
    for place, text in enumerate(texts):
        for cluster in found:
            if same_answer(texts[cluster[0]], text, rule):
                cluster.append(place)
                break
        else:
            found.append([place])
    return sorted(found, key=lambda cluster: (-len(cluster), cluster[0]))


def entropy(counts: Iterable[int]) -> float:
    """Shannon entropy of relative frequencies, in nats, 0 to ln(number of answers).

    >>> round(entropy([5, 5]), 3), entropy([10])
    (0.693, 0.0)
    """
    listed = [count for count in counts if count]
    total = sum(listed)
    return abs(-sum(count / total * math.log(count / total) for count in listed))


def text_entropy(texts: Sequence[str]) -> float:
    """Entropy of the answers as they are written, in nats: the uncertainty of R-Tuning-U.

    >>> round(text_entropy(["Paris", "Paris", "paris", "Rome"]), 3)
    1.04
    """
    return entropy(Counter(texts).values())
