"""The text in a picture, read outside the event loop, or the reason why it was not read."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from levelhead.errors import ImageError, MissingExtraError
from levelhead.guard.gateway._cache import BoundedCache
from levelhead.guard.gateway._decode import Decoder
from levelhead.guard.gateway._media_policy import MIB, MediaPolicy
from levelhead.guard.gateway._picture import Picture, SeenText
from levelhead.guard.gateway._refusal import MediaRefused
from levelhead.records import Image

_REMEMBERED_BYTES = 4 * MIB
"""Memory for texts that were read."""


class WordFinder(Protocol):
    """What finds words in a picture; `levelhead.models._ocr.TextReader` is one."""

    def read_afresh(self, image: Image) -> str:
        """The words in a picture, "" where there are none; remembers nothing."""


class PictureReader:
    """Reads pictures as all their viewers see them.

    Args:
        policy: Size at which is read, and time.
        decoder: Makes the views.
        finder: Finds the words; RapidOCR, loaded at the first picture, if not given.
    """

    def __init__(self, policy: MediaPolicy, decoder: Decoder, finder: WordFinder | None) -> None:
        self._policy, self._decoder = policy, decoder
        self._finder = finder
        self._missing: str | None = None
        self._loading = asyncio.Lock()
        self._threads = ThreadPoolExecutor(policy.decoders, thread_name_prefix="picture-reader")
        self._known: BoundedCache[SeenText] = BoundedCache(
            _REMEMBERED_BYTES, lambda seen: len(seen.text.encode())
        )

    async def start(self) -> None:
        """Load the finder, if it is installed."""
        async with self._loading:
            if self._finder is None and self._missing is None:
                try:
                    self._finder = await asyncio.get_running_loop().run_in_executor(
                        self._threads, _ocr, self._policy.reading_side
                    )
                except MissingExtraError as error:
                    self._missing = str(error)

    async def read(self, picture: Picture) -> SeenText:
        """The words in a picture; what only one of its viewers sees is read too."""
        known = self._known.get(picture.sha256)
        if known is not None:
            return known
        await self.start()
        try:
            async with asyncio.timeout(self._policy.reading_seconds):
                seen = await self._read(picture)
        except TimeoutError:
            return SeenText(not_inspected=f"not read within {self._policy.reading_seconds:g} seconds")
        if seen.not_inspected is None:
            self._known.put(picture.sha256, seen)
        return seen

    def close(self) -> None:
        """End the threads; what they are reading is read to its end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _read(self, picture: Picture) -> SeenText:
        finder = self._finder
        if finder is None:
            return SeenText(not_inspected=self._missing)
        try:
            found = [
                await asyncio.get_running_loop().run_in_executor(
                    self._threads, finder.read_afresh, Image(data=view)
                )
                for view in await self._decoder.views(picture)
            ]
        except (MediaRefused, ImageError) as error:
            return SeenText(not_inspected=str(error))
        return SeenText("\n".join(dict.fromkeys(filter(None, found))))


def _ocr(side: int) -> WordFinder:
    from levelhead.models._ocr import TextReader

    return TextReader(workers=1, longest_side=side)
