"""Prompts to requests, answers to replies: the OpenAI protocol as its many servers speak it.

Pure functions of the records, save for `Dialect`, which remembers what one server has refused. No request is
sent here.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from levelhead.errors import ImageError, UsageError
from levelhead.models._model import Sampling
from levelhead.records import FinishReason, Image, Prompt, Reply

log = logging.getLogger(__name__)

_REFUSING = re.compile(
    r"not support|unsupported|unrecogni[sz]ed|unknown|unexpected|not permitted|not allowed|use.{0,3}max_comp",
    re.I,
)
_OPTIONAL = ("logprobs", "top_logprobs", "seed", "top_k", "min_p", "n", "response_format")
"""Parameters without which a reply is still what was asked for, or can be made so."""
_ABOUT_SCHEMAS = re.compile(r"json.?schema|grammar|structured.?output|guided", re.I)
"""What servers speak of that know `response_format` but not this schema."""


@dataclass
class Dialect:
    """What a server has refused so far, so that it is asked without that from then on."""

    refused: set[str] = field(default_factory=set)

    def speak(self, body: dict[str, Any]) -> dict[str, Any]:
        """The request in a form that the server takes."""
        spoken = {name: value for name, value in body.items() if name not in self.refused}
        if "max_tokens" in self.refused:
            spoken["max_completion_tokens"] = body["max_tokens"]
        return spoken

    def learn(self, said: str, body: dict[str, Any]) -> bool:
        """Take from a refusal which parameters of the request the server does not take.

        Args:
            said: The server's words.
            body: The request, as it was spoken.

        Returns:
            Whether asking again makes sense.
        """
        names = [name for name in _OPTIONAL if name in body and _names(said, name)]
        if body.get("top_p") == 1.0 and _names(said, "top_p"):
            names.append("top_p")
        if "max_tokens" in body and _names(said, "max_tokens") and _REFUSING.search(said):
            names.append("max_tokens")
        if "response_format" in body and "response_format" not in names and _ABOUT_SCHEMAS.search(said):
            names.append("response_format")
        if "logprobs" in names and "top_logprobs" in body:
            names.append("top_logprobs")
        for name in names:
            if name not in self.refused:
                log.warning(
                    "The server refuses the parameter %r; it is left out from now on (%s)", name, said
                )
        self.refused.update(names)
        return bool(names)


def _names(said: str, parameter: str) -> bool:
    # The name `n` is also a letter, so it counts only in quotes.
    pattern = "['\"`]n['\"`]" if parameter == "n" else rf"(?<!\w){parameter}(?!\w)"
    return re.search(pattern, said) is not None


def check_askable(prompts: Sequence[Prompt]) -> None:
    """Refuse pictures where the protocol has no place for them.

    Raises:
        UsageError: If a raw prompt, or one without a user turn, holds a picture.
    """
    for index, prompt in enumerate(prompts):
        if prompt.images and (prompt.raw or all(turn.role != "user" for turn in prompt.turns)):
            raise UsageError(
                f"Prompt {index} holds a picture and is raw or has no user turn; the OpenAI protocol takes "
                "pictures in user turns "
                "of a chat only. Ask with Prompt.ask."
            )


def request(model: str, prompt: Prompt, sampling: Sampling) -> tuple[str, dict[str, Any]]:
    """The path and the JSON that ask a prompt.

    Raises:
        ImageError: If a picture cannot be used.
    """
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
    }
    if sampling.temperature > 0:
        # Many servers cut the distribution further by default (llama.cpp: top_k 40, min_p 0.05), which no
        # caller asked for.
        body |= {"top_k": 0, "min_p": 0.0}
    if sampling.n > 1:
        body["n"] = sampling.n
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if prompt.raw:
        return "/completions", body | {"prompt": raw_text(prompt), "logprobs": 1}
    if sampling.json_schema is not None:
        schema = {"name": "reply", "strict": True, "schema": json.loads(sampling.json_schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    # llama.cpp sends 20 alternatives of each token unless told a number.
    return "/chat/completions", body | {"messages": messages(prompt), "logprobs": True, "top_logprobs": 1}


def raw_text(prompt: Prompt) -> str:
    """The text of a raw prompt."""
    return "".join(turn.text for turn in prompt.turns)


def messages(prompt: Prompt) -> list[dict[str, Any]]:
    """The turns as chat messages, the pictures before the text of the first user turn.

    Raises:
        ImageError: If a picture cannot be used.
    """
    said: list[dict[str, Any]] = [{"role": turn.role, "content": turn.text} for turn in prompt.turns]
    if prompt.images:
        first = next(place for place, turn in enumerate(prompt.turns) if turn.role == "user")
        pictures = [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in prompt.images]
        said[first]["content"] = [*pictures, {"type": "text", "text": prompt.turns[first].text}]
    return said


def data_url(image: Image) -> str:
    """The picture as a data URL.

    It is decoded first: a damaged or huge picture fails here with the words that a local model uses, and what
    the server says later of pictures is about the server.

    Raises:
        ImageError: If the picture cannot be decoded, or is of a format that servers do not take.
    """
    image.decode()
    encoded = image.read()
    mime = _mime(encoded)
    if mime is None:
        raise ImageError(
            f"The picture {image.path or 'given in memory'} is no PNG, JPEG, WebP or GIF; servers take only "
            "these. Convert it."
        )
    return f"data:{mime};base64,{base64.b64encode(encoded).decode('ascii')}"


def _mime(encoded: bytes) -> str | None:
    """The media type, by the first bytes; file names lie.

    >>> _mime(b"GIF89a...")
    'image/gif'
    """
    if encoded.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if encoded.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP":
        return "image/webp"
    if encoded.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return None


class _Token(BaseModel):
    token: str
    logprob: float
    bytes: list[int] | None = None


class _LogProbs(BaseModel):
    """Both forms: `content` of chats and of llama.cpp, two lists of the older completions."""

    content: list[_Token] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[float] | None = None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: _LogProbs | None = None


class _Answer(BaseModel):
    choices: list[_Choice]


def read_replies(answer: object, sampling: Sampling) -> list[Reply]:
    """The replies in the JSON of an answer.

    Raises:
        ValueError: If the JSON has another shape.
    """
    choices = _Answer.model_validate(answer).choices
    if not choices or any(choice.message is None and choice.text is None for choice in choices):
        raise ValueError("The answer holds no choices.")
    return [_reply(choice, sampling) for choice in choices]


def _reply(choice: _Choice, sampling: Sampling) -> Reply:
    if choice.message is None:
        whole = choice.text or ""
    else:
        whole = choice.message.content or choice.message.refusal or ""
    text = whole[: min((at for stop in sampling.stop if (at := whole.find(stop)) >= 0), default=len(whole))]
    ended: FinishReason = "stop"
    if choice.finish_reason in ("length", "content_filter") and text == whole:
        ended = "length" if choice.finish_reason == "length" else "content_filter"
    return Reply(text, ended, _log_probs(choice.logprobs, text) if choice.logprobs else None)


def _log_probs(given: _LogProbs, text: str) -> tuple[float, ...] | None:
    """Log-probabilities of the tokens that make up the text; None if the tokens cannot be laid beside it.

    Servers also list the end-of-turn token and those of a stop string, which are no part of the text.
    """
    if not text:
        return ()
    spans = list(_spans(given))
    written = b"".join(piece for piece, _ in spans)
    wanted = text.encode()
    begin = 0 if written.startswith(wanted) else written.rfind(wanted)
    if begin < 0:
        return None
    kept, start = [], 0
    for piece, log_prob in spans:
        end = start + len(piece)
        if begin <= start < begin + len(wanted) or start < begin < end:
            kept.append(log_prob)
        start = end
    return tuple(kept)


def _spans(given: _LogProbs) -> Iterator[tuple[bytes, float]]:
    """The bytes of each emitted token and its log-probability."""
    for token in given.content or ():
        yield token.token.encode() if token.bytes is None else bytes(token.bytes), token.logprob
    for written, log_prob in zip(given.tokens or (), given.token_logprobs or (), strict=True):
        yield written.encode(), log_prob
