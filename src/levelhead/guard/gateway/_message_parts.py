"""The content of one message: a text, or parts of known kinds. A part of another kind is refused."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any

from levelhead.guard.gateway._decide import Piece
from levelhead.guard.gateway._request_error import RequestError
from levelhead.guard.gateway._strict_json import JSONObject
from levelhead.guard.gateway._texts import is_embedded, texts_in

_TEXT_FILE = re.compile(r"data:text/[\w.+-]+(?:;charset=utf-8)?;base64,", re.IGNORECASE)
CONTENT_OPTIONAL = ("tool_calls", "function_call", "refusal", "audio")
"""An assistant's message that has one of these may have no content."""
TEXT_PARTS = ("text", "input_text", "output_text")
DETAILS = ("auto", "low", "high", "original")
_OWN_KEYS = {"refusal": "refusal", "file": "file"}
"""By type, the key that holds what a part says; `text` for all others."""


@dataclass(slots=True)
class PictureSlot:
    """Where a reference to a picture stands: `holder["url"]` is replaced by the picture itself."""

    place: str
    holder: JSONObject
    reference: str


@dataclass(slots=True)
class Found:
    """What must be looked at in a request.

    Attributes:
        pieces: Texts.
        roles: Of each text, who says it; None outside of messages.
        pictures: References to pictures.
        unreadable: Places of content that nobody here can read, each with the reason as its text.
    """

    pieces: list[Piece] = field(default_factory=list)
    roles: list[str | None] = field(default_factory=list)
    pictures: list[PictureSlot] = field(default_factory=list)
    unreadable: list[Piece] = field(default_factory=list)

    @property
    def characters(self) -> int:
        """Of all texts together."""
        return sum(len(piece.text) for piece in self.pieces)


def bad(param: str, why: str) -> RequestError:
    """The error of a request with a field that is not as it must be."""
    return RequestError(400, "invalid_value", f"{param}: {why}.", param=param)


def message_content(message: JSONObject, place: str, found: Found) -> str:
    """The text of a message, its parts joined by line breaks; what else is in it is noted in `found`.

    Raises:
        RequestError: 400 if the content is malformed.
    """
    content = message.get("content")
    if isinstance(content, str):
        return content
    if content is None:
        if message["role"] == "assistant" and any(message.get(key) for key in CONTENT_OPTIONAL):
            return ""
        raise bad(f"{place}.content", "it must be a text, or a list of parts")
    if not isinstance(content, list) or not content:
        raise bad(f"{place}.content", "it must be a text, or a list of at least one part")
    texts = [_part(part, f"{place}.content[{number}]", found) for number, part in enumerate(content)]
    return "\n".join(text for text in texts if text)


def _part(part: Any, place: str, found: Found) -> str:
    """The text of one part; a picture and what cannot be read are noted."""
    if not isinstance(part, dict):
        raise bad(place, "it must be an object with a type")
    match part.get("type"):
        case kind if kind in TEXT_PARTS:
            text = _text(part, "text", place)
        case "refusal":
            text = _text(part, "refusal", place)
        case "image_url":
            found.pictures.append(_picture(part, place))
            return ""
        case "file":
            text = _file(part, place, found)
        case "input_audio":
            if not isinstance(part.get("input_audio"), dict):
                raise bad(f"{place}.input_audio", "it must be an object")
            found.unreadable.append(Piece(place, "Audio is not listened to."))
            return ""
        case other:
            shown = other if isinstance(other, str) and len(other) <= 32 and other.isidentifier() else "this"
            raise bad(f"{place}.type", f"parts of the type {shown} are not supported")
    return "\n".join([text, *_further(part, place)])


def _text(part: JSONObject, key: str, place: str) -> str:
    text = part.get(key)
    if not isinstance(text, str):
        raise bad(f"{place}.{key}", "it must be a text")
    return text


def _further(part: JSONObject, place: str) -> list[str]:
    """Texts under keys of a part that are not its own, so that none hides beside it."""
    own = ("type", _OWN_KEYS.get(part["type"], "text"))
    found = []
    for key, value in part.items():
        if key in own:
            continue
        for inside, text in texts_in(value, f"{place}.{key}"):
            if is_embedded(text):
                raise bad(inside, "a file stands where no file is expected")
            found.append(text)
    return found


def _picture(part: JSONObject, place: str) -> PictureSlot:
    """The reference of a picture. Further keys, by which servers name pictures they keep, are refused."""
    holder = part.get("image_url")
    if not isinstance(holder, dict) or not isinstance(holder.get("url"), str):
        raise bad(f"{place}.image_url", "it must be an object with a url")
    for key in (*part, *(f"image_url.{key}" for key in holder)):
        if key not in ("type", "image_url", "image_url.url", "image_url.detail"):
            raise bad(f"{place}.{key}", "a picture has a url and a detail, nothing else")
    detail = holder.get("detail")
    if detail is not None and detail not in DETAILS:
        raise bad(f"{place}.image_url.detail", f"it must be one of: {', '.join(DETAILS)}")
    return PictureSlot(place, holder, holder["url"])


def _file(part: JSONObject, place: str, found: Found) -> str:
    """The text of a file that is text; another one is noted as unreadable."""
    held = part.get("file")
    if not isinstance(held, dict):
        raise bad(f"{place}.file", "it must be an object")
    name = held.get("filename")
    named = name if isinstance(name, str) else ""
    data = held.get("file_data")
    if not isinstance(data, str) or not (head := _TEXT_FILE.match(data)):
        found.unreadable.append(Piece(place, "A file that is no plain text is not read."))
        return named
    try:
        text = base64.b64decode(data[head.end() :], validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise bad(f"{place}.file.file_data", "it is no base64 of a text in UTF-8") from error
    return f"{named}\n{text}"
