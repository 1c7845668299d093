"""MMLU (arXiv 2009.03300): exam questions with four choices, as R-Tuning packs them and as CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, TypeAdapter

from levelhead.datasets._files import Text, checked, json_file, read_csv
from levelhead.errors import UsageError
from levelhead.records import Example

LETTERS = "ABCD"


class _CSVRow(BaseModel):
    question: Text
    choice0: Text
    choice1: Text
    choice2: Text
    choice3: Text
    answer: Literal["0", "1", "2", "3"]


_ROW = TypeAdapter(tuple[Text, Text, Text, Text, Text, Literal["A", "B", "C", "D"]])
_CSV_ROW = TypeAdapter(_CSVRow)


def read_mmlu(path: Path) -> list[Example]:
    """Read an MMLU file of R-Tuning: a JSON object `{subject: [[question, A, B, C, D, letter], ...]}`.

    Returns:
        Examples whose one answer is the text of the right choice, with `subject` and `letter` in the
        metadata. The letter is kept because a few questions have two choices of the same text.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    subjects = json_file(path)
    if not isinstance(subjects, dict) or not all(isinstance(rows, list) for rows in subjects.values()):
        raise UsageError(
            f"{path} is no MMLU file of R-Tuning: a JSON object of lists, by subject, is needed."
        )
    places = [(subject, number) for subject, rows in subjects.items() for number in range(1, len(rows) + 1)]
    values = [row for rows in subjects.values() for row in rows]
    named = ((f"{subject}, row {number}", row) for (subject, number), row in zip(places, values, strict=True))
    return [
        _example(f"mmlu-{path.stem}-{subject}-{number}", subject, row[0], row[1:5], row[5])
        for (subject, number), row in zip(places, checked(path, named, _ROW), strict=True)
    ]


def read_mmlu_shots(path: Path) -> dict[str, tuple[Example, ...]]:
    """Read a prompt file of R-Tuning: the worked examples of each subject (five), for few-shot prompts.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    shots: dict[str, tuple[Example, ...]] = {}
    for example in read_mmlu(path):
        subject = str(example.metadata["subject"])
        shots[subject] = (*shots.get(subject, ()), example)
    return shots


def read_mmlu_csv(path: Path) -> list[Example]:
    """Read MMLU as CSV with the columns `question,choice0,choice1,choice2,choice3,answer` (0 to 3).

    Args:
        path: One file, or a folder of them, read in the order of their names. The subject is the name of the
            file without `_test`, `_dev` or `_val`.

    Returns:
        Examples in the form of `read_mmlu`.

    Raises:
        UsageError: If there is no file, or one cannot be read, or rows are malformed.
    """
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"The folder {path} holds no .csv file, so there are no questions to read.")
    return [example for file in files for example in _csv_examples(file)]


def _csv_examples(file: Path) -> list[Example]:
    subject = file.stem.removesuffix("_test").removesuffix("_dev").removesuffix("_val")
    return [
        _example(
            f"mmlu-{file.stem}-{number}",
            subject,
            row.question,
            (row.choice0, row.choice1, row.choice2, row.choice3),
            LETTERS[int(row.answer)],
        )
        for number, row in enumerate(read_csv(file, _CSV_ROW), start=1)
    ]


def _example(name: str, subject: str, question: str, choices: tuple[str, ...], letter: str) -> Example:
    return Example(
        id=name,
        question=question,
        answers=(choices[LETTERS.index(letter)],),
        choices=choices,
        metadata={"subject": subject, "letter": letter},
    )
