"""Run folders that lie in an object store: `s3://bucket/run`, or whatever address fsspec knows.

    with staged("s3://bucket/run") as folder:
        ...  # work in the local folder as in any other; it is carried over while it grows

    folder = fetched("s3://bucket/run")  # a copy to read

Object stores cannot append to a file, lock it or put another in its place, and run folders live on all
three. So the work is done in a folder on this machine, and this room carries it over: what grew as parts,
what changed as a whole. What it carries it does not know.
"""

from __future__ import annotations

from levelhead.running.remote._address import is_address
from levelhead.running.remote._staging import fetched, staged

__all__ = ["fetched", "is_address", "staged"]
