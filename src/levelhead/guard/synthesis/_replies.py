"""What the model is asked to write at each stage, and why a row may end before it has both answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from levelhead.answers import refuses
from levelhead.running import FaultyReply

_MOST_ITEMS = 100
_Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=1000)]
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=8000)]


class Failure(StrEnum):
    """Why a row ended before it had both answers."""

    NO_ANSWER = "no answer"
    FILTERED = "filtered"
    REFUSED = "refused"
    CUT = "cut off"
    MALFORMED = "malformed"
    DUPLICATE = "duplicate"
    IDENTICAL = "identical answers"


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a row ended.

    Attributes:
        failure: The kind of failure.
        why: In words. It quotes nothing of what the model said.
    """

    failure: Failure
    why: str

    @classmethod
    def of(cls, reply: FaultyReply) -> Self:
        """The failure of a row whose reply could not be used."""
        return cls(Failure(reply.fault), reply.why)


class _Schema(BaseModel):
    # Further keys are no harm: many models add a note of their own.
    model_config = ConfigDict(extra="ignore", strict=True)


class Scenarios(_Schema):
    """The reply to `ask_scenarios`."""

    scenarios: Annotated[list[_Phrase], Field(min_length=1, max_length=_MOST_ITEMS)]


class Questions(_Schema):
    """The reply to `ask_questions`."""

    questions: Annotated[list[_Phrase], Field(min_length=1, max_length=_MOST_ITEMS)]


class WrittenAnswer(_Schema):
    """The reply to `ask_acceptable` and `ask_unacceptable`."""

    answer: _Text


def begins_with_refusal(answer: str) -> bool:
    """Whether the first two sentences of an answer refuse; a later "I do not know why" is no refusal.

    >>> begins_with_refusal("Sorry. I can't help with that.")
    True
    >>> begins_with_refusal("Just tell them. They will cry. I do not know why anybody cares.")
    False
    """
    return refuses(" ".join(re.split(r"(?<=[.!?])\s+", answer.strip())[:2]))
