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
    # Several times as fast as `np.isin`; a page of nine runs reads tens of thousands of columns.
    if array.dtype.kind not in "biuf" or not ((array == 0) | (array == 1)).all():
        raise UsageError(
            f"{name} hold something else than true and false (their type is {array.dtype}): say of each row "
            "whether it was a hit."
        )
    return array.astype(np.float64)


def read_values(values: ArrayLike, *, name: str = "values") -> FloatArray:
    """Measurements as floats.

    Args:
        values: Finite numbers. Shape (rows,).
        name: What the caller calls them, for the message.

    Raises:
        UsageError: If one is not a finite number: to average a NaN away would lose a row in silence.
    """
    array = _read_column(values, name)
    if array.dtype.kind not in "biuf":
        raise UsageError(f"{name} are of the type {array.dtype}: give numbers.")
    not_finite = int(np.count_nonzero(~np.isfinite(array)))
    if not_finite:
        raise UsageError(
            f"{not_finite} of {len(array)} {name} are NaN or infinite. Leave out the rows without a value, "
            "and report their number beside the result."
        )
    return array.astype(np.float64)


def read_scored(scores: ArrayLike, hits: ArrayLike, *, name: str = "scores") -> tuple[FloatArray, FloatArray]:
    """Rows that have a score and are right or wrong.

    Args:
        scores: Finite numbers. Shape (rows,).
        hits: Booleans. Shape (rows,).
        name: What the caller calls the scores, for the message.

    Raises:
        UsageError: If the lengths differ, or one of them holds what it should not.
    """
    numbers, right = read_values(scores, name=name), read_hits(hits)
    if len(numbers) != len(right):
        raise UsageError(f"{len(numbers)} {name} and {len(right)} hits: give both for each row.")
    return numbers, right


def read_confident(confidences: ArrayLike, hits: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Rows that have a probability of being right, and are right or wrong.

    Args:
        confidences: Numbers in [0, 1]. Shape (rows,).
        hits: Booleans. Shape (rows,).

    Raises:
        UsageError: If the lengths differ, or one of them holds what it should not.
    """
    probabilities, right = read_scored(confidences, hits, name="confidences")
    outside = int(np.count_nonzero((probabilities < 0) | (probabilities > 1)))
    if outside:
        raise UsageError(
            f"{outside} of {len(probabilities)} confidences lie outside [0, 1]. Give probabilities; a score "
            "on another scale can be ranked, but it cannot be calibrated or not."
        )
    return probabilities, right


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


def read_columns(**columns: ArrayLike) -> list[FloatArray]:
    """Several columns of the same rows, as 1.0 and 0.0.

    Args:
        columns: Booleans, by the name that the caller has for them. Each of shape (rows,).

    Raises:
        UsageError: If the lengths differ, or something else than true and false stands among them.
    """
    read = [read_hits(column, name=name) for name, column in columns.items()]
    if len({len(column) for column in read}) > 1:
        counts = ", ".join(f"{len(column)} {name}" for name, column in zip(columns, read, strict=True))
        raise UsageError(f"There are {counts}: give each of them for each row.")
    return read


def check_answers(hits: FloatArray, refused: FloatArray) -> None:
    """Refuse rows that contradict themselves.

    Raises:
        UsageError: If a row is both right and refused.
    """
    both = int(np.count_nonzero(hits * refused))
    if both:
        raise UsageError(
            f"{both} of {len(hits)} rows are both right and refused. A hit is a right answer; a refusal is "
            "none, also where to refuse was right."
        )


def _read_column(rows: ArrayLike, name: str) -> NDArray[Any]:
    array = np.asarray(rows)
    if array.dtype.kind == "O":  # data frames keep plain strings this way
        array = np.asarray(array.tolist())
    if array.ndim != 1:
        raise UsageError(f"{name} have the shape {array.shape}: give a flat list, one entry for each row.")
    return array
