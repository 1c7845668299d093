"""The rows that honesty reads and writes: one per question, in `rows.jsonl` of a run folder.

`docs/honesty.md` documents them for other tools. Fields that are None do not apply or are not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from levelhead.errors import UsageError
from levelhead.records import Example, Image, JSONValue


class QuestionRow(BaseModel):
    """A question and what is known of its answer.

    Attributes:
        id: Unique in its file.
        task: The data set that the question is from; numbers are told for each.
        group: Questions of one group stand or fall together; intervals are clustered by it.
        question: Its text, without the options.
        answers: Accepted answers; None for a question that has no answer, empty for one whose answer is not
            at hand.
        choices: The options of a multiple-choice question.
        images: Paths of its pictures.
        metadata: What else its reader knew.
        answer: What the model answered: text, or the letter of an option.
        error: Why the model gave no answer; all that follows from an answer is None then.
        confidence: Geometric mean of the probabilities of the answer's tokens, or the probability of the
            chosen option among the options; in 0..1. 0 for an empty answer.
        refused: Whether the answer says in words that the model will not or cannot answer.
        correct: By the corrected rule: whole words, accents and case aside, aliases, denials heeded.
        correct_paper: By the official rule: a substring.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    task: str = "questions"
    group: str | None = None
    question: str
    answers: list[str] | None
    choices: list[str] = []
    images: list[str] = []
    metadata: dict[str, JSONValue] = {}
    answer: str | None = None
    error: str | None = None
    confidence: float | None = None
    refused: bool | None = None
    correct: bool | None = None
    correct_paper: bool | None = None

    def to_example(self) -> Example:
        """The question as an `Example`."""
        from pathlib import Path

        return Example(
            id=self.id,
            question=self.question,
            answers=None if self.answers is None else tuple(self.answers),
            images=tuple(Image(path=Path(path)) for path in self.images),
            choices=tuple(self.choices),
            group=self.group,
            metadata={**self.metadata, "task": self.task},
        )


class SampleFacts(BaseModel):
    """What N sampled answers to one question say.

    Attributes:
        texts: The answers, in the order drawn.
        correct: How many are right by the corrected rule; None where no answer is known.
        correct_paper: The same by the official rule.
        agreement: Share that says the same as the greedy answer, 0..1.
        vote: The commonest answer, by clusters.
        vote_share: Share of the answers that says so.
        entropy: Of the answers as they are written, in nats (R-Tuning-U).
        semantic_entropy: Of the clusters of answers that mean the same, in nats.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    texts: list[str]
    correct: int | None
    correct_paper: int | None
    agreement: float
    vote: str
    vote_share: float
    entropy: float
    semantic_entropy: float


class ProbeRow(QuestionRow):
    """What a model knows of one question, from `levelhead honesty probe`.

    Attributes:
        samples: What sampled answers say, if any were drawn.
        option_log_probs: For multiple choice: log-probability of each option, in nats.
    """

    samples: SampleFacts | None = None
    option_log_probs: list[float] | None = None


class AnswerRow(ProbeRow):
    """An answer and how sure the model is of it, from `levelhead honesty eval`.

    Attributes:
        suite: Always `honesty`; a run folder may hold several suites.
        p_sure: P(sure) / (P(sure) + P(unsure)) over the whole continuations.
        p_sure_paper: The same over the first token of each.
    """

    suite: Literal["honesty"] = "honesty"
    p_sure: float | None = None
    p_sure_paper: float | None = None


RowT = TypeVar("RowT", bound=QuestionRow)


def rows_from(kind: type[RowT], rows: Iterable[Mapping[str, object]], source: str) -> list[RowT]:
    """Check rows that were read from a file.

    Args:
        kind: `ProbeRow` or `AnswerRow`.
        rows: The objects, in order.
        source: How the file is called in an error.

    Raises:
        UsageError: If one has another form.
    """
    found = []
    for number, row in enumerate(rows, start=1):
        try:
            found.append(kind.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the row"
            raise UsageError(
                f"Row {number} of {source} is no row of an honesty run ({place}: {first['msg']}). "
                "docs/honesty.md describes the form."
            ) from error
    return found
