"""An answer that came whole: read, judged choice by choice, and written again where it has to be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from levelhead.guard.gateway._choice import ChoiceDecider, ChoiceOutcome
from levelhead.guard.gateway._extension import Extension
from levelhead.guard.gateway._requests import Endpoint
from levelhead.guard.gateway._spoken import Spoken, said_in, unreadable_in
from levelhead.guard.gateway._strict_json import JSONObject, NotStrictJSONError, parse_object
from levelhead.guard.gateway._telemetry import Span
from levelhead.guard.gateway._upstream_errors import error_of_answer, invalid_answer

MAX_CHOICES = 128
"""Choices that an answer may hold, whatever was asked for."""


class WholeAnswer:
    """An answer of the upstream.

    Args:
        raw: Its body.
        endpoint: What was asked.

    Raises:
        RequestError: If it is no such answer.
    """

    def __init__(self, raw: bytes, endpoint: Endpoint) -> None:
        self._raw, self._endpoint = raw, endpoint
        self._fields = _parsed(raw)
        self._choices = _choices(self._fields)
        for choice in self._choices:
            if endpoint == "chat/completions" and not isinstance(choice.get("message"), dict):
                raise invalid_answer("a choice has no message")

    def tell(self, call: Span) -> None:
        """Tell a trace what kind of answer it is."""
        tell_answer(call, self._fields, [str(one.get("finish_reason")) for one in self._choices])

    def text(self, place: int) -> str:
        """The answer itself of a choice of a chat; "" if it is no text, or not all that the choice says."""
        message = self._choices[place].get("message", {})
        content = message.get("content")
        return content if isinstance(content, str) and not message.get("tool_calls") else ""

    async def decide(self, decider: ChoiceDecider) -> list[ChoiceOutcome]:
        """Decide about every choice."""
        if len(self._choices) == 1:
            return [await self._decide(decider, 0)]
        places = range(len(self._choices))
        return list(await asyncio.gather(*(self._decide(decider, place) for place in places)))

    def written(self, outcomes: Sequence[ChoiceOutcome], extension: Extension) -> bytes:
        """The body for the client.

        If every choice goes out as it is, that is the one that came, byte for byte but for the field of ours.
        """
        if all(one.text is None and not _caveat(one) for one in outcomes):
            return extension.splice(self._raw.decode("utf-8"), self._fields, outcomes).encode("utf-8")
        choices = [
            _changed(choice, one) if one.text is None else replaced(choice, one.text, self._endpoint)
            for choice, one in zip(self._choices, outcomes, strict=True)
        ]
        return extension.encoded({**self._fields, "choices": choices}, outcomes)

    async def _decide(self, decider: ChoiceDecider, place: int) -> ChoiceOutcome:
        choice = self._choices[place]
        spoken = Spoken(unreadable=unreadable_in(choice))
        for said in said_in(self._fields if place == 0 else {}, choice, self._endpoint):
            spoken.add(said)
        index = choice.get("index")
        return await decider.decide(index if isinstance(index, int) else place, spoken)


def _caveat(outcome: ChoiceOutcome) -> bool:
    return outcome.sureness is not None and outcome.sureness.text is not None


def _changed(choice: JSONObject, outcome: ChoiceOutcome) -> JSONObject:
    """A choice that passed, with what comes of the model's being unsure."""
    if outcome.sureness is None or not _caveat(outcome):
        return choice
    message = {**choice["message"], "content": outcome.sureness.put_to(choice["message"]["content"])}
    return {**choice, "message": message, "logprobs": None}


def tell_answer(call: Span, fields: JSONObject, finish_reasons: Sequence[str]) -> None:
    """Tell a trace of an answer, by the fields of the protocol that are what they should be.

    Args:
        call: The call of the model.
        fields: What stands beside the choices.
        finish_reasons: Of each choice.
    """
    usage = fields.get("usage")
    tokens: JSONObject = usage if isinstance(usage, dict) else {}
    model, number = fields.get("model"), fields.get("id")
    asked, answered = tokens.get("prompt_tokens"), tokens.get("completion_tokens")
    call.answered(
        model=model if isinstance(model, str) else None,
        response_id=number if isinstance(number, str) else None,
        finish_reasons=finish_reasons,
        input_tokens=asked if isinstance(asked, int) else None,
        output_tokens=answered if isinstance(answered, int) else None,
    )


def replaced(choice: JSONObject, text: str, endpoint: Endpoint) -> JSONObject:
    """A choice that says another text, and nothing else: tokens and tools of the old one are gone."""
    head = {"index": choice.get("index", 0), "finish_reason": "content_filter", "logprobs": None}
    if endpoint == "completions":
        return {**head, "text": text}
    return {**head, "message": {"role": "assistant", "content": text, "refusal": None}}


def refusal_of(endpoint: Endpoint, model: str, text: str, *, request_id: str, created: int) -> JSONObject:
    """An answer that the gateway gives itself, since the request did not go on to the model."""
    chat = endpoint == "chat/completions"
    return {
        "id": f"{'chatcmpl' if chat else 'cmpl'}-{request_id}",
        "object": "chat.completion" if chat else "text_completion",
        "created": created,
        "model": model,
        "choices": [replaced({"index": 0}, text, endpoint)],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }


def _parsed(raw: bytes) -> JSONObject:
    try:
        return parse_object(raw)
    except NotStrictJSONError as error:
        raise invalid_answer(str(error)) from error


def _choices(fields: JSONObject) -> list[JSONObject]:
    if fields.get("error"):
        raise error_of_answer(500, {}, b"")
    choices = fields.get("choices")
    if not isinstance(choices, list) or not choices:
        raise invalid_answer("it has no choices")
    if len(choices) > MAX_CHOICES or not all(isinstance(one, dict) for one in choices):
        raise invalid_answer("its choices are none")
    return choices
