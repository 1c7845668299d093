"""What callers may pass as rows, checked in one place, so that wrong input never becomes a number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from levelhead.errors import UsageError

FloatArray = NDArray[np.float64]
IdArray = NDArray[Any]


def read_hits(hits: ArrayLike, *, name: str = "hits") -> FloatArray:
    """Right and wrong rows as 1.0 and 0.0.

    Args:
        hits: Booleans, or the numbers 0 and 1. Shape (rows,).
        name: What the caller calls them, for the message.

    Raises:
        UsageError: If another value stands among them.
    """
    array = _read_column(hits, name)
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise UsageError(
            f"{name} hold something else than true and false (their type is {array.dtype}): say of each row "
            "whether it was a hit."
        )
    return array.astype(np.float64)


def read_values(values: ArrayLike) -> FloatArray:
    """Measurements as floats.

    Args:
        values: Finite numbers. Shape (rows,).

    Raises:
        UsageError: If one is not a finite number: to average a NaN away would lose a row in silence.
    """
    array = _read_column(values, "values")
    if array.dtype.kind not in "biuf":
        raise UsageError(f"values are of the type {array.dtype}: give numbers.")
    not_finite = int(np.count_nonzero(~np.isfinite(array)))
    if not_finite:
        raise UsageError(
            f"{not_finite} of {len(array)} values are NaN or infinite. Leave out the rows without a value, "
            "and report their number beside the mean."
        )
    return array.astype(np.float64)


def read_clusters(clusters: ArrayLike, *, rows: int, name: str = "clusters") -> IdArray:
    """The cluster of each row.

    Args:
        clusters: Strings, or whole numbers. Shape (rows,).
        rows: How many are needed.
        name: What the caller calls them, for the message.

    Raises:
        UsageError: If there are more or fewer than rows, or they are neither strings nor whole numbers.
    """
    array = _read_column(clusters, name)
    if len(array) != rows:
        raise UsageError(f"{rows} rows and {len(array)} {name}: give the cluster of each row.")
    if rows and array.dtype.kind not in "biuUS":
        raise UsageError(
            f"{name} are of the type {array.dtype}: give each row the id of its cluster, all strings or all "
            "whole numbers. A row that belongs to no cluster gets an id of its own."
        )
    return array


def _read_column(rows: ArrayLike, name: str) -> NDArray[Any]:
    array = np.asarray(rows)
    if array.dtype.kind == "O":  # data frames keep plain strings this way
        array = np.asarray(array.tolist())
    if array.ndim != 1:
        raise UsageError(f"{name} have the shape {array.shape}: give a flat list, one entry for each row.")
    return array
