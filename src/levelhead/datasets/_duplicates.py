"""Find test questions that the training set asks too, in the same or nearly the same words, and remove them.

Two texts are near-duplicates if their sets of words are alike, each word counted by its rarity. Plain word
overlap takes "What field does Herman Auerbach work in?" and "What field does Herman Boerhaave work in?" for
the same question and misses "Which city is Toronto a twin city of?" beside "What is Toronto a twin city of?";
by rarity the names count and the frame does not. The order of the words does not count, long questions about
one shared passage are alike, and a script written without spaces is compared only as a whole.

Every pair at or above the threshold is found, always the same: nothing is sampled or hashed. An index over
each text's rarest words names the few pairs that can reach it (prefix filtering: Chaudhuri, Ganti, Kaushik, A
Primitive Operator for Similarity Joins, ICDE 2006).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from levelhead.errors import UsageError
from levelhead.records import Example

_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))
# A word, or a single sign that is not punctuation of sentences; a dash between letters joins words.
_WORD = re.compile(r"[^\W_]+|(?<![^\W\d_])-(?![^\W\d_])|[^\w\s.,;:!?…'’‘\"“”«»()\[\]{}`-]")


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A test example and the training example that is most like it.

    Attributes:
        test_id: Id of the test example.
        train_id: Id of the training example; of several equally alike, the first.
        similarity: Shared weight of words over all weight of words, in (0, 1].
        exact: Whether the texts are the same after normalization.
        same_answer: Whether the two share an accepted answer, or neither has one.
    """

    test_id: str
    train_id: str
    similarity: float
    exact: bool
    same_answer: bool


@dataclass(frozen=True, slots=True)
class DuplicateReport:
    """What was looked at and what was removed.

    Attributes:
        train: Training examples.
        test: Test examples before the removal.
        threshold: Similarity from which on two texts are near-duplicates.
        removed: One pair for each removed test example, in the order of the test set.
    """

    train: int
    test: int
    threshold: float
    removed: tuple[Duplicate, ...]

    @property
    def exact(self) -> int:
        """Removed because the training set has the same text, after normalization."""
        return sum(pair.exact for pair in self.removed)

    @property
    def near(self) -> int:
        """Removed because the training set has a text that is nearly the same."""
        return len(self.removed) - self.exact

    @property
    def kept(self) -> int:
        """Test examples that are left."""
        return self.test - len(self.removed)

    @property
    def other_answer(self) -> int:
        """Removed pairs without a common answer: the training set teaches what the test calls wrong."""
        return sum(not pair.same_answer for pair in self.removed)

    def to_json(self) -> dict[str, int | float]:
        """The counts as plain data."""
        return {
            "train": self.train,
            "test": self.test,
            "threshold": self.threshold,
            "exact": self.exact,
            "near": self.near,
            "other_answer": self.other_answer,
            "kept": self.kept,
        }


def remove_near_duplicates(
    train: Sequence[Example], test: Sequence[Example], *, threshold: float = 0.8
) -> tuple[list[Example], DuplicateReport]:
    """Take out of the test set what the training set asks too.

    Two examples are compared by question and choices together, so "Which of the following is true?" with
    other choices is another question. Examples with pictures are compared only if their pictures are the same
    bytes.

    Args:
        train: The training examples; none is removed.
        test: The test examples.
        threshold: Similarity in (0, 1] from which on a test example is removed. Lower removes more. Words are
            weighed over both sets together, so the similarity of a pair depends on the rest of them.

    Returns:
        The test examples that are left, in their order, and the report.

    Raises:
        UsageError: If the threshold is out of range.
        ImageError: If a picture cannot be read.
    """
    _check_threshold(threshold)
    index = _Index(train, test, threshold)
    pairs = [index.most_alike(example) for example in test]
    kept = [example for example, pair in zip(test, pairs, strict=True) if pair is None]
    removed = tuple(pair for pair in pairs if pair is not None)
    return kept, DuplicateReport(len(train), len(test), threshold, removed)


def near_duplicate_groups(texts: Iterable[str], *, threshold: float = 0.8) -> dict[str, str]:
    """Put texts that are near-duplicates into one group, and those alike to one of them, and so on.

    Args:
        texts: Texts; order and repetition make no difference.
        threshold: Similarity in (0, 1], as in `remove_near_duplicates`.

    Returns:
        The name of the group of each different text: the first of its texts in the order of the alphabet.

    Raises:
        UsageError: If the threshold is out of range.
    """
    _check_threshold(threshold)
    names = sorted(set(texts))
    examples = [Example(name, name, None) for name in names]
    index = _Index(examples, (), threshold)
    parents = {name: name for name in names}

    def root(name: str) -> str:
        while parents[name] != name:
            parents[name] = name = parents[parents[name]]
        return name

    for example in examples:
        same = index.same_text(example)
        others = [other for _, other in index.alike(example)]
        for other in others if same is None else [same, *others]:
            first, second = sorted((root(example.id), root(other.id)))
            parents[second] = first
    return {name: root(name) for name in names}


def normalized(text: str) -> str:
    """Words and signs of a text without case, punctuation of sentences and width variants of letters.

    >>> normalized("Who wrote «The  Tempest»?")
    'who wrote the tempest'
    >>> normalized("What is 2 - 2?")
    'what is 2 - 2'
    """
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold().translate(_DASHES)))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A training example as it is compared."""

    example: Example
    pictures: tuple[str, ...]
    words: frozenset[str]
    weight: int


class _Index:
    """The training examples, by text and by their rarest words."""

    def __init__(self, train: Sequence[Example], test: Sequence[Example], threshold: float) -> None:
        self._threshold = threshold
        texts = {_text(example) for example in (*train, *test)}
        counts = Counter(word for text in texts for word in _words(text))
        # Whole numbers, so that a sum is the same in whatever order it is made.
        self._weights = {
            word: round(1000 * math.log(1 + len(texts) / count)) for word, count in counts.items()
        }
        self._exact: dict[tuple[str, tuple[str, ...]], Example] = {}
        self._entries: list[_Entry] = []
        self._by_word: dict[str, list[int]] = {}
        for example in train:
            self._add(example)

    def same_text(self, example: Example) -> Example | None:
        """The first training example with the same text after normalization."""
        return self._exact.get((_text(example), _pictures(example)))

    def most_alike(self, example: Example) -> Duplicate | None:
        """The training example most like this one, if one is alike enough."""
        same = self.same_text(example)
        if same is not None:
            return Duplicate(example.id, same.id, 1.0, True, _share_answer(same, example))
        # Of equally alike ones the first, which max() gives.
        best = max(self.alike(example), key=lambda found: found[0], default=None)
        if best is None:
            return None
        return Duplicate(example.id, best[1].id, best[0], False, _share_answer(best[1], example))

    def alike(self, example: Example) -> Iterator[tuple[float, Example]]:
        """Every training example that is alike enough, in their order, with the similarity before it."""
        words, pictures = _words(_text(example)), _pictures(example)
        weight = self._weigh(words)
        candidates = {number for word in self._prefix(words) for number in self._by_word.get(word, ())}
        for number in sorted(candidates):
            entry = self._entries[number]
            if entry.pictures != pictures:
                continue
            shared = self._weigh(words & entry.words)
            similarity = shared / (weight + entry.weight - shared)
            if similarity >= self._threshold:
                yield similarity, entry.example

    def _add(self, example: Example) -> None:
        text, pictures = _text(example), _pictures(example)
        if (text, pictures) in self._exact:
            return
        self._exact[text, pictures] = example
        words = _words(text)
        for word in self._prefix(words):
            self._by_word.setdefault(word, []).append(len(self._entries))
        self._entries.append(_Entry(example, pictures, words, self._weigh(words)))

    def _weigh(self, words: Iterable[str]) -> int:
        return sum(self._weights[word] for word in words)

    def _prefix(self, words: frozenset[str]) -> Iterator[str]:
        """The rarest words of a text, of which every text alike enough has one among its own.

        Two texts at the threshold share at least threshold x weight of either. Words are taken, rarest first,
        until those left weigh less than that; then the rarest word that the two share is among those taken.
        """
        left = self._weigh(words)
        needed = self._threshold * left - 1e-6  # a hair less: rounding must not lose a pair
        for word in sorted(words, key=lambda one: (-self._weights[one], one)):
            if left < needed:
                return
            yield word
            left -= self._weights[word]


def _check_threshold(threshold: float) -> None:
    if not 0 < threshold <= 1:
        raise UsageError(f"threshold is {threshold}; it must be above 0 (exclusive) and at most 1.")


def _text(example: Example) -> str:
    """What is compared. Texts without a single word are compared as they are."""
    whole = "\n".join((example.question, *example.choices))
    return normalized(whole) or whole


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _pictures(example: Example) -> tuple[str, ...]:
    return tuple(image.sha256() for image in example.images)


def _share_answer(first: Example, second: Example) -> bool:
    answers = [{normalized(text) for text in example.answers or ()} for example in (first, second)]
    return bool(answers[0] & answers[1]) or not any(answers)
