"""Questions about a picture and their answers, in several forms.

Of the main forms one wording each is only ever measured, never trained on.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from embedded_vision.facts import NUMBERS, Facts, Nothing, Shapes, Thing, Writing, bare
from embedded_vision.shapes import COLORS, PLACES, SHAPES
from embedded_vision.words import WordList

DESCRIBE = ("Describe the picture.", "What do you see?", "Write a caption for this picture.")
READ = (
    "What does the picture say?",
    "Read the text in the picture.",
    "What text is in the picture?",
    "What is written in the picture?",
)
READ_SURFACE = ("What does the {surface} say?", "What is written on the {surface}?", "Read the {surface}.")
READ_WORD = ("Which word is shown?", "What word is this?", "Read the word.")
READ_WORD_ON_SURFACE = ("What word is on the {surface}?", "Which word is written on the {surface}?")
READ_ONLY = ("Which words do you see? Answer with the words only.", "Write down the text, nothing else.")
NAME = (
    "What does the picture show?",
    "What is shown in the picture?",
    "What is this?",
    "Name the thing in the picture.",
    "What can be seen here?",
)
COLOR = ("What color {are} the {noun}?", "Which color {have} the {noun}?")
SHAPE = ("What shape is in the picture?", "What kind of shapes are shown?")
COUNT = ("How many {noun}s are there?", "How many {noun}s does the picture show?", "Count the {noun}s.")
PLACE = ("Where {are} the {noun}?", "In which part of the picture {are} the {noun}?")

UNSEEN_WORDINGS = {
    "read": "Please tell me the text that appears in this image.",
    "name": "Can you tell me what is in this image?",
    "color": "Tell me the color of the {noun}.",
    "count": "What is the number of {noun}s in this image?",
    "place": "At which side can the {noun} be found?",
}
PLAIN = "plain"
"""Form of a question whose picture does not matter."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answer.

    Attributes:
        form: What kind of question it is ("read", "name", "count" ...).
        question: The user's words.
        answer: The assistant's words.
        key: The words of the answer that say whether it is right.
        is_whole: Whether the answer is complete. If not, the end of the turn is not part of what is learned.
    """

    form: str
    question: str
    answer: str
    key: str = ""
    is_whole: bool = True

    @property
    def around_reading(self) -> tuple[str, str, str]:
        """The answer in three parts; the one in the middle is text that was read off the picture."""
        if self.form == PLAIN:
            return self.answer, "", ""
        before, quote, rest = self.answer.partition('"')
        if quote:
            text, quote, after = rest.rpartition('"')
            return before + quote, text, quote + after
        if self.form == "read":
            return "", self.answer, ""
        return self.answer, "", ""

    def is_answered_by(self, reply: str, *, any_case: bool = False) -> bool:
        """Whether a reply says the key; a text that was to be read must be given alone or quoted, exactly.

        Args:
            reply: Of the model.
            any_case: Take large and small letters of a text as alike, as scene text recognition is measured.
        """
        if self.form == "read":
            told = {text.lower() if any_case else text for text in (quoted(reply), reply.strip()) if text}
            return (self.key.lower() if any_case else self.key) in told
        return re.search(rf"(?<!\w){re.escape(self.key)}(?!\w)", reply, re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True)
class Examiner:
    """Asks questions about facts.

    Attributes:
        words: Words to ask for that are not there.
        names: Noun phrases to ask for that are not there.
    """

    words: WordList
    names: tuple[str, ...]

    def ask(self, facts: Facts, rng: random.Random, count: int) -> list[Asked]:
        """Some different questions, each in a random form and wording.

        Args:
            facts: What the picture shows.
            rng: Draws everything.
            count: How many; fewer if there are not so many.
        """
        match facts:
            case Writing():
                every = self._of_writing(facts, rng)
            case Thing():
                every = self._of_thing(facts, rng)
            case Shapes():
                every = self._of_shapes(facts, rng)
            case Nothing():
                every = self._of_nothing(rng)
        asked = [Asked("describe", rng.choice(DESCRIBE), facts.caption, facts.caption), *every]
        return rng.sample(asked, min(count, len(asked)))

    def _of_writing(self, facts: Writing, rng: random.Random) -> Iterator[Asked]:
        words, noun = facts.text.split(), bare(facts.surface or "picture")
        yield read(facts, rng.choice)
        yield Asked("read", rng.choice(READ_ONLY), facts.text, facts.text)
        if facts.surface is not None:
            yield Asked(
                "surface", "What is the text written on?", f"The text is written on {facts.surface}.", noun
            )
        if len(words) > 1:
            number = NUMBERS[len(words) - 1]
            yield Asked("count", "How many words are in the picture?", f"There are {number} words.", number)
            place, word = rng.choice((("first", words[0]), ("last", words[-1])))
            yield Asked("read", f"What is the {place} word?", f'The {place} word is "{word}".', word)
        yield yes_or_no("Is there any text in the picture?", True)
        other = facts.text if rng.random() < 0.5 else self.words.phrase(rng, len(words))
        yield yes_or_no(f'Does the {noun} say "{other}"?', other == facts.text)
        name = facts.surface if facts.surface and rng.random() < 0.5 else rng.choice(self.names)
        yield yes_or_no(f"Can you see {name} in the picture?", bare(name) == noun)

    def _of_thing(self, facts: Thing, rng: random.Random) -> Iterator[Asked]:
        other = rng.choice([name for name in self.names if name != facts.name])
        first, second = rng.sample((facts.name, other), 2)
        yield named(facts, rng.choice(NAME))
        yield named(facts, f"Does the picture show {first} or {second}?")
        asked = rng.choice((facts.name, other))
        yield yes_or_no(f"Can you see {asked} in the picture?", asked == facts.name)
        asked = rng.choice((facts.name, other))
        yield yes_or_no(f"Does the picture show {asked}?", asked == facts.name)
        yield yes_or_no("Is there any text in the picture?", False)

    def _of_shapes(self, facts: Shapes, rng: random.Random) -> Iterator[Asked]:
        color = rng.choice([name for name in COLORS if name != facts.color])
        shape = rng.choice([name for name in SHAPES if name != facts.shape])
        yield colored(facts, rng.choice(COLOR))
        shown = f"a {facts.shape}" if facts.count == 1 else facts.noun
        yield Asked("shape", rng.choice(SHAPE), f"The picture shows {shown}.", facts.noun)
        yield counted(facts, rng.choice(COUNT))
        if facts.place:
            yield placed(facts, rng.choice(PLACE))
            place = rng.choice((facts.place, rng.choice(list(PLACES))))
            yield yes_or_no(f"Is there a {facts.shape} {place}?", place == facts.place)
        first, second = rng.sample((facts.color, color), 2)
        yield colored(facts, f"{{Are}} the {{noun}} {first} or {second}?")
        asked = rng.choice((facts.color, color))
        yield yes_or_no(_about(facts, f"{{Are}} the {{noun}} {asked}?"), asked == facts.color)
        asked = rng.choice((facts.shape, shape))
        yield yes_or_no(f"Is there a {asked} in the picture?", asked == facts.shape)
        yield yes_or_no("Is there any text in the picture?", False)

    def _of_nothing(self, rng: random.Random) -> Iterator[Asked]:
        yield Asked("name", rng.choice(NAME), Nothing().caption, "nothing")
        yield Asked("name", rng.choice(READ), "There is no text.", "no text")
        yield yes_or_no("Is there any text in the picture?", False)
        yield yes_or_no(f"Can you see {rng.choice(self.names)} in the picture?", False)


def main_questions(facts: Facts) -> list[Asked]:
    """The questions that a picture is measured by, always in the same wording."""
    match facts:
        case Writing():
            return [read(facts, lambda wordings: wordings[0])]
        case Thing():
            return [named(facts, NAME[0])]
        case Shapes():
            place = [placed(facts, PLACE[0])] if facts.place else []
            return [colored(facts, COLOR[0]), counted(facts, COUNT[0]), *place]
        case Nothing():
            return [Asked("name", NAME[0], facts.caption, "nothing")]


def reworded(asked: Asked, facts: Facts) -> Asked:
    """The same question in a wording that was never trained on."""
    wording = UNSEEN_WORDINGS[asked.form]
    return replace(asked, question=_about(facts, wording) if isinstance(facts, Shapes) else wording)


def read(facts: Writing, choose: Callable[[tuple[str, ...]], str]) -> Asked:
    """The question for the whole text."""
    is_word = " " not in facts.text
    if facts.surface is None:
        noun, wordings = "picture", READ + (READ_WORD if is_word else ())
    else:
        noun, wordings = bare(facts.surface), READ + READ_SURFACE + (READ_WORD_ON_SURFACE if is_word else ())
    question = choose(wordings).format(surface=noun)
    return Asked("read", question, f'The {noun} says "{facts.text}".', facts.text)


def named(facts: Thing, question: str) -> Asked:
    """A question for the thing."""
    return Asked("name", question, facts.caption, bare(facts.name))


def colored(facts: Shapes, wording: str) -> Asked:
    """A question for the color."""
    answer = _about(facts, f"The {{noun}} {{are}} {facts.color}.")
    return Asked("color", _about(facts, wording), answer, facts.color)


def counted(facts: Shapes, wording: str) -> Asked:
    """A question for the number."""
    number = NUMBERS[facts.count - 1]
    return Asked("count", _about(facts, wording), _about(facts, f"There {{are}} {number} {{noun}}."), number)


def placed(facts: Shapes, wording: str) -> Asked:
    """A question for the place."""
    answer = _about(facts, f"The {{noun}} {{are}} {facts.place}.")
    return Asked("place", _about(facts, wording), answer, facts.place)


def yes_or_no(question: str, holds: bool) -> Asked:
    """A question that is answered by yes or no."""
    word = "Yes" if holds else "No"
    return Asked("yes_no", question, f"{word}.", word)


def quoted(text: str) -> str | None:
    """What a text quotes."""
    _, found, rest = text.partition('"')
    return rest.rpartition('"')[0] if found else None


def _about(facts: Shapes, wording: str) -> str:
    """Fill in a wording. Of one shape it speaks in the singular; a question for the number never does."""
    is_one = facts.count == 1
    noun = facts.shape if "{noun}s" in wording else facts.noun
    return wording.format(
        are="is" if is_one else "are",
        Are="Is" if is_one else "Are",
        have="has" if is_one else "have",
        noun=noun,
    )
