"""Any OpenAI-compatible server as a model: vLLM, llama.cpp, Ollama, OpenAI and their like.

The face is a plain iterator; inside, a bounded number of requests run at once (`_openai_pool.py`). What the
errors of a server mean stands in `_openai_endpoint.py`, the form of requests and answers in
`_openai_chat.py`, the scoring of given answers in `_openai_score.py`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from levelhead.errors import MissingExtraError, ModelError, UsageError
from levelhead.models._model import Model, Sampling, check_pairs
from levelhead.models._openai_chat import Dialect, check_askable, read_replies, request
from levelhead.models._openai_pool import DoubtfulError, ask_each, iterate, run
from levelhead.records import JSONValue, Prompt, Reply, Score

if TYPE_CHECKING:
    import openai

    from levelhead.models._openai_endpoint import Endpoint
    from levelhead.models._openai_score import Scorer

T = TypeVar("T")

TIMEOUT_SECONDS = 300.0
"""Longest wait for one answer. Slow servers queue requests, so it is long."""

_NAME = re.compile(r"openai:(?P<model>.+)@(?P<url>https?://[^/\s]\S*)")
_URL = re.compile(r"https?://[^/\s,]\S*")


class OpenAIModel(Model):
    """A model behind an OpenAI-compatible server.

    Args:
        name: What stands in reports.
        endpoint: Where the model is served.
        concurrency: Requests under way at once.

    Raises:
        ModelError: If the server does not answer, refuses the key, or is no such server.
    """

    # Only the server knows whether the model sees. A refused picture is a failed row; an error if all are.
    sees = True

    def __init__(self, name: str, endpoint: Endpoint, *, concurrency: int = 16) -> None:
        if concurrency < 1:
            raise UsageError(f"concurrency is {concurrency}; it must be at least 1.")
        self.name = name
        self._endpoint = endpoint
        self._concurrency = concurrency
        self._dialect = Dialect()
        self._scorer: Scorer | None = None
        self._scorer_sought = False
        self._facts = run(self._ask_facts)
        # Not of all urls: a run goes on when servers of the same model are added or taken away.
        identity = {"url": endpoint.url, "model": endpoint.model, "facts": self._facts}
        self.fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    @classmethod
    def from_name(
        cls,
        name: str,
        *,
        concurrency: int = 16,
        timeout: float = TIMEOUT_SECONDS,
        api_key: str | None = None,
    ) -> OpenAIModel:
        """Connect to the model that a name of the form `openai:<model>@<base url>` says.

        Args:
            name: As in `openai:qwen2.5-vl@http://127.0.0.1:8000/v1`.
            concurrency: Requests under way at once.
            timeout: Longest wait for one answer, in seconds.
            api_key: The key; None takes OPENAI_API_KEY, or a placeholder for servers that need none.

        Raises:
            UsageError: If the name has another form.
            MissingExtraError: If the `openai` SDK is not installed.
            ModelError: If the server does not answer, refuses the key, or is no such server.
        """
        return cls(name, find_endpoint(name, timeout=timeout, api_key=api_key), concurrency=concurrency)

    @property
    def details(self) -> Mapping[str, JSONValue]:
        """Server, client and what the server said of the model. The key is not among them."""
        import openai

        return {
            "base_url": ",".join((self._endpoint.url, *self._endpoint.others)),
            "served_model": self._endpoint.model,
            "server_says": json.dumps(self._facts, sort_keys=True),
            "concurrency": self._concurrency,
            "timeout_seconds": self._endpoint.timeout,
            "openai": openai.__version__,
        }

    @property
    def can_score(self) -> bool:
        """Whether the server tells log-probabilities of given text. Asks the server once.

        Raises:
            ModelError: If the server does not answer.
        """
        if not self._scorer_sought:
            self._scorer = run(self._find_scorer)
            self._scorer_sought = True
        return self._scorer is not None

    def iter_generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        check_askable(prompts)
        return self._ask_each(
            lambda client, index: self._answer(client, prompts[index], sampling),
            prompts,
            failed=lambda why: [Reply.failed(why)] * sampling.n,
        )

    def iter_score(
        self, prompts: Sequence[Prompt], continuations: Sequence[str]
    ) -> Iterator[list[tuple[int, Score]]]:
        check_pairs(prompts, continuations)
        if not self.can_score or (scorer := self._scorer) is None:
            return super().iter_score(prompts, continuations)
        scorer.check(prompts)
        return self._ask_each(
            lambda client, index: scorer.score(client, prompts[index], continuations[index]),
            prompts,
            failed=lambda why: Score((), why),
        )

    def _ask_each(
        self,
        ask: Callable[[openai.AsyncOpenAI, int], Awaitable[T]],
        prompts: Sequence[Prompt],
        *,
        failed: Callable[[str], T],
    ) -> Iterator[list[tuple[int, T]]]:
        async def produce(emit: Callable[[tuple[int, T]], None]) -> None:
            async with self._endpoint.connect() as client:
                await ask_each(
                    lambda index: ask(client, index),
                    kinds=[bool(prompt.images) for prompt in prompts],
                    concurrency=self._concurrency,
                    failed=failed,
                    give_up=self._give_up,
                    emit=emit,
                )

        return iterate(produce)

    async def _answer(self, client: openai.AsyncOpenAI, prompt: Prompt, sampling: Sampling) -> list[Reply]:
        """Ask until there are as many replies as wanted: some servers ignore `n`."""
        # Pictures are decoded and encoded outside the loop, so that other requests go on.
        path, body = await asyncio.to_thread(request, self._endpoint.model, prompt, sampling)
        replies: list[Reply] = []
        while len(replies) < sampling.n:
            # The same seed would draw the same replies again.
            rest = {"seed": sampling.seed + len(replies)}
            if sampling.n > 1:
                rest["n"] = sampling.n - len(replies)
            answer = await self._post(client, path, body | rest)
            try:
                replies += read_replies(answer, sampling)
            except ValueError as error:
                raise self._endpoint.strange(answer) from error
        return replies[: sampling.n]

    async def _post(self, client: openai.AsyncOpenAI, path: str, body: dict[str, Any]) -> object:
        """Send a request, without what the server has refused before; learn what it refuses now."""
        import openai

        from levelhead.models._openai_endpoint import refuses_a_parameter

        while True:
            spoken = self._dialect.speak(body)
            try:
                return await self._endpoint.post(client, path, spoken)
            except openai.APIStatusError as error:
                said = str(error.body or error)
                if not (refuses_a_parameter(error) and self._dialect.learn(said, spoken)):
                    await self._endpoint.explain(client, error)

    def _give_up(self, error: DoubtfulError, with_pictures: bool) -> ModelError:
        if not with_pictures:
            return ModelError(f"The model {self.name} does not answer. {error}")
        return ModelError(
            f"The model {self.name} does not answer prompts with pictures. {error} If it cannot see, "
            f"append +ocr to let it read the text in pictures ({self.name}+ocr), or serve a model that does."
        )

    async def _ask_facts(self) -> dict[str, Any]:
        found = []
        for one in self._endpoint.each:
            async with one.connect() as client:
                found.append(stable_facts(await one.list_models(client), one.model))
            if found[-1] != found[0]:
                raise UsageError(
                    f"The servers at {self._endpoint.url} and {one.url} do not serve the same model: "
                    f"{found[0] or 'nothing known'} and {found[-1] or 'nothing known'}. Give servers of one."
                )
        return found[0]

    async def _find_scorer(self) -> Scorer | None:
        from levelhead.models._openai_score import find_scorer

        async with self._endpoint.connect() as client:
            try:
                return await find_scorer(self._endpoint, client)
            except DoubtfulError as error:
                raise self._give_up(error, False) from error


def find_endpoint(name: str, *, timeout: float = TIMEOUT_SECONDS, api_key: str | None = None) -> Endpoint:
    """The server that a name of the form `openai:<model>@<base url>` says. Nothing is sent to it.

    Several base urls with commas between them are servers of one model.

    Args:
        name: As in `openai:qwen2.5-vl@http://127.0.0.1:8000/v1,http://127.0.0.1:8001/v1`.
        timeout: Longest wait for one answer, in seconds.
        api_key: The key; None takes OPENAI_API_KEY, or a placeholder for servers that need none.

    Raises:
        UsageError: If the name has another form.
        MissingExtraError: If the `openai` SDK is not installed.
    """
    found = _NAME.fullmatch(name)
    urls = [] if found is None else [url.rstrip("/") for url in found["url"].split(",")]
    if found is None or not all(_URL.fullmatch(url) for url in urls):
        raise UsageError(
            f"The name {name!r} does not say which model is asked where. Write "
            "openai:<model>@<base url>, as in openai:qwen2.5-vl@http://127.0.0.1:8000/v1; further base urls "
            "of servers of the same model follow with commas"
        )
    if len(set(urls)) < len(urls):
        raise UsageError(f"The name {name!r} names a server twice. Give each once.")
    try:
        from levelhead.models._openai_endpoint import Endpoint
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "OpenAI-compatible servers", extra="openai", module=error.name or "openai"
        ) from error
    key = api_key or os.environ.get("OPENAI_API_KEY") or "none"
    return Endpoint(urls[0], found["model"], key, timeout, tuple(urls[1:]))


def stable_facts(listed: Sequence[Mapping[str, Any]], model: str) -> dict[str, Any]:
    """What a server's list says of a model that stays the same as long as its weights do.

    `created` is left out: for vLLM and llama.cpp it is the time of the request. A server of a single model
    takes any name for it.
    """
    named = [entry for entry in listed if entry["id"] == model] or (listed if len(listed) == 1 else [])
    if not named:
        return {}
    facts = {key: named[0][key] for key in ("id", "root", "owned_by") if key in named[0]}
    meta = named[0].get("meta")
    if isinstance(meta, dict):  # llama.cpp; n_ctx is a setting of the server
        facts["meta"] = {key: value for key, value in meta.items() if key != "n_ctx"}
    return facts
