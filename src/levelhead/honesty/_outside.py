"""Answers and confidences of somebody else's system: every number of an evaluation, without a model.

One JSON object a line, every key optional:

    {"id", "question", "answer", "answers", "confidence", "p_sure", "correct", "refused", "group", "task",
     "metadata"}

`answers` are the accepted ones, null for a question that has no answer. `correct` may be given instead of
them; without it the answer is judged as our own are. `metadata` holds what else is known, such as `relation`.
Another key is refused: a `confidense` that is passed over would be a confidence lost without a word.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    ValidationError,
    model_validator,
)

from levelhead.answers import refuses
from levelhead.errors import UsageError
from levelhead.honesty._grading import is_right
from levelhead.honesty._numbers import honesty_summary
from levelhead.honesty._numbers_scores import ScoreName
from levelhead.honesty._refusals import is_taught_refusal
from levelhead.honesty._rows import AnswerRow
from levelhead.records import Example
from levelhead.running import Manifest, RunFolder, installed_versions


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _zero_or_one_as_bool(value: object) -> object:
    return bool(value) if value in (0, 1) and not isinstance(value, bool) else value


def _no_bool(value: object) -> object:
    if isinstance(value, bool | str):
        raise ValueError("it must be a number")
    return value


def _plain_fact(value: object) -> object:
    if value is not None and not isinstance(value, str | int | float):
        raise ValueError("metadata hold text, numbers, true, false or null")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no JSON number")
    return value


_Name = Annotated[StrictStr, BeforeValidator(_number_as_text), Field(min_length=1)]
_Bool = Annotated[StrictBool, BeforeValidator(_zero_or_one_as_bool)]
_Probability = Annotated[float, BeforeValidator(_no_bool), Field(ge=0, le=1)]
_Fact = Annotated[str | int | float | bool | None, BeforeValidator(_plain_fact)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: _Name | None = None
    question: StrictStr = ""
    answer: StrictStr | None = None
    answers: list[StrictStr] | None = None
    confidence: _Probability | None = None
    p_sure: _Probability | None = None
    correct: _Bool | None = None
    refused: _Bool | None = None
    group: _Name | None = None
    task: _Name = "questions"
    metadata: dict[str, _Fact] = {}

    @model_validator(mode="after")
    def _check(self) -> _Line:
        if self.has_no_answer:
            if self.correct is not None:
                raise ValueError("correct: a question without an answer (answers: null) has no right answer")
            if self.answer is None and self.refused is None and self.p_sure is None:
                raise ValueError(
                    "answer: give it, or refused or p_sure, to tell whether the question was refused"
                )
        elif self.correct is None and (self.answer is None or self.answers is None):
            raise ValueError("correct: give it, or both answer and answers to judge by")
        return self

    @property
    def has_no_answer(self) -> bool:
        """Whether `answers` was given as null; left out, it says nothing."""
        return "answers" in self.model_fields_set and self.answers is None


def read_outside_answers(path: Path) -> list[AnswerRow]:
    """Read answers of another system.

    A line without an id is called by its number. Where `refused` is left out, the words of the answer tell.
    What is judged by `correct` alone has no verdict by the official rule.

    Args:
        path: JSONL in UTF-8, in the form at the head of this module; blank lines do not count.

    Returns:
        The rows, in the order of the lines.

    Raises:
        UsageError: If the file cannot be read, holds no line, a line has another form (line and field are
            named), or an id stands twice.
    """
    rows: list[AnswerRow] = []
    first: dict[str, int] = {}
    for number, text in enumerate(_read(path).split("\n"), start=1):
        if not text.strip():
            continue
        row = _row(_line(path, number, text), number)
        if row.id in first:
            raise UsageError(
                f"Line {number} of {path}, field 'id': {row.id!r} is taken already (line {first[row.id]}). "
                "Give each question its own."
            )
        first[row.id] = number
        rows.append(row)
    if not rows:
        raise UsageError(f"{path} holds no answer. Give a JSONL file with one a line.")
    return rows


def score_answers(
    path: Path, out: Path, *, threshold: float = 0.5, score: ScoreName = "mix"
) -> dict[str, Any]:
    """Compute the numbers of another system's answers and fill a run folder with them.

    There is no model here: the manifest names the file and its hash in place of one.

    Args:
        path: The answers; see `read_outside_answers`.
        out: The run folder.
        threshold: A question counts as answered from this p_sure on.
        score: The score that `ap`, `auroc`, `aurc`, `e_aurc`, `ece` and `brier` are told of.

    Returns:
        What was written to `summary.json`.

    Raises:
        UsageError: If the file has another form, or a setting is out of range.
        RunFolderError: If the run folder cannot be used, or holds the numbers of another file.
    """
    rows = read_outside_answers(path)
    numbers = honesty_summary(rows, threshold=threshold, score=score)
    summary = {"schema": 1, "model": path.name, "questions": len(rows), **numbers}
    with RunFolder.open(out, _manifest(path)) as folder:
        folder.write_rows(row.model_dump() for row in rows)
        folder.write_summary(summary)
    return summary


def _manifest(path: Path) -> Manifest:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Manifest.model_validate(
        {
            "schema": 1,
            "model": {
                "name": path.name,
                "fingerprint": digest,
                "details": {"kind": "answers of another system; no model was asked"},
            },
            "data": {"hash": digest, "path": str(path)},
            "settings": {"suite": "honesty", "kind": "score"},
            "versions": installed_versions(),
            "command": list(sys.argv),
            "created": datetime.now(UTC),
        }
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"The answers {path} cannot be read ({error.strerror}). Check the path.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error


def _line(path: Path, number: int, text: str) -> _Line:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"Line {number} of {path} is not JSON ({error}).") from error
    try:
        return _Line.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        unknown = first["type"] == "extra_forbidden"
        message = _hint(str(first["loc"][0])) if unknown else first["msg"].removeprefix("Value error, ")
        field = ".".join(str(part) for part in first["loc"])
        if not field:
            # Our own checks of a whole line begin with the name of the field.
            field, _, message = message.partition(": ") if ": " in message else ("", "", message)
        place = f", field {field!r}" if field else ""
        raise UsageError(f"Line {number} of {path}{place}: {message}.") from error


def _hint(unknown: str) -> str:
    """What to do about a key that no line has."""
    fields = list(_Line.model_fields)
    alike = get_close_matches(unknown.lower(), fields, n=1)
    guess = f"did you mean {alike[0]!r}? " if alike else ""
    return f"no such field; {guess}Fields: {', '.join(fields)}. What else you know goes into metadata"


def _row(line: _Line, number: int) -> AnswerRow:
    name = line.id or f"line {number}"
    answers = None if line.has_no_answer else line.answers or []
    example = Example(name, line.question, None if answers is None else tuple(answers))
    by_words = line.answer is not None and (is_taught_refusal(line.answer) or refuses(line.answer))
    judged = line.correct is None and line.answer is not None
    return AnswerRow(
        id=name,
        task=line.task,
        group=line.group,
        question=line.question,
        answers=answers,
        metadata=dict(line.metadata),
        answer=line.answer,
        confidence=line.confidence,
        p_sure=line.p_sure,
        refused=by_words if line.refused is None else line.refused,
        correct=is_right(line.answer or "", example, "corrected") if judged else line.correct,
        correct_paper=is_right(line.answer or "", example, "paper") if judged else None,
    )
