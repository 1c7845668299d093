"""What an error of the upstream becomes for the client.

Errors that the client can mend keep their status, their code and their words, with all that looks like an
address, a path or a key taken out. Others, among them a key of ours that the upstream refuses, are told as a
fault of the gateway's side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from levelhead.guard.gateway._request_error import ErrorType, RequestError
from levelhead.guard.gateway._strict_json import NotStrictJSONError, parse_object

_CLIENTS_OWN = (400, 404, 409, 413, 415, 422)
"""Statuses that tell a client what to change."""
_MAX_WORDS = 400
_TOKEN = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
_RETRY_AFTER = re.compile(r"\d{1,6}|[A-Za-z]{3}, [\w :-]{1,40} GMT")
_SECRETS = re.compile(
    r"""
    \w+://\S+                                   # an address
    | (?:\d{1,3}\.){3}\d{1,3}(?::\d+)?          # an IPv4 host
    | \[?(?:[0-9a-fA-F]{0,4}:){2,}[0-9a-fA-F.:]*\]?(?::\d+)?   # an IPv6 host
    | \b[\w-]+(?:\.[\w-]+)*:\d{2,5}\b           # a host with a port
    | \b(?:[\w-]+\.)+(?:com|net|org|io|ai|dev|cloud|internal|local|svc|lan|corp)\b   # a host
    | (?<!\w)/(?:[\w.@-]+/)+[\w.@-]*            # a path
    | \b(?:bearer|basic)\s+\S+                  # a header
    | \b[\w-]*(?:sk|key|token|secret|pk|hf|ghp|xox\w)[-_=:][\w*.-]{4,}   # a key by its beginning
    | \b[A-Za-z0-9_*-]{28,}\b                   # a key by its length
    """,
    re.VERBOSE | re.IGNORECASE,
)


def error_of_answer(status: int, headers: Mapping[str, str], body: bytes) -> RequestError:
    """The error for an answer of the upstream with a status other than 200."""
    code, words = _told(body)
    detail = f"status {status}"
    if status in (429, 503):
        wait = headers.get("retry-after", "").strip()
        return RequestError(
            status,
            (code or "rate_limit_exceeded") if status == 429 else "upstream_overloaded",
            "The model server has too much to do. Try again later.",
            type="rate_limit_error" if status == 429 else "upstream_error",
            retry_after=wait if _RETRY_AFTER.fullmatch(wait) else "1",
            detail=detail,
        )
    if status in _CLIENTS_OWN:
        said = f"The model server refuses the request: {words}" if words else "The model server refuses it."
        kind: ErrorType = "invalid_request_error"
        return RequestError(status, code or "upstream_refused", said, type=kind, detail=detail)
    if status in (401, 403):
        return RequestError(
            502,
            "upstream_unauthorized",
            "The model server does not accept the gateway.",
            type="upstream_error",
            detail=detail,
        )
    return RequestError(
        502, "upstream_error", "The model server failed.", type="upstream_error", detail=detail
    )


def invalid_answer(why: str) -> RequestError:
    """The error for an answer that is none."""
    return RequestError(
        502,
        "upstream_invalid_answer",
        f"The model server's answer cannot be used: {why}.",
        type="upstream_error",
        detail=why,
    )


def too_large(limit: int) -> RequestError:
    """The error for an answer that does not end."""
    return invalid_answer(f"it is larger than {limit:,} bytes")


def unreachable(detail: str, *, begun: bool) -> RequestError:
    """The error for an upstream that is not there, or leaves in the middle."""
    said = "broke off its answer" if begun else "could not be reached"
    return RequestError(
        502, "upstream_unreachable", f"The model server {said}.", type="upstream_error", detail=detail
    )


def timed_out(detail: str, *, begun: bool) -> RequestError:
    """The error for an answer that does not come, or not to its end."""
    said = "did not finish its answer in time" if begun else "did not answer in time"
    return RequestError(
        504, "upstream_timeout", f"The model server {said}.", type="upstream_error", detail=detail
    )


def without_secrets(words: str) -> str:
    """Words of an upstream as a client may read them.

    >>> without_secrets("cannot connect to http://10.0.0.7:8000/v1 with sk-abcdef123456")
    'cannot connect to … with …'
    """
    printable = "".join(letter if letter.isprintable() else " " for letter in words)
    cleaned = _SECRETS.sub("…", printable)
    return cleaned if len(cleaned) <= _MAX_WORDS else f"{cleaned[:_MAX_WORDS]} …"


def _told(body: bytes) -> tuple[str | None, str]:
    """The code and the words of an error, if it is in the form of the protocol."""
    try:
        fields = parse_object(body)
    except NotStrictJSONError:
        return None, ""
    inner = fields.get("error")
    error = inner if isinstance(inner, dict) else fields
    codes = [one for one in (error.get("code"), error.get("type")) if isinstance(one, str)]
    words = error.get("message")
    return (
        next((code for code in codes if _TOKEN.fullmatch(code)), None),
        without_secrets(words) if isinstance(words, str) else "",
    )
