"""The question bank: what is asked, what is right, and five wrong answers of the same kind.

A question is answerable from its text alone; the pictures come later (`_build.py`). This module reads and
selects questions. Whether a bank is a good one is for `_lint.py` to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from levelhead.errors import UsageError

Difficulty = Literal["easy", "common", "rare"]
DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "common", "rare")
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
# Ids and categories become names of files and folders, so they hold nothing that a file system reads as a
# path.
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]

SPURIOUS_ANSWERS = 5
MAX_PROBLEMS_SHOWN = 20


class Question(BaseModel):
    """One question of a bank.

    Attributes:
        id: Unique within the bank; letters, digits, `-` and `_`.
        category: What the question is about (`animal`, `city` ...).
        question: The text that the model is asked.
        gold: The right answer, in its usual form.
        aliases: Other forms by which a person may rightly give the right answer.
        spurious: Five wrong answers of the same kind as the right one; each is shown in a picture.
        difficulty: Who may be expected to know it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: _Name
    category: _Name
    question: _Text
    gold: _Text
    aliases: tuple[_Text, ...]
    spurious: Annotated[tuple[_Text, ...], Field(min_length=SPURIOUS_ANSWERS, max_length=SPURIOUS_ANSWERS)]
    difficulty: Difficulty


def load_questions(path: Path | None = None) -> list[Question]:
    """Read a question bank.

    Args:
        path: A JSONL file, a folder of such files (read in the order of their names), or None for the
            built-in bank.

    Returns:
        The questions in the order of the files and lines.

    Raises:
        UsageError: If nothing is there, or lines are malformed; up to 20 of them are listed by file and
        line number.
    """
    questions: list[Question] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for source in _sources(path):
        for number, line in enumerate(_lines(source), start=1):
            if not line.strip():
                continue
            place = f"{source.name}, line {number}"
            question, wrong = _parse(line)
            problems += [f"{place}: {what}" for what in wrong]
            if question is None:
                continue
            if question.id in seen:
                problems.append(f"{place}: the id {question.id!r} is taken already ({seen[question.id]})")
            seen.setdefault(question.id, place)
            questions.append(question)
    if problems:
        raise UsageError(_listed(problems, path))
    if not questions:
        raise UsageError(
            f"{path or 'The built-in bank'} holds no question. Give a JSONL file with one a line."
        )
    return questions


def select(questions: Sequence[Question], limit: int | None) -> list[Question]:
    """Choose `limit` questions, the same ones each time, spread over the categories.

    Categories take turns in the order of their names, each giving its easy questions first, so that a
    limit equal to the number of categories gives one easy question of each. Without a limit all questions
    are returned in the same order, so that a smaller selection is always the beginning of a larger one.

    Raises:
        UsageError: If the limit is below 1.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"A limit of {limit} questions leaves nothing to ask. Give 1 or more, or no limit.")
    queues: dict[str, list[Question]] = {}
    for question in sorted(questions, key=lambda one: (one.category, DIFFICULTIES.index(one.difficulty))):
        queues.setdefault(question.category, []).append(question)
    longest = max((len(queue) for queue in queues.values()), default=0)
    spread = [queue[turn] for turn in range(longest) for queue in queues.values() if turn < len(queue)]
    return spread[:limit]


def _sources(path: Path | None) -> list[Traversable]:
    if path is None:
        folder: Traversable = files("levelhead.illusion").joinpath("bank")
    elif path.is_file():
        return [path]
    elif path.is_dir():
        folder = path
    else:
        raise UsageError(
            f"There is no question file or folder {path}. Give a JSONL file or a folder of them."
        )
    found = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".jsonl")), key=lambda file: file.name
    )
    if not found:
        raise UsageError(f"The folder {folder} holds no .jsonl file, so there are no questions to read.")
    return found


def _lines(source: Traversable) -> Iterator[str]:
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The question file {source.name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"The question file {source.name} is not UTF-8 text (byte {error.start}). Save it as UTF-8."
        ) from error
    # Not splitlines(): JSON strings may hold the other line separators of Unicode.
    yield from text.removeprefix("\ufeff").split("\n")


def _parse(line: str) -> tuple[Question | None, list[str]]:
    """The question of one line, or what is wrong with it."""
    try:
        data = json.loads(line)
    except json.JSONDecodeError as error:
        return None, [f"not JSON: {error.msg} at column {error.colno}"]
    if not isinstance(data, dict):
        return None, [f"a JSON object is needed, this is a {type(data).__name__}"]
    try:
        return Question.model_validate(data), []
    except ValidationError as error:
        return None, [
            f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}" for found in error.errors()
        ]


def _listed(problems: Sequence[str], path: Path | None) -> str:
    head = f"Wrong lines in the questions of {path or 'the built-in bank'} ({len(problems)}):"
    shown = [f"  {problem}" for problem in problems[:MAX_PROBLEMS_SHOWN]]
    hidden = len(problems) - len(shown)
    return "\n".join([head, *shown, *([f"  ... and {hidden} more"] if hidden else [])])
