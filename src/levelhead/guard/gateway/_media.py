"""The one door through which pictures come in.

A reference to a picture, an address or a `data:` URL, becomes a `Picture` or is refused. What goes on to the
model are the bytes that were looked at, never an address: nobody behind this door fetches anything.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from levelhead.errors import MissingExtraError
from levelhead.guard.gateway._cache import BoundedCache
from levelhead.guard.gateway._data_url import read_data_url
from levelhead.guard.gateway._decode import Decoder
from levelhead.guard.gateway._media_policy import MediaPolicy
from levelhead.guard.gateway._picture import Picture, SeenText
from levelhead.guard.gateway._reading import PictureReader, WordFinder
from levelhead.guard.gateway._refusal import MediaRefused, too_slow

if TYPE_CHECKING:
    import ssl

    from levelhead.guard.gateway._address import Resolver
    from levelhead.guard.gateway._fetch import Fetcher


@dataclass(slots=True)
class _Examination:
    """One decoding that several requests may wait for."""

    task: asyncio.Task[Picture]
    waiting: int = 0


class MediaGate:
    """Lets pictures in under a policy.

    It belongs to one event loop and holds processes and connections: close it with `aclose`, or use it as
    `async with`.

    Args:
        policy: The rules; the defaults of `MediaPolicy` if not given.
        resolver: Turns names into addresses; the system's by default.
        reader: Finds words in pictures; `levelhead.models`'s OCR by default, if it is installed.
        tls: Which certificates are trusted; those of certifi by default.

    Raises:
        MissingExtraError: If the policy allows fetching and httpx is not installed.
    """

    def __init__(
        self,
        policy: MediaPolicy | None = None,
        *,
        resolver: Resolver | None = None,
        reader: WordFinder | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.policy = policy or MediaPolicy()
        self._decoder = Decoder(self.policy)
        self._reader = PictureReader(self.policy, self._decoder, reader)
        self._fetcher = _fetcher(self.policy, resolver, tls)
        self._known: BoundedCache[Picture | MediaRefused] = BoundedCache(self.policy.cache_bytes, _size)
        self._under_way: dict[str, _Examination] = {}

    async def admit(self, reference: str) -> Picture:
        """Let one picture in.

        Args:
            reference: A `data:` URL, or an address from which the picture is fetched.

        Raises:
            MediaRefused: If the policy does not allow it, or it is no picture that can be used.
        """
        try:
            async with asyncio.timeout(self.policy.total_seconds):
                return await self._examined(await self._bytes_of(reference))
        except TimeoutError as error:
            raise too_slow("failed_to_download_image", self.policy.total_seconds, "total time") from error

    async def admit_all(self, references: Sequence[str]) -> list[Picture]:
        """Let all pictures of a request in, or none.

        Raises:
            MediaRefused: Also if there are too many, or they are too large together.
        """
        if len(references) > self.policy.max_images:
            raise MediaRefused(
                413,
                "too_many_images",
                f"The request holds {len(references)} images; at most {self.policy.max_images} are accepted.",
            )
        tasks = [asyncio.create_task(self.admit(reference)) for reference in references]
        try:
            pictures = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if sum(len(picture.data) for picture in pictures) > self.policy.max_request_bytes:
            raise MediaRefused(
                413,
                "image_file_too_large",
                f"The images are larger than {self.policy.max_request_bytes:,} bytes together.",
            )
        return pictures

    async def seen_text(self, picture: Picture) -> SeenText:
        """The text in a picture, as any viewer of it may see it (see `_worker.views_of`).

        A picture that could not be read is told as not inspected; it does not raise.
        """
        return await self._reader.read(picture)

    async def start(self) -> None:
        """Start what takes a while: a decoding process and the reader. Without it, the first picture does.

        Raises:
            LevelheadError: If no picture can be decoded here.
        """
        await asyncio.gather(self._decoder.start(), self._reader.start())

    async def aclose(self) -> None:
        """End processes, threads and connections, and what is still under way. Calling it twice is fine."""
        tasks = [examination.task for examination in self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._decoder.aclose()
        self._reader.close()
        if self._fetcher is not None:
            await self._fetcher.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _bytes_of(self, reference: str) -> bytes:
        scheme = reference[:8].partition(":")[0].lower()
        if scheme not in self.policy.schemes:
            raise MediaRefused(
                422,
                "invalid_image_url",
                f"The image must be a URL of one of these schemes: {', '.join(self.policy.schemes)}.",
            )
        if scheme == "data":
            return read_data_url(reference, max_bytes=self.policy.max_image_bytes)
        if self._fetcher is None:
            raise AssertionError("a fetcher is made whenever the policy allows another scheme")
        return await self._fetcher.fetch(reference)

    async def _examined(self, data: bytes) -> Picture:
        """Decode a picture, unless its bytes are known or are being decoded for another request."""
        key = hashlib.sha256(data).hexdigest()
        known = self._known.get(key)
        if isinstance(known, MediaRefused):
            raise known.anew()
        if known is not None:
            return known
        examination = self._under_way.get(key)
        if examination is None:
            examination = _Examination(asyncio.create_task(self._decode(key, data)))
            self._under_way[key] = examination
        examination.waiting += 1
        try:
            return await asyncio.shield(examination.task)
        except MediaRefused as error:
            raise error.anew() from None
        finally:
            examination.waiting -= 1
            if not examination.waiting:
                examination.task.cancel()
                self._under_way.pop(key, None)

    async def _decode(self, key: str, data: bytes) -> Picture:
        try:
            picture = await self._decoder.decode(data)
        except MediaRefused as error:
            if error.status != 504:  # a busy moment says nothing about the picture
                self._known.put(key, error.anew())
            raise
        self._known.put(key, picture)
        return picture


def _size(known: Picture | MediaRefused) -> int:
    return len(known.data) if isinstance(known, Picture) else 0


def _fetcher(policy: MediaPolicy, resolver: Resolver | None, tls: ssl.SSLContext | None) -> Fetcher | None:
    if set(policy.schemes) <= {"data"}:
        return None
    try:
        from levelhead.guard.gateway._fetch import Fetcher
    except ImportError as error:
        raise MissingExtraError("Pictures by address", extra="serve", module=error.name or "httpx") from error
    return Fetcher(policy, resolver=resolver, tls=tls)
