"""What a picture shows, as facts: captions, questions and answers are written from them."""

from __future__ import annotations

from dataclasses import dataclass

NUMBERS = ("one", "two", "three", "four", "five")


@dataclass(frozen=True, slots=True)
class Writing:
    """A text, alone or on something.

    Attributes:
        text: Words with single spaces.
        surface: What it stands on ("a sign"); None for the picture itself.
    """

    text: str
    surface: str | None = None

    @property
    def phrase(self) -> str:
        """What is shown beside letters."""
        return self.surface or ""

    @property
    def caption(self) -> str:
        """One sentence."""
        if self.surface is None:
            return f'The picture shows the text "{self.text}".'
        return f'The picture shows {self.surface} with the text "{self.text}".'


@dataclass(frozen=True, slots=True)
class Thing:
    """A pictogram of a named thing.

    Attributes:
        name: Noun phrase ("an apple").
    """

    name: str

    @property
    def caption(self) -> str:
        """One sentence."""
        return f"The picture shows {self.name}."


@dataclass(frozen=True, slots=True)
class Shapes:
    """Some equal shapes.

    Attributes:
        count: From 1 to 5.
        color: Name of the color.
        shape: Name of one of them.
        place: Where they stand ("on the left"); empty if all over the picture.
    """

    count: int
    color: str
    shape: str
    place: str = ""

    @property
    def noun(self) -> str:
        """The shape in singular or plural."""
        return self.shape if self.count == 1 else f"{self.shape}s"

    @property
    def phrase(self) -> str:
        """For instance "three red circles on the left" or "one blue star"."""
        return " ".join(filter(None, (NUMBERS[self.count - 1], self.color, self.noun, self.place)))

    @property
    def caption(self) -> str:
        """One sentence."""
        return f"The picture shows {self.phrase}."


@dataclass(frozen=True, slots=True)
class Nothing:
    """A ground with nothing on it that has a name."""

    @property
    def phrase(self) -> str:
        """What is shown beside letters."""
        return "nothing"

    @property
    def caption(self) -> str:
        """One sentence."""
        return "The picture shows nothing."


Facts = Writing | Thing | Shapes | Nothing


def bare(phrase: str) -> str:
    """A noun phrase without its article."""
    return phrase.removeprefix("a ").removeprefix("an ")
