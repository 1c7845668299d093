"""Words to write: whole-word tokens of the language model's vocabulary, some of them never shown in training.

No list of questions or answers takes part; the bank's answers are in the list if they are ordinary words.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

_SHORTEST, _LONGEST = 2, 12
_UNSEEN_SHARE = 0.04
_NUMBERS = 0.08  # of the words
_RANKS = 20_000
"""Tokens beyond are rare, and more and more of them are mere beginnings of words."""
_COMMON = 1000
_COMMON_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class WordList:
    """Words by length, in lower case.

    Attributes:
        by_length: Words of each length, sorted.
        common: Those that are drawn as often as all of them together.
    """

    by_length: dict[int, tuple[str, ...]]
    common: tuple[str, ...] = ()

    def draw(self, rng: random.Random, longest: int = _LONGEST) -> str:
        """One word or number, its letters small, large or the first one large."""
        if rng.random() < _NUMBERS:
            return str(rng.randrange(10 ** rng.randint(1, min(4, longest))))
        word = self._common(rng, longest) or self._any(rng, longest)
        return rng.choice((word, word.capitalize(), word.capitalize(), word.upper()))

    def phrase(self, rng: random.Random, count: int, longest: int = _LONGEST) -> str:
        """Some words with spaces between them."""
        return " ".join(self.draw(rng, longest) for _ in range(count))

    def _common(self, rng: random.Random, longest: int) -> str | None:
        if not self.common or rng.random() >= _COMMON_SHARE:
            return None
        word = rng.choice(self.common)
        return word if len(word) <= longest else None

    def _any(self, rng: random.Random, longest: int) -> str:
        # Lengths are drawn first, or the many words of six letters would crowd out the rest.
        return rng.choice(self.by_length[rng.choice([n for n in self.by_length if n <= longest])])

    def __contains__(self, word: str) -> bool:
        return word.lower() in self.by_length.get(len(word), ())


def word_lists(vocabulary: dict[str, int]) -> tuple[WordList, WordList]:
    """Words for training, and words that are only ever measured.

    Args:
        vocabulary: Tokens of a byte-level tokenizer, in which a word's beginning is marked with "Ġ".
    """
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)[:_RANKS]
    # A dictionary, because it keeps the order: the most common ones come first.
    words = {token[1:].lower(): None for token in tokens if token.startswith("Ġ")}
    fitting = [
        word for word in words if word.isascii() and word.isalpha() and _SHORTEST <= len(word) <= _LONGEST
    ]
    unseen = [word for word in fitting if is_unseen(word)]
    known = [word for word in fitting if not is_unseen(word)]
    common = [word for word in known if len(word) > _SHORTEST][:_COMMON]
    return replace(_by_length(known), common=tuple(common)), _by_length(unseen)


def is_unseen(word: str) -> bool:
    """Whether a word is kept for measuring. It follows from the word alone, in whatever case."""
    digest = hashlib.sha256(f"unseen/{word.lower()}".encode()).digest()
    return len(word) > 3 and int.from_bytes(digest[:4]) < _UNSEEN_SHARE * 2**32


def _by_length(words: Sequence[str]) -> WordList:
    lengths = sorted({len(word) for word in words})
    return WordList({n: tuple(sorted(word for word in words if len(word) == n)) for n in lengths})
