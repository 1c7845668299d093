"""The description of the gateway in OpenAPI 3.1, which it serves at /openapi.json.

It is made from the config that the gateway runs with, so that limits and keys stand in it as they hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from levelhead import __version__
from levelhead.guard.gateway._config import GatewayConfig, LimitSettings
from levelhead.guard.gateway._openapi_schemas import Schema, ref, schemas
from levelhead.guard.gateway._requests import MODEL_NAME

_ERRORS = {
    400: "The request is malformed, or holds what is not supported.",
    401: "The key is missing or wrong.",
    404: "The model server knows no such thing.",
    408: "The request did not come in time.",
    409: "The model server refuses the request.",
    413: "The request, a text of it or a picture is too large.",
    415: "The request is compressed, or no JSON.",
    422: "A picture cannot be used or is not let in; or the model server refuses the request.",
    429: "Too many requests of this key, or the model server says so. Retry-After tells when.",
    500: "The gateway failed. Nothing was let through.",
    502: "The model server cannot be reached, or its answer is none.",
    503: "Too much is under way, or what must be judged or recorded cannot be.",
    504: "The model server, or the server of a picture, took too long.",
}
_OF_ALL = (401, 500)
_OF_BODIES = (400, 408, 413, 415, 429, 503)
_OF_THE_UPSTREAM = (400, 404, 409, 413, 415, 422, 429, 502, 503, 504)


def openapi_document(config: GatewayConfig) -> Schema:
    """The description as plain data.

    Args:
        config: Of the gateway that is described.
    """
    components: Schema = {"schemas": schemas(config.limits)}
    document: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "Levelhead guard",
            "version": __version__,
            "description": "An OpenAI-compatible gateway that judges what goes into a model and comes out.",
        },
        "paths": {**_answering(config.limits), **_looking()},
        "components": components,
    }
    if config.keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
    return document


def _answering(limits: LimitSettings) -> Schema:
    """The paths that are asked by POST."""
    return {
        "/v1/chat/completions": {"post": _asked("Answer a chat.", "ChatRequest", limits)},
        "/v1/completions": {"post": _asked("Go on with a text.", "CompletionRequest", limits)},
        "/v1/moderations": {
            "post": {
                "summary": "Judge texts.",
                "requestBody": _body("ModerationRequest", limits),
                "responses": {"200": _json("The verdicts.", ref("Moderation")), **_errors(*_OF_BODIES)},
            }
        },
    }


def _asked(summary: str, request: str, limits: LimitSettings) -> Schema:
    answer = _json("The answer; with `stream`, its events.", ref("Completion"))
    answer["content"]["text/event-stream"] = {}
    answer["headers"] = {
        f"x-levelhead-{name}": {"schema": {"type": "string"}} for name in ("request-id", "input", "output")
    }
    return {
        "summary": summary,
        "requestBody": _body(request, limits),
        "responses": {"200": answer, **_errors(*_OF_BODIES, *_OF_THE_UPSTREAM)},
    }


def _body(name: str, limits: LimitSettings) -> Schema:
    return {
        "required": True,
        "description": f"At most {limits.max_body_bytes:,} bytes, {limits.max_text_characters:,} characters "
        f"of text, {limits.max_depth} levels and {limits.max_values:,} keys and values; no key twice.",
        "content": {"application/json": {"schema": ref(name)}},
    }


def _looking() -> Schema:
    """The paths that are asked by GET."""
    of_models = {"responses": {"200": _json("As the model server says.", {}), **_errors(*_OF_THE_UPSTREAM)}}
    name = {
        "name": "name",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": f"^{MODEL_NAME}$"},
    }
    status = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}
    text = {"schema": {"type": "string"}}
    return {
        "/v1/models": {"get": {"summary": "The models of the model server.", **of_models}},
        "/v1/models/{name}": {"get": {"summary": "One of them.", "parameters": [name], **of_models}},
        "/healthz": {
            "get": {
                "summary": "Whether it is alive.",
                "security": [],
                "responses": {"200": _json("It is.", status)},
            }
        },
        "/readyz": {
            "get": {
                "summary": "Whether it should get requests.",
                "security": [],
                "responses": {"200": _json("Yes.", status), "503": _json("No.", status)},
            }
        },
        "/metrics": {
            "get": {
                "summary": "Metrics for Prometheus.",
                "responses": {
                    "200": {"description": "The metrics.", "content": {"text/plain": text}},
                    **_errors(),
                },
            }
        },
        "/openapi.json": {
            "get": {"summary": "This description.", "responses": {"200": _json("It.", {}), **_errors()}}
        },
    }


def _json(description: str, schema: Mapping[str, Any]) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": dict(schema)}}}


def _errors(*statuses: int) -> Schema:
    return {str(one): _json(_ERRORS[one], ref("Error")) for one in sorted({*_OF_ALL, *statuses})}
