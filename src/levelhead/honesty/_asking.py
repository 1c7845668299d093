"""Questions to a model and what came back, as rows: the part that probing and evaluation share.

Open questions are answered greedily; multiple choice is answered by scoring every option. What is asked goes
through the run folder, so that a killed run goes on.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelhead.answers import refuses
from levelhead.errors import UsageError
from levelhead.honesty._agreement import Equivalence, clusters, entropy, same_answer, text_entropy
from levelhead.honesty._grading import is_right
from levelhead.honesty._prompts import LETTERS, PromptFormat
from levelhead.honesty._refusals import is_taught_refusal
from levelhead.honesty._rows import SampleFacts
from levelhead.models import Model, Sampling
from levelhead.records import Example, Reply, Score
from levelhead.running import RunFolder, ask, score

NEW_TOKENS = 16
"""Longest answer, in tokens. The official code labels with 15 and evaluates with 5."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How questions are asked.

    Attributes:
        format: The texts of the prompts.
        samples: Sampled answers per question; 0 for none.
        temperature: Of the sampled answers.
        max_new_tokens: Longest answer.
        equivalence: When two sampled answers mean the same.
        seed: Of the sampled answers.
    """

    format: PromptFormat
    samples: int = 0
    temperature: float = 0.7
    max_new_tokens: int = NEW_TOKENS
    equivalence: Equivalence = "words"
    seed: int = 0

    def to_json(self) -> dict[str, object]:
        """All that determines the answers, as plain data."""
        return {
            "format": self.format.to_json(),
            "samples": self.samples,
            "temperature": self.temperature if self.samples else None,
            "max_new_tokens": self.max_new_tokens,
            "equivalence": self.equivalence,
            "seed": self.seed if self.samples else None,
        }

    def greedy(self) -> Sampling:
        """How the one answer is drawn."""
        return Sampling(max_new_tokens=self.max_new_tokens, stop=self.format.stop)

    def sampled(self) -> Sampling:
        """How the sampled answers are drawn."""
        return Sampling(
            max_new_tokens=self.max_new_tokens,
            temperature=self.temperature,
            n=self.samples,
            seed=self.seed,
            stop=self.format.stop,
        )


@dataclass(frozen=True, slots=True)
class Answered:
    """A question's answer before it is judged.

    Attributes:
        text: The answer, or the letter of the chosen option.
        confidence: 0..1; None where the model does not tell.
        option_log_probs: Of each option, in nats, for multiple choice that was scored.
        error: Why there is none; then `text` is None.
    """

    text: str | None
    confidence: float | None = None
    option_log_probs: tuple[float, ...] | None = None
    error: str | None = None


def hash_of(examples: Sequence[Example]) -> str:
    """Identity of a list of examples, through the hashes of their pictures.

    Raises:
        ImageError: If a picture cannot be read.
    """
    digest = hashlib.sha256()
    for example in examples:
        facts = [
            example.id,
            example.question,
            example.answers,
            example.choices,
            [image.sha256() for image in example.images],
        ]
        digest.update(json.dumps(facts).encode())
    return digest.hexdigest()


def check_examples(examples: Sequence[Example]) -> None:
    """Refuse a list that is empty or holds an id twice."""
    if not examples:
        raise UsageError("There is no question to ask: the data is empty.")
    seen: set[str] = set()
    for example in examples:
        if example.id in seen:
            raise UsageError(
                f"The id {example.id!r} stands twice in the data. Give each question its own id."
            )
        seen.add(example.id)


def answer(model: Model, examples: Sequence[Example], asking: Asking, folder: RunFolder) -> list[Answered]:
    """Answer every question, in order."""
    scored = [place for place, example in enumerate(examples) if example.choices and model.can_score]
    written = sorted(set(range(len(examples))) - set(scored))
    found: dict[int, Answered] = {}
    if written:
        found |= zip(
            written, _written(model, [examples[place] for place in written], asking, folder), strict=True
        )
    if scored:
        found |= zip(
            scored, _chosen(model, [examples[place] for place in scored], asking, folder), strict=True
        )
    return [found[place] for place in range(len(examples))]


def sample(
    model: Model, examples: Sequence[Example], answers: Sequence[Answered], asking: Asking, folder: RunFolder
) -> list[SampleFacts | None]:
    """Draw sampled answers to every open question that was answered; None for the others."""
    open_places = [
        place
        for place, example in enumerate(examples)
        if asking.samples and not example.choices and answers[place].text is not None
    ]
    prompts = [asking.format.ask(examples[place]) for place in open_places]
    drawn = ask(model, prompts, asking.sampled(), folder=folder, label="sampling") if open_places else []
    facts: dict[int, SampleFacts | None] = {
        place: _sample_facts(examples[place], answers[place].text or "", replies, asking)
        for place, replies in zip(open_places, drawn, strict=True)
    }
    return [facts.get(place) for place in range(len(examples))]


def judged(example: Example, answered: Answered) -> Mapping[str, Any]:
    """The fields of a `QuestionRow` and of a `ProbeRow`, samples left out."""
    text = answered.text
    return {
        "id": example.id,
        "task": str(example.metadata.get("task", "questions")),
        "group": example.group,
        "question": example.question,
        "answers": None if example.answers is None else list(example.answers),
        "choices": list(example.choices),
        "images": [str(image.path.absolute()) for image in example.images if image.path is not None],
        "metadata": {key: value for key, value in example.metadata.items() if key != "task"},
        "answer": text,
        "error": answered.error,
        "confidence": answered.confidence,
        "refused": None
        if text is None
        else not example.choices and (is_taught_refusal(text) or refuses(text)),
        "correct": None if text is None else is_right(text, example, "corrected"),
        "correct_paper": None if text is None else is_right(text, example, "paper"),
        "option_log_probs": None if answered.option_log_probs is None else list(answered.option_log_probs),
    }


def geometric_mean(log_probs: Sequence[float]) -> float:
    """Geometric mean of token probabilities; 0 for an empty answer (the official code divides by zero).

    >>> round(geometric_mean([math.log(0.9), math.log(0.4)]), 3), geometric_mean([])
    (0.6, 0.0)
    """
    return min(1.0, math.exp(math.fsum(log_probs) / len(log_probs))) if log_probs else 0.0


def _written(model: Model, examples: Sequence[Example], asking: Asking, folder: RunFolder) -> list[Answered]:
    prompts = [asking.format.ask(example) for example in examples]
    replies = ask(model, prompts, asking.greedy(), folder=folder, label="answering")
    return [_answered(example, reply) for example, [reply] in zip(examples, replies, strict=True)]


def _answered(example: Example, reply: Reply) -> Answered:
    if reply.error is not None:
        return Answered(None, error=reply.error)
    text = reply.text.strip()
    if example.choices:
        # A server that cannot score writes its choice; the first letter that stands alone is taken.
        letter = re.search(rf"\b[{LETTERS[: len(example.choices)]}]\b", text)
        text = letter[0] if letter else ""
    return Answered(text, None if reply.log_probs is None else geometric_mean(reply.log_probs))


def _chosen(model: Model, examples: Sequence[Example], asking: Asking, folder: RunFolder) -> list[Answered]:
    form = asking.format
    pairs = [
        (form.ask(example), form.option(place))
        for example in examples
        for place in range(len(example.choices))
    ]
    scores = iter(
        score(model, [one for one, _ in pairs], [two for _, two in pairs], folder=folder, label="choosing")
    )
    return [_best_option([next(scores) for _ in example.choices]) for example in examples]


def _best_option(options: Sequence[Score]) -> Answered:
    if failed := next((one.error for one in options if one.error is not None), None):
        return Answered(None, error=failed)
    log_probs = tuple(one.log_prob for one in options)
    best = max(range(len(options)), key=lambda place: log_probs[place])
    confidence = 1 / math.fsum(math.exp(one - log_probs[best]) for one in log_probs)
    return Answered(LETTERS[best], confidence, log_probs)


def _sample_facts(
    example: Example, greedy: str, replies: Sequence[Reply], asking: Asking
) -> SampleFacts | None:
    texts = [reply.text.strip() for reply in replies if reply.error is None]
    if not texts:
        return None
    found = clusters(texts, asking.equivalence)
    right = [is_right(text, example, "corrected") for text in texts]
    right_paper = [is_right(text, example, "paper") for text in texts]
    return SampleFacts(
        texts=texts,
        correct=None if None in right else right.count(True),
        correct_paper=None if None in right_paper else right_paper.count(True),
        agreement=sum(same_answer(greedy, text, asking.equivalence) for text in texts) / len(texts),
        vote=texts[found[0][0]],
        vote_share=len(found[0]) / len(texts),
        entropy=text_entropy(texts),
        semantic_entropy=entropy(map(len, found)),
    )
