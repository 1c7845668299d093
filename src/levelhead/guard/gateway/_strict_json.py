"""JSON that everybody reads alike, or none.

Two readers that disagree about a text, one that judges and one that obeys, are a way around the first. So
what leaves room for disagreement is refused: keys given twice, numbers that are none, half characters.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn, TypeAlias

JSONObject: TypeAlias = dict[str, Any]

_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class NotStrictJSONError(ValueError):
    """What is wrong with a text, in words for whoever sent it. They quote nothing of it."""


def parse_object(raw: bytes | str, *, max_depth: int = 64, max_values: int = 1_000_000) -> JSONObject:
    """Read a JSON object.

    Args:
        raw: UTF-8 without a mark at its beginning, or text.
        max_depth: Most levels of nesting.
        max_values: Most keys and values together.

    Raises:
        NotStrictJSONError: If it is no JSON object, or readers could disagree about it.
    """
    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8")
        found = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise NotStrictJSONError(f"it is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        why = error.msg[0].lower() + error.msg[1:].removesuffix(" at")
        raise NotStrictJSONError(f"{why}, at character {error.pos}") from error
    except RecursionError as error:
        raise NotStrictJSONError(f"it is nested more than {max_depth} levels deep") from error
    except NotStrictJSONError:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise NotStrictJSONError("it holds a number too long to be one") from error
    if not isinstance(found, dict):
        raise NotStrictJSONError("it is no object")
    # Each level opens with a bracket and each value takes a character, so that few of them settle it.
    if len(text) > max_values or text.count("{") + text.count("[") > max_depth:
        _check_size(found, max_depth, max_values)
    if _HALF_CHARACTER.search(text) and not _whole(found):
        raise NotStrictJSONError("it holds half of a character (a lone surrogate)")
    if _ESCAPED_NUL.search(text):
        raise NotStrictJSONError("it holds a NUL character, at which some readers stop")
    return found


def _without_duplicates(pairs: list[tuple[str, Any]]) -> JSONObject:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotStrictJSONError("it holds a key twice in one object")
    return found


def _refused(name: str) -> NoReturn:
    raise NotStrictJSONError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise NotStrictJSONError("it holds a number too large to be one")
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_without_duplicates, parse_constant=_refused, parse_float=_finite
)


def _check_size(found: JSONObject, max_depth: int, max_values: int) -> None:
    """Refuse what is nested too deeply or too large; without recursion, which has a depth of its own."""
    level: list[Any] = [found]
    values = 1
    for _ in range(max_depth):
        below: list[Any] = []
        for one in level:
            members = one.values() if isinstance(one, dict) else one
            values += len(one) * (2 if isinstance(one, dict) else 1)
            below += [member for member in members if isinstance(member, dict | list)]
        if values > max_values:
            raise NotStrictJSONError(f"it holds more than {max_values:,} keys and values")
        if not below:
            return
        level = below
    raise NotStrictJSONError(f"it is nested more than {max_depth} levels deep")


def _whole(found: JSONObject) -> bool:
    try:
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
