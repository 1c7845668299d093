"""Putting the question of a sample in the way of a prompt variant."""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    Content,
    ContentImage,
    ContentText,
    GenerateConfig,
    get_model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver

from levelhead.illusion import CAPTION_TOKENS, put_question, variant_named
from levelhead.inspect._messages import to_reply
from levelhead.inspect._samples import to_example
from levelhead.records import Prompt


@solver
def put_as(variant: str = "paper") -> Solver:
    """Ask the question of a sample of the illusion set as `levelhead illusion run --variant` does.

    Args:
        variant: A name in `levelhead.illusion.VARIANTS`.

    Raises:
        UsageError: If there is no such variant.
    """
    manner = variant_named(variant)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        example = to_example(state.sample_id, state.metadata)
        pictures = _pictures(state.messages)
        caption = None
        if manner.caption_request is not None and pictures:
            messages = _messages(Prompt.ask(manner.caption_request), pictures)
            settings = GenerateConfig(max_tokens=CAPTION_TOKENS, temperature=0.0)
            state.messages = messages
            state.output = await get_model().generate(messages, config=settings)
            caption = to_reply(state.output)
        prompt = put_question(example, manner, caption)
        if prompt is None:
            return state  # the first ask failed, and so does the sample, for its reason
        state.messages = _messages(prompt, pictures)
        return await generate(state)

    return solve


def _pictures(messages: Sequence[ChatMessage]) -> list[ContentImage]:
    """The pictures of the sample, as Inspect holds them."""
    return [
        part
        for message in messages
        if not isinstance(message.content, str)
        for part in message.content
        if isinstance(part, ContentImage)
    ]


def _messages(prompt: Prompt, pictures: Sequence[ContentImage]) -> list[ChatMessage]:
    """The turns of a prompt; the pictures stand in the first one of the user, before its text."""
    messages: list[ChatMessage] = []
    left: list[Content] = list(pictures)
    for turn in prompt.turns:
        if turn.role == "user":
            messages.append(ChatMessageUser(content=[*left, ContentText(text=turn.text)]))
            left = []
        elif turn.role == "assistant":
            messages.append(ChatMessageAssistant(content=turn.text))
        else:
            messages.append(ChatMessageSystem(content=turn.text))
    return messages
