"""Messages of Inspect as a prompt, and replies as its output."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from pathlib import Path

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ContentImage,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
    StopReason,
)

from levelhead.errors import UsageError
from levelhead.records import FinishReason, Image, Prompt, Reply, Turn

_DATA_URI = re.compile(r"data:[^;,]+;base64,")
_STOP_REASONS: dict[FinishReason, StopReason] = {
    "stop": "stop",
    "length": "max_tokens",
    "content_filter": "content_filter",
    "error": "unknown",
}


def to_prompt(messages: Sequence[ChatMessage]) -> Prompt:
    """The prompt of a conversation.

    Raises:
        UsageError: If it holds what a prompt cannot: results of tools, sound, films or files, or pictures
            elsewhere than in the first turn of the user.
    """
    turns: list[Turn] = []
    images: list[Image] = []
    for message in messages:
        if message.role == "tool":
            raise UsageError(
                "Models of Levelhead take no tools, and the conversation holds the result of one."
            )
        found = _images(message)
        if found and any(turn.role == "user" for turn in turns):
            raise UsageError(
                "A picture stands in a later turn of the conversation; models of Levelhead take pictures in "
                "the first turn of the user alone."
            )
        if found and message.role != "user":
            raise UsageError(
                f"A picture stands in a turn of the {message.role}; only the user shows pictures."
            )
        images += found
        turns.append(Turn(message.role, message.text))
    return Prompt(tuple(turns), tuple(images))


def to_output(model: str, replies: Sequence[Reply]) -> ModelOutput:
    """The output that holds the replies to one prompt; with an error if the first of them failed."""
    choices = [
        ChatCompletionChoice(
            message=ChatMessageAssistant(content=reply.text, model=model, source="generate"),
            stop_reason=_STOP_REASONS[reply.finish_reason],
        )
        for reply in replies
    ]
    tokens = sum(len(reply.log_probs or ()) for reply in replies)
    return ModelOutput(
        model=model,
        choices=choices,
        # Without it Inspect would count by a vocabulary that it downloads. What the prompt has is not known.
        usage=ModelUsage(output_tokens=tokens, total_tokens=tokens),
        metadata={"seen": replies[0].seen} if replies[0].seen is not None else None,
        error=replies[0].error,
    )


def to_reply(output: ModelOutput) -> Reply:
    """The reply that an output of any model stands for."""
    if output.error is not None:
        return Reply.failed(output.error)
    return Reply(output.completion, "stop")


def _images(message: ChatMessage) -> list[Image]:
    if isinstance(message.content, str):
        return []
    images = []
    for part in message.content:
        if isinstance(part, ContentImage):
            images.append(_image(part.image))
        elif not isinstance(part, ContentText | ContentReasoning):
            raise UsageError(
                f"A message holds content of the type {part.type!r}; models of Levelhead take "
                "text and pictures."
            )
    return images


def _image(source: str) -> Image:
    if (match := _DATA_URI.match(source)) is not None:
        try:
            return Image(data=base64.b64decode(source[match.end() :], validate=True))
        except binascii.Error as error:
            raise UsageError(f"A picture's data URI is damaged: {error}.") from error
    if "://" in source:
        raise UsageError(f"A picture is given by its address ({source}); give a file or its bytes.")
    return Image(path=Path(source))
