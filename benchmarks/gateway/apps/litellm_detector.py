"""Our detector as a custom guardrail of LiteLLM. Runs in its environment.

Streams are judged sentence by sentence before they go out, and whole at the end, as in our gateway.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import HTTPException
from litellm.integrations.custom_guardrail import CustomGuardrail

from levelhead.guard import Pair, load_detector

_DETECTOR = load_detector(os.environ["BENCHMARK_DETECTOR"])


def _check(text: str, question: str | None = None) -> None:
    if _DETECTOR.flags(_DETECTOR.judge([Pair("text", text, question=question)])[0]) is not False:
        raise HTTPException(400, {"error": "The text counts as harmful."})


class DetectorGuardrail(CustomGuardrail):  # type: ignore[misc]  # installed in its environment only
    """Judges the last question, and every answer."""

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: Any
    ) -> None:
        _check(data["messages"][-1]["content"])

    async def async_post_call_success_hook(
        self, data: dict[str, Any], user_api_key_dict: Any, response: Any
    ) -> None:
        _check(response.choices[0].message.content, data["messages"][-1]["content"])

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        question = request_data["messages"][-1]["content"]
        text, held = "", []
        async for chunk in response:
            held.append(chunk)
            piece = chunk.choices[0].delta.content or ""
            text += piece
            if piece.rstrip().endswith((".", "!", "?")):
                _check(text, question)
                for one in held:
                    yield one
                held.clear()
        _check(text, question)
        for one in held:
            yield one
