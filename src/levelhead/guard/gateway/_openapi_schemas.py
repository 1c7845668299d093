"""JSON Schemas of what the gateway reads and writes, for its OpenAPI description.

They say what the readers of requests hold (`_requests.py`, `_message_parts.py`, `_moderations.py`), with the
limits of a config; a test asks both about the same requests. What a schema cannot say stands in words: the
depth and size of the whole, and what a picture must be.
"""

from __future__ import annotations

from typing import Any, TypeAlias, get_args

from levelhead.guard.gateway._config import LimitSettings
from levelhead.guard.gateway._decision import ACTIONS
from levelhead.guard.gateway._message_parts import CONTENT_OPTIONAL, DETAILS, TEXT_PARTS
from levelhead.guard.gateway._moderations import MAX_INPUTS
from levelhead.guard.gateway._request_error import ErrorType
from levelhead.guard.gateway._requests import HIDING, MAX_MODEL_NAME, ROLES
from levelhead.guard.gateway._sureness import Unsure

Schema: TypeAlias = dict[str, Any]

_NO_NUL = "^[^\\u0000]*$"
_EMBEDDED = r"^\s*[dD][aA][tT][aA]:([A-Za-z0-9_.+-]+/[A-Za-z0-9_.+-]+)?(;[A-Za-z0-9_.+=-]+)*,"
_EMPTY: list[object] = [None, False, 0, "", [], {}]
_REFUSED: Schema = dict.fromkeys(HIDING, False)


def ref(name: str) -> Schema:
    """A reference to a schema of this module."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas(limits: LimitSettings) -> dict[str, Schema]:
    """All schemas by name.

    Args:
        limits: What a request may be.
    """
    return {
        **_values(),
        **_parts(),
        "Message": _message(),
        "ChatRequest": _asking(
            limits,
            messages={
                "type": "array",
                "minItems": 1,
                "maxItems": limits.max_messages,
                "items": ref("Message"),
            },
        ),
        "CompletionRequest": _asking(limits, prompt=_prompt()),
        "ModerationRequest": _moderation_request(),
        "Moderation": _moderation(),
        "Completion": _completion(),
        "Levelhead": _levelhead(),
        "Error": _error(),
    }


def _values() -> dict[str, Schema]:
    text = {"type": "string", "pattern": _NO_NUL}
    no_file = {**text, "not": {"pattern": _EMBEDDED}}
    return {
        "Text": text,
        "Further": {
            "description": "Any JSON; its texts are judged. A file in the form of a data: URL is refused.",
            "anyOf": [
                {"type": ["null", "boolean", "number"]},
                no_file,
                {"type": "array", "items": ref("Further")},
                {"type": "object", "propertyNames": no_file, "additionalProperties": ref("Further")},
            ],
        },
        "Anything": {
            "anyOf": [
                {"type": ["null", "boolean", "number"]},
                ref("Text"),
                {"type": "array", "items": ref("Anything")},
                _object(additionalProperties=ref("Anything"), propertyNames=ref("Text")),
            ]
        },
    }


def _object(required: tuple[str, ...] = (), /, **keywords: Any) -> Schema:
    found: Schema = {"type": "object", **keywords}
    return {**found, "required": list(required)} if required else found


def _one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def _parts() -> dict[str, Schema]:
    picture = _object(
        ("url",),
        properties={
            "url": {**ref("Text"), "description": "A data: URL in Base64, or an address that media lets in."},
            "detail": {"enum": [*DETAILS, None]},
        },
        additionalProperties=False,
    )
    anything: Schema = {"additionalProperties": ref("Anything"), "propertyNames": ref("Text")}
    return {
        "TextPart": _part(_one_of(*TEXT_PARTS), "text", ref("Text")),
        "RefusalPart": _part(_one_of("refusal"), "refusal", ref("Text")),
        "FilePart": _part(_one_of("file"), "file", _object(**anything)),
        "AudioPart": {**_part(_one_of("input_audio"), "input_audio", _object(**anything)), **anything},
        "PicturePart": {**_part(_one_of("image_url"), "image_url", picture), "additionalProperties": False},
    }


def _part(kind: Schema, key: str, value: Schema) -> Schema:
    return _object(("type", key), properties={"type": kind, key: value}, additionalProperties=ref("Further"))


def _message() -> Schema:
    names = ("TextPart", "RefusalPart", "FilePart", "AudioPart", "PicturePart")
    parts = {"type": "array", "minItems": 1, "items": {"anyOf": [ref(name) for name in names]}}
    without_content = {
        "properties": {"role": {"const": "assistant"}, "content": {"type": "null"}},
        "anyOf": [
            {"required": [key], "properties": {key: {"not": {"enum": _EMPTY}}}} for key in CONTENT_OPTIONAL
        ],
    }
    return _object(
        ("role",),
        properties={
            "role": _one_of(*ROLES),
            "content": {"anyOf": [ref("Text"), parts, {"type": "null"}]},
            **_REFUSED,
        },
        additionalProperties=ref("Further"),
        propertyNames=ref("Text"),
        anyOf=[
            {"required": ["content"], "properties": {"content": {"type": ["string", "array"]}}},
            without_content,
        ],
    )


def _asking(limits: LimitSettings, **content: Schema) -> Schema:
    count = {"type": ["integer", "null"], "minimum": 1, "maximum": limits.max_choices}
    return _object(
        ("model", *content),
        properties={
            "model": {"type": "string", "maxLength": MAX_MODEL_NAME, "pattern": _NO_NUL},
            "stream": {"type": ["boolean", "null"]},
            "n": count,
            "best_of": count,
            **content,
            **_REFUSED,
        },
        additionalProperties=ref("Further"),
        propertyNames=ref("Text"),
        description="Fields that are not named here go on to the model; their texts are judged.",
    )


def _prompt() -> Schema:
    numbers = {"anyOf": [{"type": "integer"}, {"type": "array", "items": ref("Anything")}]}
    return {
        "anyOf": [
            ref("Text"),
            {"type": "array", "minItems": 1, "items": ref("Text")},
            {
                "type": "array",
                "minItems": 1,
                "items": numbers,
                "description": "Numbers of tokens, which are not inspected.",
            },
        ]
    }


def _moderation_request() -> Schema:
    part = _object(
        ("type", "text"),
        properties={"type": {"const": "text"}, "text": ref("Text")},
        additionalProperties=ref("Anything"),
        propertyNames=ref("Text"),
    )
    several = [
        {"type": "array", "minItems": 1, "maxItems": MAX_INPUTS, "items": items}
        for items in (ref("Text"), part)
    ]
    return _object(
        ("input",),
        properties={"input": {"anyOf": [ref("Text"), *several]}},
        additionalProperties=ref("Anything"),
        propertyNames=ref("Text"),
    )


def _moderation() -> Schema:
    by_kind = {"type": "object", "required": ["harm"]}
    result = _object(
        ("flagged", "categories", "category_scores"),
        properties={
            "flagged": {"type": "boolean"},
            "categories": {**by_kind, "additionalProperties": {"type": "boolean"}},
            "category_scores": {**by_kind, "additionalProperties": _SHARE},
            "category_applied_input_types": {
                **by_kind,
                "additionalProperties": {"type": "array", "items": {"const": "text"}},
            },
        },
    )
    return _object(
        ("id", "model", "results"),
        properties={
            "id": {"type": "string"},
            "model": {"type": "string"},
            "results": {"type": "array", "minItems": 1, "items": result},
        },
    )


_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}


def _completion() -> Schema:
    return _object(
        ("choices",),
        properties={
            "choices": {"type": "array", "minItems": 1, "items": _object()},
            "levelhead": ref("Levelhead"),
        },
        description="What the model server answered, with one field more; or a refusal in the same form.",
    )


def _levelhead() -> Schema:
    summary = {
        "action": _one_of(*ACTIONS),
        "inspected": {"type": "boolean", "description": "False: let through or kept back without a verdict."},
        "category": _TEXT_OR_NULL,
        "reason": _TEXT_OR_NULL,
        "place": {"type": "string"},
        "attempts": {"type": "integer", "minimum": 0},
        "p_harm": {"anyOf": [_SHARE, {"type": "null"}]},
    }
    honesty = _object(
        ("p_sure", "action", "reason"),
        properties={
            "p_sure": {"anyOf": [_SHARE, {"type": "null"}]},
            "action": _one_of(*get_args(Unsure)),
            "reason": _TEXT_OR_NULL,
            "p_right": {**_SHARE, "description": "p_sure made honest; only with a policy."},
            "same_without_picture": {"type": ["boolean", "null"], "description": "Only with a policy."},
        },
    )
    choice = _object(
        ("index", "action", "inspected"),
        properties={"index": {"type": "integer"}, **summary, "honesty": honesty},
    )
    return _object(
        ("request_id",),
        properties={
            "request_id": {"type": "string"},
            "input": _object(("action", "inspected"), properties=summary),
            "output": {"type": "array", "items": choice},
        },
        description="What was decided about the request and about each choice of the answer.",
    )


def _error() -> Schema:
    inner = _object(
        ("message", "type", "param", "code"),
        properties={
            "message": {"type": "string"},
            "type": _one_of(*get_args(ErrorType)),
            "param": _TEXT_OR_NULL,
            "code": {"type": "string"},
        },
    )
    return _object(("error",), properties={"error": inner})
