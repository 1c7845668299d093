"""Levelhead's guard as a custom guardrail of the LiteLLM proxy: requests are blocked, answers rewritten.

Put this file beside LiteLLM's config and name the class there:

    guardrails:
      - guardrail_name: levelhead
        litellm_params:
          guardrail: litellm_guardrail.LevelheadGuardrail
          mode: [pre_call, post_call]
          default_on: true

It judges texts. A message with pictures or audio is refused, since nothing here can read them: for those, put
`levelhead guard serve` in front of the model. A stream is held until its end, so that it is judged whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import litellm
from litellm.exceptions import GuardrailRaisedException
from litellm.integrations.custom_guardrail import CustomGuardrail

from levelhead.guard import load_detector, load_detoxifier
from levelhead.guard.gateway import Guard


class LevelheadGuardrail(CustomGuardrail):  # type: ignore[misc]
    """Judges what goes through a LiteLLM proxy.

    Args:
        guard: Decides; the shipped detector with plain refusals if not given.
        settings: Of LiteLLM.
    """

    def __init__(self, guard: Guard | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._guard = guard or Guard(load_detector("encoder"), load_detoxifier("template"))

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """Refuse a request of which a text is harmful or cannot be judged."""
        for message in data.get("messages", ()):
            decision = await self._guard.acheck_input(_text(message))
            if not decision.passed:
                raise _refusal(decision.reason or "The request was not let through.")
        return data

    async def async_post_call_success_hook(
        self, data: dict[str, Any], user_api_key_dict: Any, response: Any
    ) -> Any:
        """Put a rewriting or a refusal into the place of each harmful answer."""
        for choice in response.choices:
            await self._judge(choice, _question(data))
        return response

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """Judge a stream at its end, and let it go on as it came if it is harmless."""
        chunks = [chunk async for chunk in response]
        whole = litellm.stream_chunk_builder(chunks)
        if whole is None or not chunks:
            raise _refusal("The answer cannot be read.")
        if not await self._judge(whole.choices[0], _question(request_data)):
            for chunk in chunks:
                yield chunk
            return
        last = chunks[-1]
        last.choices[0].delta.content = whole.choices[0].message.content
        last.choices[0].finish_reason = "content_filter"
        yield last

    async def _judge(self, choice: Any, question: str | None) -> bool:
        """Whether something else stands in the choice now."""
        said = choice.message.content or ""
        if choice.message.tool_calls:
            said = "\n".join([said, *(call.function.arguments for call in choice.message.tool_calls)])
        decision = await self._guard.acheck_output(said, question)
        if decision.released == said:
            return False
        choice.message.content, choice.message.tool_calls = decision.released, None
        choice.finish_reason = "content_filter"
        return True


def _question(data: dict[str, Any]) -> str | None:
    asked = [message for message in data.get("messages", ()) if message.get("role") == "user"]
    return _text(asked[-1]) if asked else None


def _text(message: dict[str, Any]) -> str:
    """All text of a message, the arguments of its tools included."""
    content = message.get("content") or []
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if unread := [part.get("type") for part in parts if part.get("type") != "text"]:
        raise _refusal(f"Parts of the type {unread[0]} cannot be judged here.")
    calls = message.get("tool_calls") or ()
    return "\n".join([*(part["text"] for part in parts), *(call["function"]["arguments"] for call in calls)])


def _refusal(reason: str) -> GuardrailRaisedException:
    return GuardrailRaisedException(guardrail_name="levelhead", message=reason)
