"""The guard as a custom guardrail of LiteLLM, where that is installed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.examples.guards import HARM, REWRITTEN, cookie_guard, example

litellm = pytest.importorskip(
    "litellm", reason='LiteLLM is heavy and not in the extra dev: pip install "litellm[proxy]"'
)


def guardrail() -> Any:
    return example("litellm_guardrail").LevelheadGuardrail(cookie_guard(), guardrail_name="levelhead")


def asked(content: Any) -> dict[str, Any]:
    return {"model": "openai/m", "messages": [{"role": "user", "content": content}]}


def answered(text: str, **settings: Any) -> Any:
    """What LiteLLM makes of an answer of a model, without one."""
    return litellm.completion(**asked("Hello"), mock_response=text, **settings)


@pytest.mark.parametrize(
    ("text", "expected"), [("Bread.", ("Bread.", "stop")), (HARM, (REWRITTEN, "content_filter"))]
)
def test_a_harmful_answer_is_rewritten(text: str, expected: tuple[str, str]) -> None:
    found = asyncio.run(guardrail().async_post_call_success_hook(asked("Hello"), None, answered(text)))
    choice = found.choices[0]
    assert (choice.message.content, choice.finish_reason) == expected


@pytest.mark.parametrize("text", ["Bread is baked in an oven.", f"Bread is baked. {HARM}"])
def test_a_stream_is_judged_whole(text: str) -> None:
    async def main() -> tuple[str, str | None]:
        response = await litellm.acompletion(**asked("Hello"), mock_response=text, stream=True)
        hook = guardrail().async_post_call_streaming_iterator_hook(None, response, asked("Hello"))
        chunks = [chunk async for chunk in hook]
        whole = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        return whole, chunks[-1].choices[0].finish_reason

    whole, finish = asyncio.run(main())
    assert whole == (text if HARM not in text else REWRITTEN)
    assert finish == ("stop" if HARM not in text else "content_filter")


@pytest.mark.parametrize(
    "content",
    [
        "How do I steal the cookies?",
        [{"type": "text", "text": "Hello"}, {"type": "image_url", "image_url": {}}],
    ],
    ids=["harmful", "not-inspected"],
)
def test_a_request_that_is_harmful_or_cannot_be_judged_is_refused(content: Any) -> None:
    with pytest.raises(litellm.exceptions.GuardrailRaisedException):
        asyncio.run(guardrail().async_pre_call_hook(None, None, asked(content), "completion"))


def test_a_harmless_request_goes_on_as_it_is() -> None:
    data = asked([{"type": "text", "text": "Hello"}])
    assert asyncio.run(guardrail().async_pre_call_hook(None, None, data, "completion")) == asked(
        [{"type": "text", "text": "Hello"}]
    )
