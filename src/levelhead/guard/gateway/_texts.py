"""Every text in a piece of JSON, wherever it hides, and content that is no text.

What is known to hold a word of the protocol and nothing else (an id, a type) is left out; every other string
counts, under whatever key, and in requests keys that the protocol does not know count themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TOKENS = frozenset({"id", "type", "role", "object", "index", "tool_call_id", "detail", "format", "status"})
"""Keys whose values are words of the protocol, if they look like such."""
_KNOWN_KEYS = _TOKENS | {
    "arguments",
    "content",
    "description",
    "function",
    "function_call",
    "input",
    "name",
    "parameters",
    "properties",
    "reasoning",
    "reasoning_content",
    "refusal",
    "required",
    "strict",
    "text",
    "tool_calls",
}
_TOKEN = re.compile(r"[\w.:/+-]{0,80}", re.ASCII)
_EMBEDDED = re.compile(r"\s*data:(?:[\w.+-]+/[\w.+-]+)?(?:;[\w.+=-]+)*,", re.IGNORECASE)


def texts_in(value: Any, place: str = "", *, keys: bool = True) -> Iterator[tuple[str, str]]:
    """The places and the strings of a value, in order.

    Args:
        value: JSON whose depth has been checked.
        place: Of the value itself; what is inside is named relative to it.
        keys: Whether keys that the protocol does not know count as texts.

    >>> list(texts_in({"type": "x", "note": ["a b"]}))
    [('note', 'note'), ('note[0]', 'a b')]
    """
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from texts_in(one, f"{place}[{number}]", keys=keys)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key in _TOKENS and isinstance(one, str) and _TOKEN.fullmatch(one):
                continue
            inside = f"{place}.{key}" if place else key
            if keys and key not in _KNOWN_KEYS:
                yield inside, key
            yield from texts_in(one, inside, keys=keys)


def is_embedded(text: str) -> bool:
    """Whether a string is no text but a file in the form of a URL.

    >>> is_embedded("data:image/png;base64,AAAA"), is_embedded("data: all, of them")
    (True, False)
    """
    return _EMBEDDED.match(text) is not None
