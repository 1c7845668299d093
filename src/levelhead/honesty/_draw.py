"""Draws that hang on the seed and the id alone: the order of the rows and the other rows change nothing."""

from __future__ import annotations

import hashlib


def drawn(seed: int, row_id: str) -> int:
    """A number for one row, evenly spread over 0 to 2**64 - 1. To sort by it is to shuffle.

    >>> drawn(0, "a") == drawn(0, "a"), drawn(0, "a") == drawn(1, "a")
    (True, False)
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {row_id}".encode()).digest()[:8], "big")
