"""Pictures from a server: `POST /images/generations` of the OpenAI protocol, many requests at once."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levelhead.errors import ImageError, ModelError, UsageError
from levelhead.illusion.pictures._kind import Order, Outcome, Picture, PictureKind, blank_photo, encode_photo
from levelhead.illusion.pictures._prompts import Prompts
from levelhead.records import Image

if TYPE_CHECKING:
    import openai

TIMEOUT_SECONDS = 300.0
_PATH = "/images/generations"
_OPTIONAL = ("response_format", "seed", "size")
"""Parameters that some servers refuse; they are asked without them from then on."""
_MOST_REFUSALS = 8
"""So many rows may be refused before any is answered; then all of them would be."""
_MOST_BYTES = 64_000_000  # of a picture that is fetched by its url


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How a server is asked.

    Attributes:
        size: Width and height that are asked for, in pixels; None leaves them to the server. Files are scaled
            down to `PICTURE_SIZE`.
        concurrency: Requests under way at once.
        price: What one picture costs.
        license: Under which license the pictures may be passed on: a matter of the provider's terms.
        timeout: Longest wait for one picture, in seconds.
    """

    size: int | None = None
    concurrency: int = 8
    price: float = 0.0
    license: str = ""
    timeout: float = TIMEOUT_SECONDS


class ServedPictures(PictureKind):
    """Pictures from an OpenAI-compatible server.

    Servers draw by chance; the seed is sent, but not every server heeds it. The cache keeps what was drawn,
    so a second build has the same pictures and costs nothing.

    Args:
        server: As in `openai:gpt-image-1@https://host/v1`.
        prompts: What is asked for.
        settings: How it is asked.

    Raises:
        UsageError: If the name has another form.
        MissingExtraError: If the `openai` SDK is not installed.
    """

    name = "api"
    suffix = ".jpg"
    costly = True
    batch_size = 1_000_000  # the requests are spread here, so all orders are wanted at once

    def __init__(
        self, server: str, *, prompts: Prompts | None = None, settings: ServerSettings | None = None
    ) -> None:
        from levelhead.models._openai import find_endpoint

        self._prompts = prompts or Prompts()
        self._settings = settings or ServerSettings()
        self.price = self._settings.price
        self.trial_size = self._settings.concurrency
        if self._settings.concurrency < 1:
            raise UsageError(f"concurrency is {self._settings.concurrency}; it must be at least 1.")
        self._endpoint = find_endpoint(server, timeout=self._settings.timeout)
        self._refused: set[str] = set()
        self._answers = self._refusals = 0

    @property
    def identity(self) -> str:
        asked = [self._endpoint.url, self._endpoint.model, self._settings.size]
        return json.dumps([self.name, *asked, self._prompts.to_json()])

    def draw(self, orders: Sequence[Order]) -> Iterator[tuple[int, Outcome]]:
        from levelhead.models._openai_pool import ask_each, iterate

        asked = [index for index, order in enumerate(orders) if order.answer]
        for index, order in enumerate(orders):
            if not order.answer:
                yield index, blank_photo(order.seed)

        async def produce(emit: Callable[[tuple[int, Outcome]], None]) -> None:
            async with self._endpoint.connect() as client:
                await ask_each(
                    lambda place: self._ask(client, orders[asked[place]]),
                    kinds=[True] * len(asked),
                    concurrency=self._settings.concurrency,
                    failed=ImageError,
                    give_up=lambda error, _: ModelError(f"{self._endpoint.url} draws no pictures. {error}"),
                    emit=emit,
                )

        for batch in iterate(produce) if asked else ():
            yield from ((asked[place], outcome) for place, outcome in batch)

    async def _ask(self, client: openai.AsyncOpenAI, order: Order) -> Outcome:
        from levelhead.models._openai_pool import DoubtfulError, RowRefusedError

        body: dict[str, Any] = {
            "model": self._endpoint.model,
            "prompt": self._prompts.prompt(order.answer, order.category),
            "n": 1,
            "response_format": "b64_json",
            "seed": order.seed % 2**31,
        }
        if self._settings.size is not None:
            body["size"] = f"{self._settings.size}x{self._settings.size}"
        try:
            answer = await self._post(client, body)
        except DoubtfulError as error:
            # A refusal is one row's, unless nothing but refusals comes: then the request itself is wrong.
            self._refusals += not error.outage
            if error.outage or (not self._answers and self._refusals >= _MOST_REFUSALS):
                raise
            raise RowRefusedError(str(error)) from error
        encoded = await asyncio.to_thread(self._encoded, answer)
        self._answers += 1
        # Decoding is work for the processor; other requests go on meanwhile.
        return await asyncio.to_thread(self._picture, encoded)

    async def _post(self, client: openai.AsyncOpenAI, body: dict[str, Any]) -> object:
        """Send a request, without what the server has refused before; learn what it refuses now."""
        import openai

        from levelhead.models._openai_endpoint import reason, refuses_a_parameter

        while True:
            spoken = {name: value for name, value in body.items() if name not in self._refused}
            try:
                return await self._endpoint.post(client, _PATH, spoken)
            except openai.APIStatusError as error:
                named = {name for name in _OPTIONAL if name in spoken and name in reason(error)}
                if not (named and refuses_a_parameter(error)):
                    await self._endpoint.explain(client, error)
                self._refused |= named

    def _encoded(self, answer: object) -> bytes:
        """The file in an answer, fetched if the answer holds only its url."""
        try:
            [entry, *_] = answer["data"]  # type: ignore[index]
            if entry.get("b64_json"):
                return base64.b64decode(entry["b64_json"], validate=True)
            return _fetch(entry["url"], self._settings.timeout)
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
            raise self._endpoint.strange(answer) from error

    def _picture(self, encoded: bytes) -> Outcome:
        picture = Image(data=encoded).decode()
        source = f"generated by {self._endpoint.model} at {self._endpoint.url}"
        return Picture(encode_photo(picture), self._settings.license, source)


def _fetch(url: str, timeout: float) -> bytes:
    """A file that a server has put at an address of its own. The key is not sent there.

    Raises:
        ValueError: If the address is not one of the web.
        ImageError: If it cannot be fetched or is too large.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"not a web address: {url!r}")
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310 - the scheme was checked
            data: bytes = answer.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ImageError(
            f"The picture was drawn, but cannot be fetched from {url[:80]} ({error})."
        ) from error
    if len(data) > _MOST_BYTES:
        raise ImageError(f"The picture at {url[:80]} is larger than {_MOST_BYTES // 1_000_000} MB.")
    return data
