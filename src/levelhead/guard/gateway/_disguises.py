"""Texts in disguise: letters of other scripts, invisible letters, digits for letters, Base64.

A model reads through such disguises, and many a detector does not. So a text that bears signs of one is
judged twice, as it stands and without it, and the more harmful verdict counts. Most texts bear none and cost
nothing more. Ciphers, other languages and what only a model would solve are not undone here.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace

from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._judgement import Judgement
from levelhead.records import JSONValue

_LATIN = "A-Za-z"
_INVISIBLE = "\u00ad\u034f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
_BETWEEN_LETTERS = re.compile(f"(?<=[{_LATIN}])[{_INVISIBLE}]+(?=[{_LATIN}])")
_WIDE = re.compile("[\uff21-\uff5a\u24b6-\u24e9\U0001d400-\U0001d7ff]")
_LOOK_ALIKES = str.maketrans(
    "аеорсхуіјѕһԁԛԝАВЕКМНОРСТХУІЈЅ" + "αορνικυΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcxyijshdqwABEKMHOPCTXYIJS" + "aopvikuABEZHIKMNOPTYX",
)
_OTHER_LETTER = "".join(map(chr, _LOOK_ALIKES))
_MIXED = re.compile(f"[{_LATIN}][{_OTHER_LETTER}]|[{_OTHER_LETTER}][{_LATIN}]")
"""Two scripts in one word. A whole word of another script is left alone: it is that language."""
_WORD = re.compile(r"\w+")

_DIGITS = str.maketrans("013457@$", "oieastas")
_FIGURE = re.compile(r"[013457@$]")
_DIGIT = re.compile(rf"(?<=[{_LATIN}])[013457@$]+[{_LATIN}]|(?<![\w@$])[@$][{_LATIN}]{{2}}")
"""A digit for a letter, between letters."""
_WORD_WITH_DIGITS = re.compile(r"[\w@$]++(?!\.\w)", re.ASCII)
_SPELLED = re.compile(rf"[{_LATIN}013457@$]{{3,24}}")

_BASE64 = re.compile(r"(?<![\w+/=-])[\w+/-]{16,}={0,2}(?![\w=])", re.ASCII)
_LEAST_LETTERS = 0.8
"""Share of letters and blanks from which decoded bytes count as a text."""


def undisguised(text: str) -> str | None:
    r"""The text without its disguises; None if it bears no sign of one.

    >>> undisguised("Bake br\u200bead, b4ke c\u0430kes"), undisguised("Bake 3 cakes at 4 pm.")
    ('Bake bread, bake cakes', None)
    """
    found = _BASE64.sub(_decoded, text)
    if not found.isascii():
        found = _BETWEEN_LETTERS.sub("", found)
        found = _WIDE.sub(lambda one: unicodedata.normalize("NFKC", one[0]), found)
        if _MIXED.search(found):
            found = _WORD.sub(_in_one_script, found)
    if _FIGURE.search(found) and _DIGIT.search(found):
        found = _WORD_WITH_DIGITS.sub(_spelled, found)
    return None if found == text else found


def _in_one_script(word: re.Match[str]) -> str:
    return word[0].translate(_LOOK_ALIKES) if _MIXED.search(word[0]) else word[0]


def _spelled(word: re.Match[str]) -> str:
    if _SPELLED.fullmatch(word[0]) and _DIGIT.search(word[0]):
        return word[0].translate(_DIGITS)
    return word[0]


def _decoded(coded: re.Match[str]) -> str:
    """What Base64 says, if that is a text; else itself."""
    # The last characters may be missing: of a stream, only a part has come.
    whole = coded[0].rstrip("=").translate(str.maketrans("-_", "+/"))
    whole = whole[: len(whole) - (len(whole) % 4 == 1)]
    try:
        text = base64.b64decode(whole + "=" * (-len(whole) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return coded[0]
    letters = sum(one.isalpha() or one.isspace() for one in text)
    return text if letters >= _LEAST_LETTERS * len(text) else coded[0]


class UndisguisingDetector(Detector):
    """Another detector, which is shown texts without their disguises as well.

    Args:
        detector: Judges. It is not closed here.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.name, self.fingerprint = detector.name, f"{detector.fingerprint}/undisguised"
        self.threshold, self.quick = detector.threshold, detector.quick
        self.reads_picture_text = detector.reads_picture_text

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """See `Detector`."""
        plain = {place: text for place, pair in enumerate(pairs) if (text := undisguised(pair.answer))}
        if not plain:
            return self._detector.judge(pairs)
        further = [replace(pairs[place], answer=text) for place, text in plain.items()]
        found = self._detector.judge([*pairs, *further])
        judged, seen_through = found[: len(pairs)], found[len(pairs) :]
        for place, one in zip(plain, seen_through, strict=True):
            judged[place] = _worse(judged[place], one)
        return judged

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        return self.judge(pairs)

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return self._detector.details


def _worse(one: Judgement, other: Judgement) -> Judgement:
    """The more harmful of two; the one without a verdict, if there is one."""
    if one.p_harm is None or other.p_harm is None:
        return one if one.p_harm is None else other
    return other if other.p_harm > one.p_harm else one
