"""From a model's reply to the JSON object that was asked for, or to the reason why there is none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from levelhead.answers import refuses
from levelhead.records import Reply

SchemaT = TypeVar("SchemaT", bound=BaseModel)


class ReplyFault(StrEnum):
    """Why a reply brought no object."""

    NO_ANSWER = "no answer"
    FILTERED = "filtered"
    REFUSED = "refused"
    CUT = "cut off"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class FaultyReply:
    """A reply without the object that was asked for.

    Attributes:
        fault: The kind of fault.
        why: In words, for a person and for the model's second try. It quotes nothing of the reply.
    """

    fault: ReplyFault
    why: str

    @property
    def mendable(self) -> bool:
        """Whether asking a second time makes sense. A model that refuses is not pressed."""
        return self.fault in (ReplyFault.CUT, ReplyFault.MALFORMED)


def read_object(reply: Reply, schema: type[SchemaT]) -> SchemaT | FaultyReply:
    """Find the object in a reply.

    Text around the object (a fence, a greeting, thoughts in `<think>`) is passed over.

    Args:
        reply: What the model said.
        schema: What it was asked for.

    Returns:
        The object, or why there is none.
    """
    if reply.error is not None:
        return FaultyReply(ReplyFault.NO_ANSWER, reply.error)
    if reply.finish_reason == "content_filter":
        return FaultyReply(ReplyFault.FILTERED, "the server's content filter held the reply back")
    text = reply.text.rpartition("</think>")[2]
    try:
        return schema.model_validate(_first_object(text))
    except ValidationError as error:
        return FaultyReply(ReplyFault.MALFORMED, first_fault(error))
    except (ValueError, RecursionError) as error:
        if refuses(text):
            return FaultyReply(ReplyFault.REFUSED, "the model said that it would not")
        if reply.finish_reason == "length":
            return FaultyReply(ReplyFault.CUT, "it ran into the limit of its length, so write less")
        return FaultyReply(ReplyFault.MALFORMED, str(error))


def first_fault(error: ValidationError) -> str:
    """The first thing that does not fit a schema: where, and what. It quotes nothing of the value."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]


def json_schema_of(schema: type[BaseModel]) -> str:
    """A schema as JSON Schema, in the strict form that servers ask for: no object takes further keys.

    `Sampling.json_schema` takes it. Keys stay in the order of the fields, because servers have them written
    in that order: a question comes before its answers.
    """
    return json.dumps(_closed(schema.model_json_schema()))


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    closed = {name: _closed(value) for name, value in node.items()}
    return closed | {"additionalProperties": False} if node.get("type") == "object" else closed


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
