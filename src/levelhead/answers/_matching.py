"""Whether a text names an answer: by whole words, after normalization.

A substring test finds `art` in `party` and `Oman` in `Romania`, and misses `Mexico City` in `México
city`. Here texts become words without accents, case or punctuation, and an answer is named where its
words follow each other. Homographs stay: `lead` the metal is found in "can lead to".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache


def word_set(text: str) -> frozenset[str]:
    """The words of a plain list of them."""
    return frozenset(text.split())


_ARTICLES = frozenset({"a", "an", "the"})
_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBERS = {word: value for value, word in enumerate(_UNITS)} | {
    word: 10 * value for value, word in enumerate(_TENS, start=2)
}
_AMERICAN = """
    aluminum armor center color colored donut fiber gray harbor jewelry mold mustache plow sulfur theater
    tire yogurt
"""
_BRITISH = """
    aluminium armour centre colour coloured doughnut fibre grey harbour jewellery mould moustache plough
    sulphur theatre tyre yoghurt
"""
# One spelling stands for each pair; which one does not matter.
_SPELLINGS = dict(zip(_AMERICAN.split(), _BRITISH.split(), strict=True)) | {"mt": "mount", "st": "saint"}
# Letters that Unicode does not take apart into a plain letter and an accent.
_LETTERS = str.maketrans(
    dict(zip("øØłŁđĐıð’‘`", "oOlLdDid'''", strict=True))
    | {"æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "þ": "th"}
)
_IRREGULAR_PLURALS = {"foot": "feet", "goose": "geese", "mouse": "mice", "ox": "oxen", "tooth": "teeth"}
# Class words that end many names: alone they name nothing, and the word before them does ("Atlantic").
_CLASS_WORDS = word_set("desert empire ocean river sea strait")
# These name nothing alone either, and neither does what stands before them ("North America", "Cape Town").
_VAGUE_WORDS = word_set(
    """
    africa america asia black blue city column fort great island islands kingdom korea mosque mountain
    mountains new north peak red republic south temple tower town war white yellow
    """
)
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Word:
    """A normalized word and where it stood in the text that `plain` gives."""

    text: str
    start: int
    end: int
    capitalized: bool


def plain(text: str) -> str:
    """Text without accents and typographic letters, contractions opened; case and punctuation stay.

    >>> plain("Malmö isn’t it")
    'Malmo is not it'
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    text = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).translate(_LETTERS)
    text = re.sub(r"(?i)\bcannot\b", "can not", text)
    text = re.sub(r"(?i)\b(can|won|shan)'t\b", r"\1 not", text)
    text = re.sub(r"(?i)\b([a-z]+)n't\b", r"\1 not", text)
    text = re.sub(r"(?i)\b(is|are|was|does|do|did)nt\b", r"\1 not", text)
    # U.S.A. and H. G. (Wells) become one word, and their points end no sentence.
    return re.sub(r"\b(?:[^\W\d_]\. ?){2,}", lambda match: re.sub(r"[. ]", "", match[0]) + " ", text)


def words(text: str) -> list[Word]:
    """The normalized words of a text: lower case, one spelling, numbers as digits, no possessive.

    >>> [word.text for word in words("The Café’s twenty-one gray tables")]
    ['the', 'cafe', '21', 'grey', 'tables']
    """
    return words_of_plain(plain(text))


def words_of_plain(text: str) -> list[Word]:
    """`words` of a text that went through `plain` already."""
    found = [_normalize(match) for match in _WORD.finditer(text)]
    return list(_join_numbers(found, text))


def _normalize(match: re.Match[str]) -> Word:
    raw = match[0]
    folded = re.sub(r"'s?$", "", raw.casefold()).replace("'", "")
    spelled = _SPELLINGS.get(folded, folded)
    return Word(str(_NUMBERS.get(spelled, spelled)), match.start(), match.end(), raw[0].isupper())


def _join_numbers(found: Sequence[Word], text: str) -> Iterator[Word]:
    """Join `20` and `1` of `twenty-one` or `twenty one` to `21`."""
    pending: Word | None = None
    for word in found:
        if pending is not None:
            spelled = text[pending.start : pending.end].casefold() in _TENS
            if spelled and word.text in "123456789" and text[pending.end : word.start] in ("-", " "):
                joined = str(int(pending.text) + int(word.text))
                yield Word(joined, pending.start, word.end, pending.capitalized)
                pending = None
                continue
            yield pending
        pending = word
    if pending is not None:
        yield pending


@lru_cache(maxsize=20_000)
def answer_words(answer: str) -> tuple[str, ...]:
    """The normalized words of an answer without leading articles (unless nothing would be left)."""
    found = [word.text for word in words(answer)]
    while len(found) > 1 and found[0] in _ARTICLES:
        found.pop(0)
    return tuple(found)


def same_word(one: str, other: str) -> bool:
    """Whether two normalized words are equal or one is a regular plural of the other."""
    return one == other or one in _plurals(other) or other in _plurals(one)


def _plurals(word: str) -> tuple[str, ...]:
    if len(word) < 3 or not word.isalpha():
        return (_IRREGULAR_PLURALS[word],) if word in _IRREGULAR_PLURALS else ()
    forms = [word + "s"]
    if word.endswith(("s", "x", "z", "ch", "sh", "o")):
        forms.append(word + "es")
    elif word.endswith("y") and word[-2] not in "aeiou":
        forms.append(word[:-1] + "ies")
    elif word.endswith("f"):
        forms.append(word[:-1] + "ves")
    elif word.endswith("fe"):
        forms.append(word[:-2] + "ves")
    elif word.endswith("man"):
        forms.append(word[:-2] + "en")
    if word in _IRREGULAR_PLURALS:
        forms.append(_IRREGULAR_PLURALS[word])
    return tuple(forms)


def occurrences(found: Sequence[Word], answer: Sequence[str]) -> list[tuple[int, int]]:
    """Where the words of an answer follow each other, as (first, past the last) positions in `found`."""
    length = len(answer)
    if not length:
        return []
    return [
        (start, start + length)
        for start in range(len(found) - length + 1)
        if all(same_word(found[start + offset].text, answer[offset]) for offset in range(length))
    ]


def mentions(text: str, answer: str) -> bool:
    """Whether a text names an answer, by whole words.

    >>> mentions("We took the Ostriches' eggs.", "an ostrich"), mentions("It is Romania.", "Oman")
    (True, False)
    """
    return bool(occurrences(words(text), answer_words(answer)))


def short_name(answer: str) -> str | None:
    """The word by which people call a name of several words: `picasso`, `everest`, `atlantic`.

    It is the last word, or the one before a class word (`Sea`, `Empire`). None for a single word, a
    common noun, an epithet (`the Great`), a numeral (`XIV`) and words that many names share (`Black`,
    `America`).

    >>> short_name("Pablo Picasso"), short_name("Atlantic Ocean")
    ('picasso', 'atlantic')
    >>> short_name("Black Sea"), short_name("ice hockey"), short_name("Alfred the Great")
    (None, None, None)
    """
    found = words(answer)
    if len(found) < 2 or not (found[0].capitalized and found[-1].capitalized) or found[-2].text in _ARTICLES:
        return None
    name = found[-2] if found[-1].text in _CLASS_WORDS else found[-1]
    short = len(name.text) < 3 or re.fullmatch(r"[ivxl]+", name.text) is not None
    return None if short or not name.capitalized or name.text in _VAGUE_WORDS else name.text
