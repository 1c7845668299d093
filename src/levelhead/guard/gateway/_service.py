"""One request from its bytes to its answer: understood, judged, asked, judged again, answered.

This module holds the order of work and nothing else; every step stands in a module of its own.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from functools import partial

from levelhead.guard.gateway._answer import WholeAnswer, refusal_of
from levelhead.guard.gateway._batcher import QueueFullError
from levelhead.guard.gateway._choice import ChoiceDecider, ChoiceOutcome
from levelhead.guard.gateway._config import GatewayConfig
from levelhead.guard.gateway._decide import Decider
from levelhead.guard.gateway._decision import Decision
from levelhead.guard.gateway._extension import Extension
from levelhead.guard.gateway._gate import Admitted
from levelhead.guard.gateway._honesty_rail import HonestyRail
from levelhead.guard.gateway._input_rail import InputRail
from levelhead.guard.gateway._media import MediaGate
from levelhead.guard.gateway._picture import Picture
from levelhead.guard.gateway._recorder import Recorder, RequestFacts
from levelhead.guard.gateway._refusal import MediaRefused
from levelhead.guard.gateway._refused_stream import refused_events
from levelhead.guard.gateway._request_error import RequestError, busy
from levelhead.guard.gateway._requests import AskedRequest, Endpoint, read_request
from levelhead.guard.gateway._responses import Reply, send_events, send_json
from levelhead.guard.gateway._stream import GuardedStream
from levelhead.guard.gateway._telemetry import Operation, Span, Telemetry
from levelhead.guard.gateway._upstream import Upstream
from levelhead.guard.gateway._upstream_errors import invalid_answer


@dataclass(frozen=True, slots=True)
class _Conversation:
    """A request on its way, with what its answer is judged and told with."""

    asked: AskedRequest
    facts: RequestFacts
    span: Span
    reply: Reply
    extension: Extension
    seen: str | None


class Service:
    """Answers requests for completions.

    Args:
        config: All settings.
        decider: Decides about texts.
        upstream: The model server.
        media: The door for pictures.
        recorder: Keeps what was decided.
        telemetry: Makes traces.
    """

    def __init__(
        self,
        config: GatewayConfig,
        decider: Decider,
        upstream: Upstream,
        media: MediaGate,
        recorder: Recorder,
        telemetry: Telemetry,
    ) -> None:
        self._config, self._decider, self._upstream = config, decider, upstream
        self._media, self._recorder, self._telemetry = media, recorder, telemetry
        self._input = InputRail(config.rails, decider, media)
        self._honesty = HonestyRail(config.honesty, upstream)

    async def answer(self, endpoint: Endpoint, admitted: Admitted, reply: Reply) -> None:
        """Answer one request.

        Raises:
            RequestError: If there is no answer but an error, and nothing has been sent yet.
        """
        self._recorder.check()
        asked = read_request(endpoint, admitted.body, self._config.limits)
        facts = RequestFacts(admitted.request_id, admitted.key_id, asked.model, asked.question)
        with self._telemetry.request(endpoint, admitted.trace) as span:
            with self._timed(span, "media"):
                pictures = await self._pictures(asked)
            with self._timed(span, "input"):
                seen, decisions = await self._judged_input(asked, pictures)
            self._record(facts, span, decisions)
            extension = Extension(self._config.reply, admitted.request_id, decisions)
            talk = _Conversation(asked, facts, span, reply, extension, seen)
            if not all(one.passed for one in decisions):
                await self._refuse(talk)
            elif asked.stream:
                await self._stream(talk, asked.body(pictures))
            else:
                await self._whole(talk, asked.body(pictures))
        self._recorder.took("total", time.perf_counter() - admitted.began)

    async def _pictures(self, asked: AskedRequest) -> list[Picture]:
        slots = asked.found.pictures
        if not slots:
            return []
        try:
            return await self._media.admit_all([slot.reference for slot in slots])
        except MediaRefused as error:
            self._recorder.media_refused(error)
            raise RequestError.of_media(error, place=slots[0].place) from error

    async def _judged_input(
        self, asked: AskedRequest, pictures: Sequence[Picture]
    ) -> tuple[str | None, list[Decision]]:
        try:
            return await self._input.decide(asked.found, pictures, question=asked.question)
        except QueueFullError as error:
            raise busy("Too many texts wait to be judged.") from error

    async def _whole(self, talk: _Conversation, body: bytes) -> None:
        with self._timed(talk.span, "upstream"), self._call(talk) as call:
            raw = await self._upstream.ask(talk.asked.endpoint, body, headers=call.headers())
            answer = WholeAnswer(raw, talk.asked.endpoint)
            answer.tell(call)
        with self._timed(talk.span, "output"):
            outcomes = await answer.decide(self._choice_decider(talk))
        await self._keep(talk, outcomes)
        outcomes = [
            await self._asked_if_sure(talk, one, answer.text(place)) for place, one in enumerate(outcomes)
        ]
        written = answer.written(outcomes, talk.extension)
        await send_json(talk.reply, written, talk.extension.headers(outcomes))

    async def _stream(self, talk: _Conversation, body: bytes) -> None:
        stream = GuardedStream(
            talk.asked.endpoint,
            self._choice_decider(talk),
            talk.extension,
            partial(self._keep, talk),
            partial(self._asked_if_sure, talk),
            stream=self._config.stream,
            upstream=self._config.upstream,
        )
        with self._call(talk) as call:
            async with self._upstream.open(talk.asked.endpoint, body, headers=call.headers()) as opened:
                if opened.media_type != "text/event-stream":
                    raise invalid_answer("it is no stream")
                async with aclosing(stream.events(opened.pieces)) as events:
                    await self._send(talk, events)
                await opened.drain()
            stream.tell(call)
        if stream.error is not None:
            self._recorder.upstream_failed(stream.error)

    async def _refuse(self, talk: _Conversation) -> None:
        """Answer in the place of the model, which does not get the request."""
        asked, refusal = talk.asked, self._decider.refusal
        fields = refusal_of(
            asked.endpoint, asked.model, refusal, request_id=talk.facts.request_id, created=int(time.time())
        )
        await self._recorder.kept()
        if asked.stream:
            await self._send(talk, refused_events(asked.endpoint, fields, refusal, talk.extension))
        else:
            await send_json(talk.reply, talk.extension.encoded(fields), talk.extension.headers())

    async def _send(self, talk: _Conversation, events: AsyncIterator[bytes]) -> None:
        headers, seconds = talk.extension.headers(), self._config.listen.send_seconds
        await send_events(talk.reply, events, headers, seconds=seconds)

    def _choice_decider(self, talk: _Conversation) -> ChoiceDecider:
        return ChoiceDecider(
            self._decider, question=talk.asked.question, seen=talk.seen, on=self._config.rails.output
        )

    async def _asked_if_sure(self, talk: _Conversation, outcome: ChoiceOutcome, text: str) -> ChoiceOutcome:
        if talk.asked.endpoint != "chat/completions":
            return outcome
        return await self._honesty.told(talk.asked.fields, outcome, text, shown=talk.asked.stream)

    async def _keep(self, talk: _Conversation, outcomes: Sequence[ChoiceOutcome]) -> None:
        self._record(talk.facts, talk.span, [one for outcome in outcomes for one in outcome.decisions])
        await self._recorder.kept()

    def _record(self, facts: RequestFacts, span: Span, decisions: Sequence[Decision]) -> None:
        for decision in decisions:
            span.decided(decision)
        self._recorder.decided(facts, decisions)

    @contextmanager
    def _call(self, talk: _Conversation) -> Iterator[Span]:
        """The call of the model: in the trace, and counted where it fails."""
        operation: Operation = "chat" if talk.asked.endpoint == "chat/completions" else "text_completion"
        address, port = self._upstream.address
        with talk.span.upstream(operation, model=talk.asked.model, address=address, port=port) as call:
            try:
                yield call
            except RequestError as error:
                call.failed(error.code)
                self._recorder.upstream_failed(error)
                raise

    @contextmanager
    def _timed(self, span: Span, stage: str) -> Iterator[None]:
        """A stage, in the trace and in the metrics."""
        began = time.perf_counter()
        with span.stage(stage):
            yield
        self._recorder.took(stage, time.perf_counter() - began)
