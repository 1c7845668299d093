"""What is an address of a store, and what a path on this machine."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # one letter is a drive of Windows


def is_address(text: str) -> bool:
    """Whether it names a place in a store (`s3://bucket/run`) and no path on this machine."""
    return _SCHEME.match(text) is not None
