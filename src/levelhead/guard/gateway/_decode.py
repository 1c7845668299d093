"""Decoding under budgets, in processes that can be killed.

A picture is a program for its decoder: it may ask for more memory or time than there is, or crash it. So it
is decoded in a process that holds no secrets, has a limit of memory and is killed when its time is over. A
killed or crashed process is replaced; the next picture does not notice.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from levelhead.errors import LevelheadError
from levelhead.guard.gateway import _worker
from levelhead.guard.gateway._container import DamagedPictureError, TooManyPartsError, read_container, sniffed
from levelhead.guard.gateway._media_policy import MediaPolicy
from levelhead.guard.gateway._picture import Picture
from levelhead.guard.gateway._refusal import MediaRefused, too_slow

_PIPE_BYTES = 1024 * 1024
_START_SECONDS = 30.0
"""Time for a process to greet. It needs a tenth of a second, on a machine that has one to spare."""


class Decoder:
    """Decodes pictures in processes of its own, which start when they are needed.

    Args:
        policy: Its budgets hold.
    """

    def __init__(self, policy: MediaPolicy) -> None:
        self._policy = policy
        self._slots = asyncio.Semaphore(policy.decoders)
        self._idle: list[asyncio.subprocess.Process] = []

    async def decode(self, data: bytes) -> Picture:
        """Decode every frame of a picture.

        Raises:
            MediaRefused: If it is no picture of an allowed format, is damaged, is larger than the policy
                allows or takes too long.
        """
        whole = self._whole(data)
        finding, _ = await self._ask(whole, views_side=0)
        return Picture(
            data=whole,
            media_type=f"image/{sniffed(whole)}",
            width=finding.width,
            height=finding.height,
            frames=finding.frames,
            sha256=hashlib.sha256(whole).hexdigest(),
        )

    async def views(self, picture: Picture) -> list[bytes]:
        """A picture as different viewers see it: RGB pictures, encoded as PNG, for a reader of text.

        Raises:
            MediaRefused: As for `decode`.
        """
        finding, body = await self._ask(picture.data, views_side=self._policy.reading_side)
        views, place = [], 0
        for length in finding.views:
            views.append(body[place : place + length])
            place += length
        return views

    async def start(self) -> None:
        """Start a process, so that the first picture does not wait for it.

        Raises:
            LevelheadError: If it does not start.
        """
        async with self._slots:
            self._idle.append(await self._process())

    async def aclose(self) -> None:
        """End the idle processes."""
        while self._idle:
            process = self._idle.pop()
            process.kill()
            await process.wait()

    def _whole(self, data: bytes) -> bytes:
        """The bytes up to the picture's end, after everything that can be refused without decoding is."""
        kind = sniffed(data)
        if kind is None or kind not in self._policy.formats:
            raise MediaRefused(
                422,
                "unsupported_image_media_type",
                f"The image is none of {', '.join(self._policy.formats)}; its bytes tell, not its name.",
            )
        try:
            width, height, end = read_container(data, kind)
        except DamagedPictureError as error:
            raise _damaged(str(error)) from error
        except TooManyPartsError as error:
            raise self._too_large(f"too many {error}") from error
        if max(width, height) > self._policy.max_side or width * height > self._policy.max_pixels:
            raise self._too_large(f"{width} x {height}")
        return data[:end]

    async def _ask(self, data: bytes, *, views_side: int) -> tuple[_worker.Finding, bytes]:
        job = _worker.Job(
            format=str(sniffed(data)),
            max_pixels=self._policy.max_pixels,
            max_side=self._policy.max_side,
            max_frames=self._policy.max_frames,
            views_side=views_side,
            half_turns=self._policy.read_half_turned,
        )
        async with self._slots:
            process = await self._process()
            answered = False
            try:
                async with asyncio.timeout(self._policy.decode_seconds):
                    finding, body = await _exchange(process, job, data)
                answered = True
            except TimeoutError as error:
                raise too_slow("image_parse_error", self._policy.decode_seconds, "decoding") from error
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise _damaged("the decoding process died") from error
            finally:  # a cancelled request leaves a process in the middle of a job, too
                if answered:
                    self._idle.append(process)
                else:
                    await _kill(process)
        if finding.problem == "budget":
            raise self._too_large(finding.why)
        if finding.problem:
            raise _damaged(finding.why)
        return finding, body

    async def _process(self) -> asyncio.subprocess.Process:
        while self._idle:
            process = self._idle.pop()
            if process.returncode is None:
                return process
        return await _start(self._policy.decode_memory_bytes)

    def _too_large(self, detail: str) -> MediaRefused:
        return MediaRefused(
            413,
            "image_too_large",
            f"The image is larger than allowed: {self._policy.max_pixels:,} pixels in all frames, "
            f"{self._policy.max_side:,} on a side, {self._policy.max_frames} frames. Scale it down.",
            detail=detail,
        )


def _damaged(detail: str) -> MediaRefused:
    return MediaRefused(
        422, "image_parse_error", "The image is damaged and cannot be decoded as a whole.", detail=detail
    )


async def _start(memory_bytes: int) -> asyncio.subprocess.Process:
    pillow = find_spec("PIL")
    if pillow is None or pillow.origin is None:
        raise LevelheadError("Pillow cannot be found, so no picture can be decoded. Reinstall levelhead.")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-sP",  # neither the working folder nor that of the script is searched for modules
        _worker.__file__,
        str(memory_bytes),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**_libraries(os.environ), "PYTHONPATH": str(Path(pillow.origin).parent.parent)},
        limit=_PIPE_BYTES,
    )
    greeted = False
    try:
        async with asyncio.timeout(_START_SECONDS):
            greeted = await _pipes(process)[1].readexactly(len(_worker.GREETING)) == _worker.GREETING
    except (TimeoutError, asyncio.IncompleteReadError) as error:
        raise LevelheadError(
            "A process for decoding pictures did not start. If memory is short, fewer decoders or a larger "
            "decode_memory_bytes in the media settings may help."
        ) from error
    finally:
        if not greeted:
            await _kill(process)
    return process


def _pipes(process: asyncio.subprocess.Process) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
    if process.stdin is None or process.stdout is None:
        raise AssertionError("a decoding process is started with pipes")
    return process.stdin, process.stdout


def _libraries(environment: Mapping[str, str]) -> dict[str, str]:
    """What Python needs to start; keys and addresses stay here."""
    return {name: value for name, value in environment.items() if name == "LD_LIBRARY_PATH"}


async def _exchange(
    process: asyncio.subprocess.Process, job: _worker.Job, data: bytes
) -> tuple[_worker.Finding, bytes]:
    sink, source = _pipes(process)
    head = json.dumps(job).encode()
    sink.write(_worker.LENGTHS.pack(len(head), len(data)) + head)
    sink.write(data)
    await sink.drain()
    head_length, body_length = _worker.LENGTHS.unpack(await source.readexactly(_worker.LENGTHS.size))
    finding = _worker.Finding(**json.loads(await source.readexactly(head_length)))
    return finding, await source.readexactly(body_length)


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await asyncio.shield(process.wait())
