"""Questions that have no answer: our own mild rows, which travel in the package.

Half of them rest on a false premise (the harbor of a town that lies inland), half ask about something whose
name we made up. Whoever answers one makes something up too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter

from levelhead.datasets._files import read_jsonl
from levelhead.records import Example

LONGEST = 120
"""Longest question, in characters."""

_Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Unanswerable(BaseModel):
    """A question that has no answer.

    Attributes:
        id: Unique in the file.
        category: What it is about: one of the categories of the illusion suite's bank.
        kind: Why it has no answer.
        question: Its text.
        why: The same in words, for whoever checks the row; no model is shown it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: _Line
    category: _Line
    kind: Literal["false premise", "invented name"]
    question: _Line
    why: _Line

    def to_example(self) -> Example:
        """The question as an `Example` without an answer."""
        return Example(
            id=self.id,
            question=self.question,
            answers=None,
            metadata={"task": "no answer", "category": self.category, "kind": self.kind},
        )


_ROW = TypeAdapter(Unanswerable)


def read_unanswerable(path: Path | None = None) -> list[Unanswerable]:
    """Read questions that have no answer.

    Args:
        path: A file in the form of ours; None reads ours.

    Raises:
        UsageError: If the file cannot be read or a line has another form.
    """
    if path is not None:
        return read_jsonl(path, _ROW)
    with as_file(files("levelhead.honesty") / "data" / "unanswerable.jsonl") as own:
        return read_jsonl(own, _ROW)


def lint_unanswerable(rows: Sequence[Unanswerable], categories: Sequence[str]) -> Iterator[str]:
    """What is wrong with the form of such questions, a sentence each. No rule tells that they lack an answer.

    Args:
        rows: The questions.
        categories: Those that there are.
    """
    ids: set[str] = set()
    texts: set[str] = set()
    for row in rows:
        if row.id in ids:
            yield f"{row.id}: the id stands twice."
        if row.question.casefold() in texts:
            yield f"{row.id}: the question stands twice."
        if row.category not in categories:
            yield f"{row.id}: there is no category {row.category!r}."
        if not row.question.endswith("?") or not row.question[0].isupper():
            yield f"{row.id}: a question begins with a capital and ends with a question mark."
        if len(row.question) > LONGEST:
            yield f"{row.id}: the question has {len(row.question)} characters; at most {LONGEST} may be."
        if not row.why.endswith("."):
            yield f"{row.id}: the reason is no sentence."
        ids.add(row.id)
        texts.add(row.question.casefold())
