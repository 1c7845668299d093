"""The texts and tokens that prompts and continuations become."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from levelhead.errors import UsageError
from levelhead.records import Prompt


def raw_text(prompt: Prompt) -> str:
    """The text of a raw prompt."""
    return "".join(turn.text for turn in prompt.turns)


def require_template(owner: Any, name: str, prompts: Iterable[Prompt]) -> None:
    """Refuse chat prompts for a tokenizer or processor that has no chat template."""
    if owner.chat_template is None and any(not prompt.raw for prompt in prompts):
        raise UsageError(
            f"The model {name} has no chat template, so it cannot be asked as a chat (it is probably a base "
            "model). Use an "
            "instruction-tuned checkpoint, put a chat_template.jinja into its folder, or ask with raw "
            "prompts."
        )


def end_token_ids(generation_config: Any, config: Any, tokenizer: Any) -> frozenset[int]:
    """Token ids that end a turn, from the generation settings, the model settings and the tokenizer."""
    found: set[int] = set()
    for value in (
        generation_config.eos_token_id,
        config.get_text_config().eos_token_id,
        tokenizer.eos_token_id,
    ):
        found.update(value if isinstance(value, list | tuple) else [] if value is None else [value])
    return frozenset(found)


def cut_at_stop(text: str, stops: tuple[str, ...]) -> str:
    """The text before the first stop string."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(places)] if places else text


def tokens_before(tokenizer: Any, tokens: list[int], text: str) -> int:
    """How many of the tokens it takes to write `text`, a beginning of what they decode to."""
    for count in range(len(tokens), 0, -1):
        if len(tokenizer.decode(tokens[: count - 1], skip_special_tokens=True)) < len(text):
            return count
    return 0


def tokens_after(tokenizer: Any, head: list[int], whole: list[int], continuation: str) -> list[int]:
    """The tokens of a continuation behind a prompt.

    Where the seam falls inside a token of the whole, the continuation is tokenized by itself, as the model
    would have to write it.
    """
    if whole[: len(head)] == head and len(whole) > len(head):
        return whole[len(head) :]
    tokens: list[int] = tokenizer(continuation, add_special_tokens=False)["input_ids"]
    return tokens
