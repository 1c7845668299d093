"""Small question sets and a model that knows some of the answers, for the tests of this room."""

from __future__ import annotations

from levelhead.models import Sampling
from levelhead.records import Example, Prompt, Reply, Score
from tests.fakes import FakeModel

KNOWN = {"Where is Oslo?": "Norway", "Where is Rome?": "Italy", "Where is Lima?": "Peru"}


def question_set() -> list[Example]:
    """Three questions that `Knower` knows, two that it does not, a choice, and one without an answer."""
    known = [Example(f"k{number}", text, (answer,)) for number, (text, answer) in enumerate(KNOWN.items())]
    return [
        *known,
        Example("u0", "Where is Accra?", ("Ghana",), group="Africa"),
        Example("u1", "Where is Dakar?", ("Senegal",), group="Africa"),
        Example("c0", "Which is a fruit?", ("pear",), choices=("stone", "pear")),
        Example("n0", "Where is the city under the sea?", None),
    ]


class Knower(FakeModel):
    """Answers what it knows, says Atlantis to the rest, and is sure of what it knows."""

    def __init__(self) -> None:
        super().__init__(self._say, name="knower", fingerprint="knower-1")

    @staticmethod
    def _text(prompt: Prompt) -> str:
        return "".join(turn.text for turn in prompt.turns)

    def _say(self, prompt: Prompt) -> Reply:
        text = self._text(prompt)
        answer = next((answer for asked, answer in KNOWN.items() if asked in text), None)
        return Reply(f" {answer or 'Atlantis'}", "stop", (-0.1, -0.1) if answer else (-2.0, -2.0))

    def iter_score(self, prompts, continuations):  # type: ignore[no-untyped-def]
        for batch in super().iter_score(prompts, continuations):
            yield [(index, self._score(prompts[index], continuations[index])) for index, _ in batch]

    def _score(self, prompt: Prompt, continuation: str) -> Score:
        text = self._text(prompt)
        if "Are you sure" not in text:
            return Score((-0.2,) if "B" in continuation else (-1.7,))
        sure = any(asked in text for asked in KNOWN)
        return Score((-0.1, -0.05) if sure == ("unsure" not in continuation) else (-3.0, -0.05))


class Sampler(Knower):
    """Draws every second sample as Atlantis."""

    def iter_generate(self, prompts, sampling: Sampling):  # type: ignore[no-untyped-def]
        for batch in super().iter_generate(prompts, sampling):
            yield [
                (
                    index,
                    [
                        one if place % 2 == 0 else Reply("Atlantis", "stop", (-1.0,))
                        for place, one in enumerate(replies)
                    ],
                )
                for index, replies in batch
            ]
