"""What one choice of an answer says, under all its keys, whole or as it comes in pieces.

The answer itself, a refusal and the reasoning are texts that a stream can show bit by bit. Everything else
that holds text (the arguments of tools, fields that nobody knows) is judged as one text at the end. Plain and
streamed answers are read here alike, so that their verdicts are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from levelhead.guard.gateway._requests import Endpoint
from levelhead.guard.gateway._strict_json import JSONObject
from levelhead.guard.gateway._texts import is_embedded, texts_in

CONTENT = "content"
"""The channel of the answer itself."""

SHOWN_CHANNELS = (CONTENT, "refusal", "reasoning", "reasoning_content")
"""Channels that a stream shows before the end."""

_UNREADABLE = ("audio", "images", "videos")
_PROTOCOL = frozenset({"index", "finish_reason", "logprobs", "message", "delta", "text"})
"""Fields of a choice that are read elsewhere. `logprobs` repeats the tokens of the text."""
_HEAD = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "error"}
)


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of what a choice says.

    Attributes:
        channel: One of `SHOWN_CHANNELS`, or the place of another text.
        text: May be empty.
    """

    channel: str
    text: str


@dataclass(slots=True)
class Spoken:
    """All that a choice has said so far.

    Attributes:
        texts: By channel, the pieces in order.
        unreadable: Why a part of it cannot be judged; None if all of it can.
    """

    texts: dict[str, list[str]] = field(default_factory=dict)
    unreadable: str | None = None

    def add(self, said: Said) -> None:
        """Put a piece behind what its channel has said."""
        self.texts.setdefault(said.channel, []).append(said.text)

    def text(self, channel: str) -> str:
        """The text of a channel that can be shown, so far."""
        return "".join(self.texts.get(channel, ()))

    @property
    def others(self) -> str:
        """All texts of the other channels, as one. The order is that of their places, not of their coming."""
        places = sorted(self.texts.keys() - set(SHOWN_CHANNELS))
        return "\n".join(text for place in places if (text := "".join(self.texts[place])).strip())


def unreadable_in(choice: JSONObject) -> str | None:
    """Why a part of a choice cannot be judged; None if all of it can."""
    for key, value in _holder(choice).items():
        if key in _UNREADABLE and value:
            return f"The answer holds {key}, which no detector here can judge."
        if key == "tool_calls" or isinstance(value, str):
            continue  # what the model writes is text, whatever it looks like
        if any(is_embedded(text) for _, text in texts_in(value, keys=False)):
            return "The answer holds a file, which no detector here can judge."
    return None


def said_in(answer: JSONObject, choice: JSONObject, endpoint: Endpoint) -> Iterator[Said]:
    """The texts of a choice, or of a piece of one.

    Args:
        answer: What holds the choice. Its unknown fields count as said by it.
        choice: The choice, with a `message`, a `delta` or a `text`.
        endpoint: Where the answer comes from.
    """
    if endpoint == "completions":
        yield from _field(CONTENT, choice.get("text"))
    for key, value in _holder(choice).items():
        if key == "tool_calls" and isinstance(value, list):
            for number, call in enumerate(value):
                # In a stream, the number that a piece belongs to stands inside it.
                place = call.get("index", number) if isinstance(call, dict) else number
                yield from _inside(call, f"tool_calls[{place}]")
        elif key in SHOWN_CHANNELS:
            yield from _field(key, value)
        elif key != "role":
            yield from _inside(value, key)
    for key, value in choice.items():
        if key not in _PROTOCOL:
            yield from _inside(value, f"choice.{key}")
    for key, value in answer.items():
        if key not in _HEAD:
            yield from _inside(value, f"answer.{key}")


def _holder(choice: JSONObject) -> JSONObject:
    held: Any = choice.get("message", choice.get("delta"))
    return held if isinstance(held, dict) else {}


def _field(channel: str, value: Any) -> Iterator[Said]:
    """A channel that can be shown, if it is a text; parts in its place are another text."""
    if isinstance(value, str):
        yield Said(channel, value)
    else:
        yield from _inside(value, f"{channel} parts")


def _inside(value: Any, place: str) -> Iterator[Said]:
    for inside, text in texts_in(value, place, keys=False):
        yield Said(inside, text)
