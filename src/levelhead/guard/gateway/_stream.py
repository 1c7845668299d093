"""A streamed answer: held back, judged as it grows, let go in order, and always ended in order.

An event goes out when all it says has been judged harmless. A part that is flagged goes no further, but the
model is heard to its end: the verdict is that of the whole text, the same as if it had not been streamed,
however it was cut into pieces. What was not shown by then is rewritten or refused. A stream that the upstream
breaks off ends with an error, never as if the model had come to its end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any

from levelhead.guard.gateway._answer import MAX_CHOICES, tell_answer
from levelhead.guard.gateway._choice import ChoiceDecider, ChoiceOutcome
from levelhead.guard.gateway._config import StreamSettings, UpstreamSettings
from levelhead.guard.gateway._extension import Extension
from levelhead.guard.gateway._held_choice import HeldChoice
from levelhead.guard.gateway._request_error import RequestError
from levelhead.guard.gateway._requests import Endpoint
from levelhead.guard.gateway._spoken import Said, said_in, unreadable_in
from levelhead.guard.gateway._sse import DONE, BrokenEventsError, EventReader, event
from levelhead.guard.gateway._strict_json import JSONObject, NotStrictJSONError, parse_object
from levelhead.guard.gateway._telemetry import Span
from levelhead.guard.gateway._upstream_errors import error_of_answer, invalid_answer


class GuardedStream:
    """One streamed answer on its way through the guard.

    Args:
        endpoint: What was asked.
        decider: Decides about choices.
        extension: What clients are told.
        keep: Called with what was decided before the end of the answer goes out. If it raises a RequestError,
            the end does not go out.
        sureness: Asks the model about an answer that was let through.
        stream: How texts are held back.
        upstream: How large an event may be.

    Attributes:
        outcomes: What was decided, once the stream has ended.
        error: Why the stream did not end as it should; None if it did.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        decider: ChoiceDecider,
        extension: Extension,
        keep: Callable[[Sequence[ChoiceOutcome]], Awaitable[None]],
        sureness: Callable[[ChoiceOutcome, str], Awaitable[ChoiceOutcome]],
        *,
        stream: StreamSettings,
        upstream: UpstreamSettings,
    ) -> None:
        self.outcomes: list[ChoiceOutcome] = []
        self.error: RequestError | None = None
        self._endpoint, self._decider, self._extension = endpoint, decider, extension
        self._keep, self._sureness = keep, sureness
        self._settings = stream
        self._reader = EventReader(max_event_bytes=upstream.max_event_bytes)
        self._choices: dict[int, HeldChoice] = {}
        self._head: JSONObject = {}
        self._usage: Any = None
        self._finish_reasons: list[str] = []
        self._tail: list[str] = []
        self._tail_says: list[Said] = []
        self._done = False

    async def events(self, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        """The events for the client.

        Args:
            pieces: The body of the upstream's answer. What goes wrong with it ends the stream in order.
        """
        try:
            async with aclosing(self._while_open(pieces)) as ready:
                async for out in ready:
                    yield out
        except RequestError as error:
            self.error = error
        except BrokenEventsError as error:
            self.error = invalid_answer(str(error))
        async for out in self._ending():
            yield out
        yield event(DONE)

    def tell(self, call: Span) -> None:
        """Tell a trace what kind of answer it was."""
        tell_answer(call, {**self._head, "usage": self._usage}, self._finish_reasons)
        if self.error is not None:
            call.failed(self.error.code)

    async def _while_open(self, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        async for piece in pieces:
            for data in self._reader.feed(piece):
                self._take(data)
                if self._done:  # whatever stands behind it is no part of the answer
                    return
            if out := await self._released():
                yield out
        if (unended := self._reader.finish()) is not None:
            self._take(unended)

    def _take(self, data: str) -> None:
        """Take in one event of the upstream."""
        if data.strip() == DONE:
            self._done = True
            return
        fields = _parsed(data)
        choices = _choices(fields)
        self._head = self._head or {
            key: fields[key] for key in ("id", "object", "created", "model") if key in fields
        }
        self._usage = fields.get("usage") or self._usage
        self._finish_reasons += [str(one["finish_reason"]) for one in choices if one.get("finish_reason")]
        if not choices:
            self._tail.append(data)
            self._tail_says += said_in(fields, {}, self._endpoint)
        for place, choice in enumerate(choices):
            held = self._held(choice)
            said = list(said_in(fields if place == 0 else {}, choice, self._endpoint))
            held.spoken.unreadable = held.spoken.unreadable or unreadable_in(choice)
            alone = data if len(choices) == 1 else _alone(fields, choice, first=place == 0)
            held.add(alone, said, last=choice.get("finish_reason") is not None)

    def _held(self, choice: JSONObject) -> HeldChoice:
        index = choice.get("index", 0)
        if type(index) is not int or not 0 <= index < MAX_CHOICES:
            raise invalid_answer("a choice has no proper index")
        if index not in self._choices:
            self._choices[index] = HeldChoice(index, self._settings)
        return self._choices[index]

    async def _released(self) -> bytes:
        """Judge what has come, and the events that may go out then."""
        for held in self._choices.values():
            for channel, cut in held.cuts():
                if await self._decider.harmless(cut.text):
                    held.allow(channel, cut)
        return b"".join(event(data) for held in self._choices.values() for data in held.ready())

    async def _decide(self, held_choices: Sequence[HeldChoice]) -> None:
        for said in self._tail_says if held_choices else ():
            held_choices[0].spoken.add(said)
        self.outcomes = list(
            await asyncio.gather(
                *(self._decider.decide(one.index, one.spoken, released=one.allowed) for one in held_choices)
            )
        )
        await self._keep(self.outcomes)
        self.outcomes = [
            await self._sureness(one, held.answer)
            for held, one in zip(held_choices, self.outcomes, strict=True)
        ]

    async def _ending(self) -> AsyncIterator[bytes]:
        """Decide about each choice, and end it; then what belongs to all, and what went wrong."""
        held_choices = [self._choices[index] for index in sorted(self._choices)]
        try:
            await self._decide(held_choices)
        except RequestError as error:
            self.error = error
            yield event(json.dumps(error.envelope))
            return
        broken_off = not held_choices
        for held, outcome in zip(held_choices, self.outcomes, strict=True):
            whole = held.finished or (self._done and self.error is None)
            broken_off = broken_off or (outcome.text is None and not whole)
            yield b"".join(event(data) for data in self._end_of(held, outcome, whole))
        if broken_off:
            self.error = self.error or invalid_answer("it was broken off")
            yield event(json.dumps(self._extension.put(self.error.envelope, self.outcomes)))
        elif held_choices and self.outcomes[0].text is None:
            yield b"".join(event(data) for data in self._tail)

    def _end_of(self, held: HeldChoice, outcome: ChoiceOutcome, whole: bool) -> Iterator[str]:
        """The last events of a choice: its own, or those that put another text in their place."""
        if outcome.text is not None:
            yield from self._replacing(held, outcome, outcome.text)
            return
        for data, last in held.rest():
            # What is told of a choice that did not end stands in the error that follows.
            if not last or not whole:
                yield data
            elif outcome.sureness is not None and outcome.sureness.text is not None:
                yield from self._with_caveat(held, outcome, data, outcome.sureness.text)
            else:
                yield self._extension.splice(data, _parsed(data), [outcome])

    def _with_caveat(self, held: HeldChoice, outcome: ChoiceOutcome, last: str, caveat: str) -> Iterator[str]:
        """The last event without its end, the caveat, and the end."""
        fields = _parsed(last)
        choice = fields["choices"][0]
        yield json.dumps({**fields, "choices": [{**choice, "finish_reason": None}]}, ensure_ascii=False)
        yield json.dumps(self._chunk(held.index, {"content": f"\n\n{caveat}"}, None))
        end = self._chunk(held.index, {}, choice.get("finish_reason"))
        yield json.dumps(self._extension.put(end, [outcome]))

    def _replacing(self, held: HeldChoice, outcome: ChoiceOutcome, text: str) -> Iterator[str]:
        """What was not shown yet of the text, and an end that says why."""
        said: JSONObject = {"content": text[len(held.released) :]}
        if not held.begun:
            said = {"role": "assistant", **said}
        yield json.dumps(self._chunk(held.index, said, None))
        yield json.dumps(self._extension.put(self._chunk(held.index, {}, "content_filter"), [outcome]))

    def _chunk(self, index: int, said: JSONObject, finish_reason: str | None) -> JSONObject:
        choice: dict[str, Any] = {"index": index, "finish_reason": finish_reason, "logprobs": None}
        if self._endpoint == "completions":
            choice["text"] = said.get("content", "")
        else:
            choice["delta"] = said
        return {**self._head, "choices": [choice]}


def _parsed(data: str) -> JSONObject:
    try:
        return parse_object(data)
    except NotStrictJSONError as error:
        raise invalid_answer(f"an event is broken, {error}") from error


def _choices(fields: JSONObject) -> list[JSONObject]:
    if fields.get("error"):
        raise error_of_answer(500, {}, b"")
    choices = fields.get("choices")
    if not isinstance(choices, list) or not all(isinstance(one, dict) for one in choices):
        raise invalid_answer("an event has no choices")
    return choices


def _alone(fields: JSONObject, choice: JSONObject, *, first: bool) -> str:
    """An event of one choice, made of one that holds several; what belongs to all stays with the first."""
    shared = fields if first else {key: value for key, value in fields.items() if key != "usage"}
    return json.dumps({**shared, "choices": [choice]}, ensure_ascii=False)
