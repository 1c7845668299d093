"""From a model's reply to the JSON object that was asked for, or to the reason why there is none."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from levelhead.answers import refuses
from levelhead.records import Reply

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
    """A reply without the object that was asked for.

    Attributes:
        failure: The kind of failure.
        why: In words, for a person and for the model's second try. It quotes nothing of the reply.
    """

    failure: Failure
    why: str

    @property
    def mendable(self) -> bool:
        """Whether asking a second time makes sense. A model that refuses is not pressed."""
        return self.failure in (Failure.CUT, Failure.MALFORMED)


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


SchemaT = TypeVar("SchemaT", bound=_Schema)


def read_reply(reply: Reply, schema: type[SchemaT]) -> SchemaT | Failed:
    """Find the object in a reply.

    Text around the object (a fence, a greeting, thoughts in `<think>`) is passed over.

    Args:
        reply: What the model said.
        schema: What it was asked for.

    Returns:
        The object, or why there is none.
    """
    if reply.error is not None:
        return Failed(Failure.NO_ANSWER, reply.error)
    if reply.finish_reason == "content_filter":
        return Failed(Failure.FILTERED, "the server's content filter held the reply back")
    text = reply.text.rpartition("</think>")[2]
    try:
        return schema.model_validate(_first_object(text))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return Failed(Failure.MALFORMED, f"{place}: {first['msg']}" if place else first["msg"])
    except (ValueError, RecursionError) as error:
        if refuses(text):
            return Failed(Failure.REFUSED, "the model said that it would not")
        if reply.finish_reason == "length":
            return Failed(Failure.CUT, "it ran into the limit of its length, so write less")
        return Failed(Failure.MALFORMED, str(error))


def begins_with_refusal(answer: str) -> bool:
    """Whether the first two sentences of an answer refuse; a later "I do not know why" is no refusal.

    >>> begins_with_refusal("Sorry. I can't help with that.")
    True
    >>> begins_with_refusal("Just tell them. They will cry. I do not know why anybody cares.")
    False
    """
    return refuses(" ".join(re.split(r"(?<=[.!?])\s+", answer.strip())[:2]))


def _first_object(text: str) -> object:
    start = text.find("{")
    if start < 0:
        raise ValueError("it holds no JSON object")
    try:
        # Not strict: models break lines inside strings.
        value, _ = json.JSONDecoder(strict=False).raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos}") from error
    return value
