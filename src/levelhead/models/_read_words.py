"""Words that were read in pictures, kept on the disk, so that a second run need not read them again.

The words lie under the hash of the picture and the identity of the reader, in one SQLite file that several
processes may use at once. The pictures themselves are not kept. It is only a cache: where its file cannot be
used, a warning says so, and every picture is read.
"""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

_TABLE = (
    "create table if not exists words (reader text, picture text, words text, primary key (reader, picture))"
)
_WAIT = 30.0
"""Seconds to wait for another process that writes."""
_AT_ONCE = 500
"""Pictures asked for in one statement."""


class ReadWords:
    """The words of one reader.

    Args:
        path: The file; made when the first words are kept.
        reader: Identity of the reader. Another version or setting reads other words.
    """

    def __init__(self, path: Path, reader: str) -> None:
        self._path, self._reader = path, reader

    def find(self, pictures: Iterable[str]) -> dict[str, str]:
        """The words of those pictures that were read before, by their SHA-256."""
        if not self._path.is_file():
            return {}
        found: dict[str, str] = {}
        try:
            asked = list(pictures)
            with closing(self._open()) as file:
                for begin in range(0, len(asked), _AT_ONCE):
                    some = asked[begin : begin + _AT_ONCE]
                    marks = ",".join("?" * len(some))
                    found.update(
                        file.execute(
                            f"select picture, words from words where reader = ? and picture in ({marks})",  # noqa: S608
                            (self._reader, *some),
                        )
                    )
        except sqlite3.Error as error:
            self._warn(error)
        return found

    def keep(self, words: Mapping[str, str]) -> None:
        """Keep the words of pictures, by their SHA-256."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as file, file:
                file.executemany(
                    "insert or replace into words values (?, ?, ?)",
                    [(self._reader, picture, text) for picture, text in words.items()],
                )
        except (OSError, sqlite3.Error) as error:
            self._warn(error)

    def _open(self) -> sqlite3.Connection:
        file = sqlite3.connect(self._path, timeout=_WAIT)
        file.execute(_TABLE)
        return file

    def _warn(self, error: Exception) -> None:
        warnings.warn(
            f"Words that are read in pictures cannot be kept in {self._path} ({error}), so the next run "
            "reads them again. Delete the file, or set LEVELHEAD_CACHE to a folder that can be written.",
            stacklevel=3,
        )
