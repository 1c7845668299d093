"""From the bytes of a request to what must be looked at in it: texts, pictures, what nobody here can read.

A request is understood whole or refused; no part of it is skipped. Fields that the protocol does not know go
on to the model untouched, and their texts are judged like all others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from levelhead.guard.gateway._config import LimitSettings, Role
from levelhead.guard.gateway._decide import Piece
from levelhead.guard.gateway._message_parts import Found, bad, message_content
from levelhead.guard.gateway._picture import Picture
from levelhead.guard.gateway._request_error import RequestError
from levelhead.guard.gateway._strict_json import JSONObject, NotStrictJSONError, parse_object
from levelhead.guard.gateway._texts import is_embedded, texts_in

Endpoint: TypeAlias = Literal["chat/completions", "completions"]

ROLES: tuple[Role, ...] = get_args(Role)

HIDING = ("image_data", "images", "image_urls", "multi_modal_data", "prompt_embeds", "videos")
"""Fields in which some servers take pictures or vectors past the messages."""
MAX_MODEL_NAME = 256
MODEL_NAME = r"\w[\w.:@+-]*(?:/\w[\w.:@+-]*){0,4}"
"""In an address. No part of it begins with a dot, so that none leads elsewhere at the upstream."""


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """A request that was understood.

    Attributes:
        endpoint: Which of the two it is for.
        raw: The bytes as they came.
        fields: The JSON.
        model: Name of the model.
        stream: Whether the answer is to be streamed.
        question: The text of the last turn of the user, which an answer is judged with.
        found: What must be looked at.
    """

    endpoint: Endpoint
    raw: bytes = field(repr=False)
    fields: JSONObject = field(repr=False)
    model: str
    stream: bool
    question: str = field(repr=False)
    found: Found = field(repr=False)

    def body(self, pictures: list[Picture]) -> bytes:
        """What goes on to the model: the bytes as they came, or with pictures in the place of references.

        Args:
            pictures: One for each reference, in order.
        """
        if not pictures:
            return self.raw
        for slot, picture in zip(self.found.pictures, pictures, strict=True):
            slot.holder["url"] = picture.as_data_url()
        return json.dumps(self.fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def read_request(endpoint: Endpoint, raw: bytes, limits: LimitSettings) -> AskedRequest:
    """Understand a request.

    Raises:
        RequestError: 400 if it is malformed or holds a part of an unknown kind, 413 if it is too large.
    """
    fields = read_json(raw, limits)
    model = _checked(fields, "model", str, "a text", required=True)
    if len(model) > MAX_MODEL_NAME:
        raise bad("model", f"the name is longer than {MAX_MODEL_NAME} characters")
    stream = bool(_checked(fields, "stream", bool, "true or false"))
    _check_choices(fields, limits)
    for name in HIDING:
        if name in fields:
            raise bad(name, "it is not supported; send pictures as parts of messages (image_url)")
    found = Found()
    if endpoint == "chat/completions":
        question, known = _read_messages(fields, limits, found), "messages"
    else:
        question, known = _read_prompt(fields, found), "prompt"
    _read_rest({key: value for key, value in fields.items() if key not in (known, "model")}, found)
    if found.characters > limits.max_text_characters:
        raise RequestError(
            413,
            "string_above_max_length",
            f"The texts of the request have {found.characters:,} characters; at most "
            f"{limits.max_text_characters:,} are accepted.",
        )
    return AskedRequest(endpoint, raw, fields, model, stream, question, found)


def read_json(raw: bytes, limits: LimitSettings) -> JSONObject:
    """Read the JSON of a request.

    Raises:
        RequestError: 400 if it is none, or readers could disagree about it.
    """
    try:
        return parse_object(raw, max_depth=limits.max_depth, max_values=limits.max_values)
    except NotStrictJSONError as error:
        raise RequestError(400, "invalid_json", f"The request cannot be read as JSON: {error}.") from error


def _check_choices(fields: JSONObject, limits: LimitSettings) -> None:
    for name in ("n", "best_of"):
        wanted = fields.get(name)
        if wanted is None:
            continue
        if not _is_whole(wanted) or not 1 <= wanted <= limits.max_choices:
            raise bad(name, f"it must be a whole number from 1 to {limits.max_choices}")


def _read_messages(fields: JSONObject, limits: LimitSettings, found: Found) -> str:
    """Note what stands in the messages; returns the text of the last turn of the user."""
    messages = fields.get("messages")
    if not isinstance(messages, list) or not messages:
        raise bad("messages", "it must be a list with at least one message")
    if len(messages) > limits.max_messages:
        raise bad("messages", f"there are {len(messages):,}; at most {limits.max_messages:,} are accepted")
    question = ""
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        if not isinstance(message, dict):
            raise bad(place, "it must be an object")
        text = _read_message(message, place, found)
        if message["role"] == "user":
            question = text
    return question


def _read_message(message: JSONObject, place: str, found: Found) -> str:
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise bad(f"{place}.role", f"it must be one of: {', '.join(ROLES)}")
    for name in HIDING:
        if name in message:
            raise bad(f"{place}.{name}", "it is not supported; send pictures as parts (image_url)")
    text = message_content(message, place, found)
    others = {key: value for key, value in message.items() if key not in ("role", "content")}
    _note(place, text, role, found)
    _note(f"{place} (other fields)", _joined(others, place), role, found)
    return text


def _read_prompt(fields: JSONObject, found: Found) -> str:
    """Note the prompts of the older protocol; returns their text."""
    prompt = fields.get("prompt")
    prompts = prompt if isinstance(prompt, list) else [prompt]
    texts = [one for one in prompts if isinstance(one, str)]
    if prompts and len(texts) == len(prompts):
        for number, one in enumerate(texts):
            _note(f"prompt[{number}]" if len(texts) > 1 else "prompt", one, "user", found)
        return "\n".join(texts)
    if isinstance(prompt, list) and prompt and all(_is_whole(one) or isinstance(one, list) for one in prompt):
        found.unreadable.append(Piece("prompt", "Token numbers are not read here; send the prompt as text."))
        return ""
    raise bad("prompt", "it must be a text, or a list of texts")


def _read_rest(fields: Mapping[str, Any], found: Found) -> None:
    _note("request", _joined(fields, ""), None, found)


def _note(place: str, text: str, role: str | None, found: Found) -> None:
    if text.strip():
        found.pieces.append(Piece(place, text))
        found.roles.append(role)


def _joined(fields: Mapping[str, Any], place: str) -> str:
    return "\n".join(_without_files(fields, place))


def _without_files(fields: Mapping[str, Any], place: str) -> Iterator[str]:
    for key, value in fields.items():
        for inside, text in texts_in(value, f"{place}.{key}" if place else key):
            if is_embedded(text):
                raise bad(inside, "a file stands where no file is expected; send pictures as image_url")
            yield text


def _is_whole(value: Any) -> bool:
    """Whether it is a whole number, however it is written: 2 or 2.0; true is none."""
    return not isinstance(value, bool) and isinstance(value, int | float) and value == int(value)


def _checked(fields: JSONObject, name: str, kind: type, called: str, *, required: bool = False) -> Any:
    value = fields.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, kind):
        raise bad(name, f"it must be {called}")
    return value
