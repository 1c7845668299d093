"""The append-only file of answers.

Only the place of each answer is kept in memory (about 200 bytes an answer, measured with a million); the
answers themselves are read when they are asked for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from levelhead.errors import RunFolderError
from levelhead.running._json import cannot
from levelhead.running._lines import Answer, decode_line, encode_batch, is_failed

SYNC_SECONDS = 1.0
"""Least time between two forced writes to the disk."""


class ReplyFile:
    """Answers by key, each batch appended with one write.

    What `append` returned from outlives the process, whatever becomes of it. Against a power cut the file
    is forced to the disk at the first append and then at most once in `SYNC_SECONDS`, so a power cut costs
    at most the batches appended within that time of the last forced write.

    Opening it cuts off what a kill left of a batch, so that the batches still to be asked are whole ones.
    Failed answers of earlier openings are skipped, so that they are asked again.

    Args:
        path: The file; created if it is not there.

    Raises:
        RunFolderError: If it cannot be read or written, or a line before the last is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[str, int] = {}
        self._synced = 0.0
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            self._reader = path.open("rb")
        except OSError as error:
            raise cannot("write", path, error) from error
        try:
            self._end = self._index()
            os.ftruncate(self._file, self._end)
        except OSError as error:
            self._release()
            raise cannot("read", path, error) from error
        except BaseException:  # an interrupt too gives the descriptors back, and then goes on its way
            self._release()
            raise

    def __len__(self) -> int:
        return len(self._places)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def recall(self, key: str) -> Answer | None:
        """The answer stored under a key, or None."""
        if key not in self._places:
            return None
        self._reader.seek(self._places[key])
        return decode_line(self._reader.readline()).answer

    def append(self, batch: Sequence[tuple[str, Answer]]) -> None:
        """Store one batch of (key, answer), all of it or nothing.

        Raises:
            RunFolderError: If the batch cannot be written; then the file is as it was before. Also if the
                disk cannot be forced; then the batch is in the file, but a power cut may lose it.
        """
        block = encode_batch(batch)
        try:
            self._write(block)
        except OSError as error:
            raise cannot("write", self._path, error) from error
        for (key, _), line in zip(batch, block.splitlines(keepends=True), strict=True):
            self._places[key] = self._end
            self._end += len(line)
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self._sync()

    def close(self) -> None:
        """Force all to the disk and close the file."""
        try:
            self._sync()
        finally:
            self._release()

    def _write(self, block: bytes) -> None:
        """Write all or nothing: in one system call, unless the disk is full or the block above 2 GB."""
        rest = memoryview(block)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except BaseException:  # also Ctrl-C between two calls
            os.ftruncate(self._file, self._end)
            raise

    def _sync(self) -> None:
        try:
            os.fsync(self._file)
        except OSError as error:
            raise cannot("write", self._path, error) from error
        self._synced = time.monotonic()

    def _index(self) -> int:
        """Note the place of each answer of a whole batch, and return where the last whole batch ends."""
        end = place = 0
        batch: dict[str, int | None] = {}
        for number, line in enumerate(self._reader, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                key, answer, to_follow = decode_line(line)
            except ValueError as error:
                raise RunFolderError(
                    f"Line {number} of {self._path} is damaged ({error}). Something else wrote into this "
                    "file. Delete that line to have it asked again, or give another --out."
                ) from error
            batch[key] = None if is_failed(answer) else place
            place += len(line)
            if to_follow == 0:
                self._places |= {key: start for key, start in batch.items() if start is not None}
                batch.clear()
                end = place
        return end

    def _release(self) -> None:
        self._reader.close()
        os.close(self._file)
