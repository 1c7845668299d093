"""The chain of the audit log: what ties its rows together, wherever they are kept.

Each row holds a JSON object and the hash of it, of its place and of the row before, so that a row which is
edited, taken out or moved breaks the chain there. Who can write where the log is kept can also compute a
whole new chain: against that, note a hash elsewhere now and then and have `verify` look for it.

Texts are kept apart, tied to their row by its hash: they can be deleted, as the law may demand, and the chain
still holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

GENESIS = "0" * 64
"""Stands before the first row of all."""


class Link(NamedTuple):
    """A row in its place in the chain."""

    sequence: int
    body: str
    hash: str


def row_hash(previous: str, sequence: int, body: str) -> str:
    """Hash of a row: of the row before, its own place, and what it says.

    >>> row_hash(GENESIS, 1, "{}")[:8]
    '857ee629'
    """
    return hashlib.sha256(f"{previous}\n{sequence}\n{body}".encode()).hexdigest()


def contents_hash(body: str) -> str:
    """Hash of the texts of a row, which stands in the row itself."""
    return hashlib.sha256(body.encode()).hexdigest()


def links(last: int, end: str, bodies: Iterable[str]) -> list[Link]:
    """Tie rows to the end of a chain.

    Args:
        last: Sequence of the row that it ends with.
        end: Hash of that row.
        bodies: What the rows say, in their order.
    """
    tied = []
    for sequence, body in enumerate(bodies, start=last + 1):
        end = row_hash(end, sequence, body)
        tied.append(Link(sequence, body, end))
    return tied
