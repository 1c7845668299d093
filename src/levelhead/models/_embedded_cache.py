"""Checkpoints that are built once and then kept: whole or not there, even if two processes build at once."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from levelhead.errors import ModelError


def build_once(
    target: Path, build: Callable[[Path], None], *, what: str, announcement: str, megabytes: int
) -> None:
    """Build a folder if it is not there.

    Args:
        target: The folder.
        build: Writes its files into an empty folder.
        what: What is built, as the subject of a sentence.
        announcement: Said on standard error before it is built.
        megabytes: Room that it takes.

    Raises:
        ModelError: If the folder cannot be written.
    """
    if target.is_dir():
        return
    print(announcement, file=sys.stderr)  # noqa: T201
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix="building-", dir=target.parent))
    except OSError as error:
        raise ModelError(
            f"The cache {target.parent} cannot be written ({error.strerror}). Set LEVELHEAD_CACHE to a "
            "folder that can."
        ) from error
    try:
        build(workplace)
        workplace.replace(target)
    except OSError as error:
        # Another process may have put the same folder there first; else the disk is at fault.
        if not target.is_dir():
            raise ModelError(
                f"{what} could not be saved to {target} ({error.strerror or error}). It needs {megabytes} "
                "MB. Free some room or set LEVELHEAD_CACHE to another folder."
            ) from error
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
