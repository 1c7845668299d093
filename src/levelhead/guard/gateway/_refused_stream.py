"""A stream that the gateway gives itself, since the request did not go on to the model."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from levelhead.guard.gateway._extension import Extension
from levelhead.guard.gateway._requests import Endpoint
from levelhead.guard.gateway._sse import DONE, event
from levelhead.guard.gateway._strict_json import JSONObject


async def refused_events(
    endpoint: Endpoint, fields: JSONObject, text: str, extension: Extension
) -> AsyncIterator[bytes]:
    """The refusal as events.

    Args:
        endpoint: What was asked.
        fields: The same as a whole answer.
        text: The refusal.
        extension: What the client is told.
    """
    for said, end in ((text, None), ("", "content_filter")):
        choice: JSONObject = {"index": 0, "finish_reason": end, "logprobs": None}
        if endpoint == "completions":
            choice["text"] = said
        else:
            choice["delta"] = {"role": "assistant", "content": said} if said else {}
        chunk = {key: fields[key] for key in ("id", "object", "created", "model")}
        if endpoint == "chat/completions":
            chunk["object"] = "chat.completion.chunk"
        chunk["choices"] = [choice]
        yield event(json.dumps(extension.put(chunk) if end else chunk, ensure_ascii=False))
    yield event(DONE)
