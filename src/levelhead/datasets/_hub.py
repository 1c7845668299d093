"""Question sets of the Hugging Face hub, through its own library."""

from __future__ import annotations

import importlib

from levelhead.datasets._columns import Columns, read_columns
from levelhead.errors import MissingExtraError, UsageError
from levelhead.records import Example


def read_hub(
    name: str,
    columns: Columns | None = None,
    *,
    split: str,
    subset: str | None = None,
    revision: str | None = None,
) -> list[Example]:
    """Read a split of a data set of the hub. This downloads it, unless the library's cache holds it.

    Args:
        name: Its id (`owner/name`), or anything else that `datasets.load_dataset` takes.
        columns: Which column holds what.
        split: Which rows: `train`, `test[:500]` ...
        subset: Which configuration, where the set has several.
        revision: A commit or tag. Name one where a number must be made again.

    Returns:
        Examples with ids made of the name, the split and the number of the row, unless a column holds ids.

    Raises:
        MissingExtraError: If the library `datasets` is not installed.
        UsageError: If the set cannot be loaded, or for what `read_columns` raises it.
    """
    try:
        hub = importlib.import_module("datasets")
    except ImportError as error:
        raise MissingExtraError("Data sets of the hub", extra="tune", module="datasets") from error
    try:
        rows = hub.load_dataset(name, subset, split=split, revision=revision)
    except (OSError, RuntimeError, ValueError) as error:  # not found or offline; a script; an unknown split
        raise UsageError(
            f"The data set {name!r} (subset {subset}, split {split!r}) cannot be loaded ({error}). Check the "
            "names and the connection, or save the rows as QA.jsonl."
        ) from error
    return read_columns(rows, columns, name=f"{name}-{split}")
