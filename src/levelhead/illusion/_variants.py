"""How a question is put to a model, by name: the ways that are compared with each other.

Each is a text around the question, and one of them is two asks. Without a picture nothing is said about
pictures, so the control of a variant that only speaks of the picture is the bare question. Every wording is
our own, except that of `paper`, which has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from levelhead.answers import answer_words
from levelhead.errors import UsageError
from levelhead.models import Model, Sampling
from levelhead.records import Example, Prompt, Reply, Turn
from levelhead.running import RunFolder, ask

CAPTION_TOKENS = 48
"""Longest description of a picture, in tokens: enough for one sentence."""
_BARE = "{question}"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to put a question.

    Attributes:
        name: What `--variant` takes.
        meaning: What it does, for the page and the docs.
        beside_picture: The text when a picture is shown; `{question}` stands for the question.
        without_picture: The text when none is.
        caption_request: Asked about the picture first; the description that comes stays in the conversation.
            None for a variant of one ask.
    """

    name: str
    meaning: str
    beside_picture: str = _BARE
    without_picture: str = _BARE
    caption_request: str | None = None

    def to_json(self) -> dict[str, object]:
        """What determines the answers, for the manifest."""
        return {
            "beside_picture": self.beside_picture,
            "without_picture": self.without_picture,
            "caption_request": self.caption_request,
            "caption_tokens": CAPTION_TOKENS if self.caption_request else None,
        }


_SHORT = "{question} Reply with the answer alone, in as few words as you can."
VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant("paper", "the bare question, as the paper asks it"),
        Variant("short", "the question, and a wish for a short answer", _SHORT, _SHORT),
        Variant(
            "unrelated",
            "the question, and a warning that the picture may be unrelated",
            "{question} The picture may have nothing to do with this question. Rely on what you know.",
        ),
        Variant(
            "answer-first",
            "answer from knowledge first, look at the picture afterwards",
            "Begin with the answer to the question, from what you know and as if there were no picture. Only "
            "after that, look at the picture and say what it shows.\n\nQuestion: {question}",
        ),
        Variant(
            "caption-first",
            "describe the picture first, answer in a second ask",
            "Now that you have said what is in the picture, answer this question. It may be about something "
            "else.\n\nQuestion: {question}",
            caption_request="Say in one sentence what you see in the picture.",
        ),
    )
}
"""The variants by name."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What became of one example.

    Attributes:
        prompt: What the reply answers; None where the first ask failed, so that there was no second.
        reply: The answer, or the failure of either ask.
        caption: What the model said of the picture in a first ask; None where there was none.
    """

    prompt: Prompt | None
    reply: Reply
    caption: str | None = None


def variant_named(name: str) -> Variant:
    """The variant of a name.

    Raises:
        UsageError: If there is none.
    """
    if name not in VARIANTS:
        raise UsageError(f"There is no prompt variant {name!r}. Give one of: {', '.join(VARIANTS)}.")
    return VARIANTS[name]


def exchange(
    model: Model, examples: Sequence[Example], variant: Variant, sampling: Sampling, folder: RunFolder
) -> list[Exchange]:
    """Put every example to a model in the way of a variant.

    Each ask is stored as it is answered, descriptions too, so that a run that was killed between the two goes
    on with the descriptions it has. An example whose description failed (a picture that cannot be decoded)
    fails with the same reason, and no other does.

    Returns:
        One exchange for each example, in order.

    Raises:
        As `ask`.
    """
    captions = _captions(model, examples, variant, folder)
    prompts = [
        put_question(example, variant, caption) for example, caption in zip(examples, captions, strict=True)
    ]
    asked = [prompt for prompt in prompts if prompt is not None]
    answers = iter(ask(model, asked, sampling, folder=folder, label="asking"))
    exchanges = []
    for prompt, caption in zip(prompts, captions, strict=True):
        if caption is not None and caption.error is not None:
            exchanges.append(Exchange(None, caption))
        else:
            [reply] = next(answers)
            exchanges.append(Exchange(prompt, reply, caption.text if caption else None))
    return exchanges


def _captions(
    model: Model, examples: Sequence[Example], variant: Variant, folder: RunFolder
) -> list[Reply | None]:
    """What the model says of each example's picture; None where it is not asked."""
    if variant.caption_request is None:
        return [None] * len(examples)
    prompts = [
        Prompt.ask(variant.caption_request, images=example.images) for example in examples if example.images
    ]
    sampling = Sampling(max_new_tokens=CAPTION_TOKENS)
    replies = iter(ask(model, prompts, sampling, folder=folder, label="describing"))
    return [next(replies)[0] if example.images else None for example in examples]


def put_question(example: Example, variant: Variant, caption: Reply | None) -> Prompt | None:
    """What is asked of an example at the end.

    Args:
        example: The example, with its picture if it has one.
        variant: How it is put.
        caption: What the model said of the picture in a first ask, if the variant has one.

    Returns:
        The prompt; None where the first ask failed, so that there is no second.
    """
    if not example.images:
        return Prompt.ask(variant.without_picture.replace("{question}", example.question))
    if caption is not None and caption.error is not None:
        return None
    prompt = Prompt.ask(variant.beside_picture.replace("{question}", example.question), images=example.images)
    # A description without a word is no turn of a conversation; chat templates and servers refuse some.
    if caption is None or variant.caption_request is None or not answer_words(caption.text):
        return prompt
    described = (Turn("user", variant.caption_request), Turn("assistant", caption.text))
    return replace(prompt, turns=(*described, *prompt.turns))
