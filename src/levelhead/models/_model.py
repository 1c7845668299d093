"""The contract of every backend: to answer and, where it can, to score and to contrast; all batch-first.

This module knows nothing about torch, servers or files. A backend implements `iter_generate` and, where it
can, `iter_score` and `iter_contrast`; the list forms come for free. Results are yielded a finished batch at a
time, in any order of batches, so that a caller can save each batch before the next one starts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from levelhead.errors import UsageError
from levelhead.records import JSONValue, Prompt, Reply, Score

if TYPE_CHECKING:
    from levelhead.models._contrast import Contrast


_USUAL_BATCH = 16


@dataclass(frozen=True, slots=True)
class Sampling:
    """How replies are drawn.

    Attributes:
        max_new_tokens: Longest reply, in tokens.
        temperature: 0 is greedy decoding; above 0, tokens are sampled.
        top_p: Nucleus of probability mass that is sampled from.
        n: Replies per prompt, drawn from one prefill where the backend can.
        seed: Seed of the sampling; without effect on greedy decoding.
        stop: A reply ends before the first of these strings.
        json_schema: JSON Schema, as JSON text, that the reply should fit. Servers that know `response_format`
            are held to it; local models and other servers write freely, so the caller checks what it gets.

    Raises:
        UsageError: If a value is out of range.
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    n: int = 1
    seed: int = 0
    stop: tuple[str, ...] = ()
    json_schema: str | None = None

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise UsageError(f"max_new_tokens is {self.max_new_tokens}; it must be at least 1.")
        if self.temperature < 0:
            raise UsageError(f"temperature is {self.temperature}; it must be 0 (greedy) or more.")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"top_p is {self.top_p}; it must be above 0 and at most 1.")
        if self.n < 1:
            raise UsageError(f"n is {self.n}; it must be at least 1.")
        if self.n > 1 and self.temperature == 0:
            raise UsageError(
                f"n is {self.n} at temperature 0: all replies would be equal. Set a temperature."
            )
        if "" in self.stop:
            raise UsageError("A stop string is empty; every reply would end before it began.")

    def to_json(self) -> dict[str, object]:
        """The settings as plain data."""
        settings = asdict(self)
        if self.json_schema is None:
            # Left out, so that replies which were stored before there were schemas keep their keys.
            del settings["json_schema"]
        return settings


class Step(NamedTuple):
    """How far a preparation is: what is being done, items done, items in all."""

    label: str
    done: int
    total: int


class Model(ABC):
    """Something that can be asked.

    Attributes:
        name: What `load_model` was given; stands in reports.
        fingerprint: Identity of the weights or of the server's model. Replies are cached under it, so it
            changes whenever the answers may.
        sees: Whether prompts may hold pictures.
    """

    name: str
    fingerprint: str
    sees: bool

    def prepare(self, prompts: Sequence[Prompt]) -> Iterator[Step]:
        """Do what has to be done for all prompts before the first can be asked, telling how far it is.

        Leaving it out changes nothing but when the time is spent. Most models have nothing to prepare.
        """
        yield from ()

    @abstractmethod
    def iter_generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        """Answer prompts, yielding each finished batch as (index of the prompt, its `sampling.n` replies).

        A prompt that fails alone (an unreadable picture, longer than the context) yields failed replies; what
        concerns all prompts raises.

        Raises:
            UsageError: If a prompt holds pictures and the model does not see.
            ModelError: If the model or its server fails as a whole.
        """

    @property
    def can_score(self) -> bool:
        """Whether `iter_score` works. A server may have to be asked, so this is not known before."""
        return False

    def iter_score(
        self, prompts: Sequence[Prompt], continuations: Sequence[str]
    ) -> Iterator[list[tuple[int, Score]]]:
        """Score `continuations[i]` as the answer to `prompts[i]`, yielding each finished batch.

        Raises:
            UsageError: If this backend cannot score, or a prompt holds pictures and the model does not see.
            ModelError: If the model or its server fails as a whole.
        """
        raise UsageError(
            f"The model {self.name} cannot score given answers: its server returns no log-probabilities of "
            "given text. Use a local model (hf:...) or a server that does, such as vLLM."
        )

    def plan_generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[list[int]]:
        """The batches in which `iter_generate` answers, as places among the prompts, each place once.

        A batch that is asked by itself is answered as it is among the others.
        """
        yield from _slices(len(prompts))

    def plan_score(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> Iterator[list[int]]:
        """The same for `iter_score`."""
        yield from _slices(len(prompts))

    @property
    def can_contrast(self) -> bool:
        """Whether `iter_contrast` works: only where the logits of every step are at hand."""
        return False

    def iter_contrast(
        self,
        prompts: Sequence[Prompt],
        blanks: Sequence[Prompt],
        sampling: Sampling,
        contrast: Contrast,
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        """Answer `prompts[i]` set against `blanks[i]`, the same prompt beside blank pictures.

        Otherwise as `iter_generate`; the sampling is greedy. Called by `ContrastModel`, which sees to both.

        Raises:
            UsageError: If this backend cannot.
        """
        raise UsageError(
            f"The model {self.name} cannot be contrasted with a blank picture. Use a local model that sees."
        )

    @property
    def details(self) -> Mapping[str, JSONValue]:
        """Facts for the manifest: dtype, threads, library versions. Part of no hash."""
        return {}

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling | None = None) -> list[Reply]:
        """Answer prompts in order; with `sampling.n` > 1, the n replies of a prompt stand together.

        Returns:
            `len(prompts) * sampling.n` replies.
        """
        sampling = sampling or Sampling()
        replies: dict[int, list[Reply]] = {}
        for batch in self.iter_generate(prompts, sampling):
            replies.update(batch)
        return [reply for index in range(len(prompts)) for reply in replies[index]]

    def score(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> list[Score]:
        """Score each continuation as the answer to its prompt, in order."""
        check_pairs(prompts, continuations)
        scores: dict[int, Score] = {}
        for batch in self.iter_score(prompts, continuations):
            scores.update(batch)
        return [scores[index] for index in range(len(prompts))]

    def close(self) -> None:
        """Give back what the model holds (connections, threads). Calling it twice is fine."""
        return

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _slices(count: int) -> Iterator[list[int]]:
    """The places up to a count in batches of a usual size."""
    for start in range(0, count, _USUAL_BATCH):
        yield list(range(start, min(start + _USUAL_BATCH, count)))


def check_pairs(prompts: Sequence[Prompt], continuations: Sequence[str]) -> None:
    """Refuse lists of unequal length and empty continuations."""
    if len(prompts) != len(continuations):
        raise UsageError(
            f"{len(prompts)} prompts and {len(continuations)} continuations: give one for each prompt."
        )
    if "" in continuations:
        raise UsageError(f"Continuation {continuations.index('')} is empty: there is nothing to score.")


def check_pictures(model: Model, prompts: Sequence[Prompt]) -> None:
    """Refuse pictures for a model that does not see."""
    if any(prompt.images for prompt in prompts):
        require_sight(model)


def require_sight(model: Model) -> None:
    """Refuse a model that does not see."""
    if not model.sees:
        raise UsageError(
            f"The model {model.name} cannot see, and it is to be shown pictures. Append +ocr to let it read "
            "the "
            f"text in pictures ({model.name}+ocr), or choose a vision-language model."
        )
