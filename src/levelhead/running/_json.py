"""Write JSON so that a reader sees the old file or the new one, never half of one.

Output is plain ASCII (other characters escaped): a server may send half of a surrogate pair, and such a
text must survive the way to the disk and back. Keys stay in the order in which they are given. NaN and
infinity are refused, because most readers of JSON refuse them.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from pathlib import Path

from levelhead.errors import RunFolderError

_ADVICE = {
    errno.ENOSPC: "Free some space",
    errno.EDQUOT: "Free some of your disk quota",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f)",
}


def json_text(value: object, *, indent: int | None = None) -> str:
    """The value as JSON.

    Raises:
        ValueError: If it holds NaN or infinity; write None for a number that is not there.
        TypeError: If it holds what JSON cannot hold.
    """
    return json.dumps(value, allow_nan=False, indent=indent)


def write_whole(path: Path, texts: Iterable[str]) -> None:
    """Write the joined texts to a temporary file beside `path`, then put it in its place in one step.

    The caller holds the lock of the folder, so the temporary name is free.

    Raises:
        RunFolderError: If it cannot be written; then the old file is untouched.
    """
    draft = draft_of(path)
    try:
        try:
            with draft.open("w", encoding="ascii", newline="\n") as file:
                file.writelines(texts)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise cannot("write", path, error) from error


def draft_of(path: Path) -> Path:
    """Where the file is written before it is whole."""
    return path.with_name(f".{path.name}.draft")


def cannot(do: str, path: Path, error: OSError) -> RunFolderError:
    """The error to raise when the system refuses to read or write a file of a run folder."""
    if error.errno in _ADVICE:
        advice = f"{_ADVICE[error.errno]} and start the same command again; what was answered before is kept."
    else:
        advice = "Check the path and its permissions, or give another --out."
    return RunFolderError(f"Cannot {do} {path} ({error.strerror or error}). {advice}")
