"""An OpenAI-compatible server: its address, its key, a JSON request, and what its errors mean.

Retries are those of the `openai` SDK: at most `_RETRIES`, on 408, 409, 429, 5xx and lost connections, with
exponential backoff and jitter; a Retry-After of up to two minutes is waited for, a longer one is not retried.
This module knows nothing about prompts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import openai

from levelhead.errors import ModelError
from levelhead.models._openai_balance import Balance
from levelhead.models._openai_pool import DoubtfulError, RowRefusedError

_RETRIES = 4
_PROBE_RETRIES = 2
_PROBE_SECONDS = 20.0
"""Longest wait for an answer about the server itself, which needs no computing."""
_CONNECT_SECONDS = 10.0

_ABSENT = frozenset({400, 404, 405, 415, 422, 500, 501})
"""Statuses with which servers answer a request of a kind they do not know."""

_TOO_LONG = re.compile(
    r"context.?(length|window|size)|maximum model length|reduce the length|(prompt|input).{0,40}too long",
    re.I,
)
_ABOUT_PICTURES = re.compile(r"image|multimodal|vision", re.I)
_AGAINST_POLICY = re.compile(r"content.?(policy|filter|management)|moderation|flagged|safety system", re.I)


@dataclass(frozen=True)
class Endpoint:
    """Where a model is served.

    Attributes:
        url: Base url without a slash at its end, as in `http://127.0.0.1:8000/v1`.
        model: The model's name on this server.
        key: The API key.
        timeout: Longest wait for one answer, in seconds.
        others: Further base urls of servers of the same model.
        balance: Shares requests out among all of them; None if there are no others.
    """

    url: str
    model: str
    key: str = field(repr=False)
    timeout: float
    others: tuple[str, ...] = ()
    balance: Balance | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.others:
            balance = Balance((self.url, *self.others), rounds=_RETRIES + 1)
            object.__setattr__(self, "balance", balance)  # how servers fare outlives one call

    @property
    def each(self) -> list[Endpoint]:
        """Every server by itself."""
        return [replace(self, url=url, others=()) for url in (self.url, *self.others)]

    @property
    def root(self) -> str:
        """The url under which servers put what is not part of the OpenAI protocol."""
        return self.url.removesuffix("/v1")

    def connect(self) -> openai.AsyncOpenAI:
        """A client, to be used and closed inside one event loop."""
        timeout = openai.Timeout(self.timeout, connect=min(_CONNECT_SECONDS, self.timeout))
        return openai.AsyncOpenAI(base_url=self.url, api_key=self.key, timeout=timeout, max_retries=_RETRIES)

    async def post(self, client: openai.AsyncOpenAI, path: str, body: Mapping[str, object]) -> object:
        """Send JSON and return the JSON of the answer.

        Args:
            client: From `connect`.
            path: Relative to the base url (`/completions`), or a whole url.
            body: The request.

        Raises:
            openai.APIStatusError: If the server refuses; `explain` says what that means.
            ModelError: If the server is down or answers something else than JSON.
            DoubtfulError: If no answer comes in time.
        """
        try:
            return self._json(await self._send(client, path, body))
        except openai.APITimeoutError as error:
            raise DoubtfulError(
                f"The server at {self.url} gave no answer within {self.timeout:g} s, asked {_RETRIES + 1} "
                "times. Is it overloaded? Lower the concurrency.",
                outage=True,
            ) from error
        except openai.APIConnectionError as error:
            raise self._down(error) from error
        except ValueError as error:  # a JSON header over something else
            raise self._not_json(str(error)) from error

    async def _send(self, client: openai.AsyncOpenAI, path: str, body: Mapping[str, object]) -> object:
        if self.balance is not None:
            return await self.balance.post(client, path, body)
        return await client.post(path, cast_to=object, body=body)

    async def ask(self, client: openai.AsyncOpenAI, path: str, body: Mapping[str, object]) -> object:
        """Send JSON and return the JSON of the answer, refusals explained.

        Raises:
            ModelError, RowRefusedError, DoubtfulError: As `post` and `explain`.
        """
        try:
            return await self.post(client, path, body)
        except openai.APIStatusError as error:
            await self.explain(client, error)

    async def try_post(
        self, client: openai.AsyncOpenAI, path: str, body: Mapping[str, object]
    ) -> dict[str, Any] | None:
        """Send JSON that the server may not know; None if it does not.

        Raises:
            ModelError: If the server is down or the key is wrong.
            DoubtfulError: If the server breaks down or no answer comes in time.
        """
        try:
            answer = await client.with_options(max_retries=_PROBE_RETRIES).post(
                path, cast_to=object, body=body
            )
        except openai.APIStatusError as error:
            if error.status_code in _ABSENT:
                return None
            await self.explain(client, error)
        except openai.APIConnectionError as error:
            raise self._down(error) from error
        except ValueError:
            return None
        return answer if isinstance(answer, dict) else None

    async def list_models(self, client: openai.AsyncOpenAI) -> list[dict[str, Any]]:
        """What the server says of its models; empty if it does not tell.

        Raises:
            ModelError: If the server is down, refuses the key, or is no such server.
        """
        quick = client.with_options(max_retries=_PROBE_RETRIES, timeout=min(_PROBE_SECONDS, self.timeout))
        try:
            answer = self._json(await quick.get("/models", cast_to=object))
        except openai.APIConnectionError as error:
            raise self._down(error) from error
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise self._wrong_key(error) from error
        except openai.InternalServerError as error:
            raise ModelError(
                f"The server at {self.url} is not ready: {reason(error)}. Wait until it has loaded its model "
                "and try again."
            ) from error
        except openai.APIStatusError:
            return []  # not every server lists its models
        except ValueError as error:
            raise self._not_json(str(error)) from error
        listed = answer.get("data") if isinstance(answer, dict) else answer
        if not isinstance(listed, list):
            raise self._not_json(str(answer))
        return [entry for entry in listed if isinstance(entry, dict) and isinstance(entry.get("id"), str)]

    async def explain(self, client: openai.AsyncOpenAI, error: openai.APIStatusError) -> NoReturn:
        """Raise what a refusal means.

        Raises:
            RowRefusedError: If it is about this row.
            ModelError: If it is about all rows.
            DoubtfulError: If that cannot be told.
        """
        said = reason(error)
        status = error.status_code
        of_the_row = _TOO_LONG.search(said) or _AGAINST_POLICY.search(said) or status == 413
        if of_the_row and status < 500 and status != 429:
            raise RowRefusedError(f"The server refuses this row ({status}): {said}") from error
        if status in (401, 403):
            raise self._wrong_key(error) from error
        if status == 404 and not _ABOUT_PICTURES.search(said):
            raise await self._unknown(client, said) from error
        if status in (402, 429):
            raise ModelError(
                f"The server at {self.url} refuses more requests ({status}): {said}. Check the quota, lower "
                "the concurrency, or start the same command again later."
            ) from error
        outage = status in (408, 409) or status >= 500
        raise DoubtfulError(f"The server answered {status}: {said}", outage=outage) from error

    async def _unknown(self, client: openai.AsyncOpenAI, said: str) -> ModelError:
        names = [entry["id"] for entry in await self.list_models(client)]
        if self.model in names:
            return ModelError(
                f"The server at {self.url} has the model {self.model!r}, but not this kind of request "
                f"(404: {said}). Ask chats where you asked raw prompts, or the other way round."
            )
        advice = (
            f"It serves: {', '.join(names[:20])}."
            if names
            else "Check the model's name and the base url, which usually ends in /v1."
        )
        return ModelError(f"There is no model {self.model!r} at {self.url} (404: {said}). {advice}")

    def _down(self, error: openai.APIConnectionError) -> ModelError:
        why = "no answer in time" if isinstance(error, openai.APITimeoutError) else error.__cause__ or error
        return ModelError(
            f"The server at {self.url} cannot be reached ({why}). Start it, or correct the url."
        )

    def _wrong_key(self, error: openai.APIStatusError) -> ModelError:
        return ModelError(
            f"The server at {self.url} refuses the key ({error.status_code}: {reason(error)}). Set "
            f"OPENAI_API_KEY to a key that may use {self.model!r}."
        )

    def _json(self, answer: object) -> object:
        if isinstance(answer, dict | list):
            return answer
        raise self._not_json(str(answer))

    def _not_json(self, answer: str) -> ModelError:
        return ModelError(
            f"The server at {self.url} does not speak the OpenAI protocol: it answered "
            f"{shorten(answer, 120)!r}. Check the base url, which usually ends in /v1."
        )

    def strange(self, answer: object) -> ModelError | DoubtfulError:
        """The error for JSON of another shape; some servers send a row's error with the status 200."""
        if isinstance(answer, dict) and answer.get("error"):
            return DoubtfulError(
                f"The server answered an error: {shorten(str(answer['error']), 300)}", outage=True
            )
        return self._not_json(str(answer))


def refuses_a_parameter(error: openai.APIStatusError) -> bool:
    """Whether a refusal may be about a parameter of the request and not about its text."""
    return error.status_code in (400, 403, 422) and not _TOO_LONG.search(str(error.body or error))


def reason(error: openai.APIStatusError) -> str:
    """What the server said, in its own words."""
    body = error.body
    if isinstance(body, dict):
        for name in ("message", "detail", "error"):
            if body.get(name):
                return shorten(str(body[name]), 300)
    return shorten(str(body or error.message), 300)


def shorten(text: str, length: int) -> str:
    """The text on one line, cut to a length."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
