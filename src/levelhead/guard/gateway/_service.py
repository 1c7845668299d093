"""One request from its bytes to its answer: understood, judged, asked, judged again, answered.

This module holds the order of work and nothing else; every step stands in a module of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import aclosing
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
from levelhead.guard.gateway._upstream import Upstream
from levelhead.guard.gateway._upstream_errors import invalid_answer


@dataclass(frozen=True, slots=True)
class _Conversation:
    """A request that may go on to the model, and what its answer is judged and told with."""

    asked: AskedRequest
    facts: RequestFacts
    body: bytes
    decider: ChoiceDecider
    extension: Extension


class Service:
    """Answers requests for completions.

    Args:
        config: All settings.
        decider: Decides about texts.
        upstream: The model server.
        media: The door for pictures.
        recorder: Keeps what was decided.
    """

    def __init__(
        self,
        config: GatewayConfig,
        decider: Decider,
        upstream: Upstream,
        media: MediaGate,
        recorder: Recorder,
    ) -> None:
        self._config, self._decider, self._upstream = config, decider, upstream
        self._media, self._recorder = media, recorder
        self._input = InputRail(config.rails, decider, media)

    async def answer(self, endpoint: Endpoint, admitted: Admitted, reply: Reply) -> None:
        """Answer one request.

        Raises:
            RequestError: If there is no answer but an error, and nothing has been sent yet.
        """
        self._recorder.check()
        asked = read_request(endpoint, admitted.body, self._config.limits)
        facts = RequestFacts(admitted.request_id, admitted.key_id, asked.model, asked.question)
        pictures = await self._pictures(asked)
        began = time.perf_counter()
        seen, decisions = await self._judged_input(asked, pictures)
        self._recorder.took("input", time.perf_counter() - began)
        self._recorder.decided(facts, decisions)
        extension = Extension(self._config.reply, admitted.request_id, decisions)
        if not all(one.passed for one in decisions):
            await self._refuse(asked, facts, extension, reply)
            return
        decider = ChoiceDecider(
            self._decider, question=asked.question, seen=seen, on=self._config.rails.output
        )
        talk = _Conversation(asked, facts, asked.body(pictures), decider, extension)
        await (self._stream(talk, reply) if asked.stream else self._whole(talk, reply))
        self._recorder.took("total", time.perf_counter() - admitted.began)

    async def _pictures(self, asked: AskedRequest) -> list[Picture]:
        slots = asked.found.pictures
        if not slots:
            return []
        began = time.perf_counter()
        try:
            return await self._media.admit_all([slot.reference for slot in slots])
        except MediaRefused as error:
            self._recorder.media_refused(error)
            raise RequestError.of_media(error, place=slots[0].place) from error
        finally:
            self._recorder.took("media", time.perf_counter() - began)

    async def _judged_input(
        self, asked: AskedRequest, pictures: Sequence[Picture]
    ) -> tuple[str | None, list[Decision]]:
        try:
            return await self._input.decide(asked.found, pictures)
        except QueueFullError as error:
            raise busy("Too many texts wait to be judged.") from error

    async def _whole(self, talk: _Conversation, reply: Reply) -> None:
        began = time.perf_counter()
        try:
            raw = await self._upstream.ask(talk.asked.endpoint, talk.body)
            answer = WholeAnswer(raw, talk.asked.endpoint)
        except RequestError as error:
            self._recorder.upstream_failed(error)
            raise
        self._recorder.took("upstream", time.perf_counter() - began)
        outcomes = await self._decided(answer, talk)
        body = answer.written(outcomes, talk.extension)
        await send_json(reply, body, talk.extension.headers(outcomes))

    async def _decided(self, answer: WholeAnswer, talk: _Conversation) -> list[ChoiceOutcome]:
        began = time.perf_counter()
        outcomes = await answer.decide(talk.decider)
        self._recorder.took("output", time.perf_counter() - began)
        await self._keep(talk.facts, outcomes)
        return outcomes

    async def _keep(self, facts: RequestFacts, outcomes: Sequence[ChoiceOutcome]) -> None:
        self._recorder.decided(facts, [one for outcome in outcomes for one in outcome.decisions])
        await self._recorder.kept()

    async def _stream(self, talk: _Conversation, reply: Reply) -> None:
        stream = GuardedStream(
            talk.asked.endpoint,
            talk.decider,
            talk.extension,
            partial(self._keep, talk.facts),
            stream=self._config.stream,
            upstream=self._config.upstream,
        )
        try:
            async with self._upstream.open(talk.asked.endpoint, talk.body) as opened:
                if opened.media_type != "text/event-stream":
                    raise invalid_answer("it is no stream")
                async with aclosing(stream.events(opened.pieces)) as events:
                    await send_events(
                        reply, events, talk.extension.headers(), seconds=self._config.listen.send_seconds
                    )
        except RequestError as error:
            self._recorder.upstream_failed(error)
            raise
        if stream.error is not None:
            self._recorder.upstream_failed(stream.error)

    async def _refuse(
        self, asked: AskedRequest, facts: RequestFacts, extension: Extension, reply: Reply
    ) -> None:
        """Answer in the place of the model, which does not get the request."""
        fields = refusal_of(
            asked.endpoint,
            asked.model,
            self._decider.refusal,
            request_id=facts.request_id,
            created=int(time.time()),
        )
        await self._recorder.kept()
        if not asked.stream:
            await send_json(reply, extension.encoded(fields), extension.headers())
            return
        events = refused_events(asked.endpoint, fields, self._decider.refusal, extension)
        await send_events(reply, events, extension.headers(), seconds=self._config.listen.send_seconds)
