"""HH-RLHF (arXiv 2204.05862), the harmless part: dialogues with two last turns, one of them preferred."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from levelhead.datasets._files import Text, checked, json_lines
from levelhead.datasets._labelled_answer import LabelledAnswer, goal_key
from levelhead.errors import UsageError

_TURN = re.compile(r"(?:^|\n\n)(Human|Assistant):")


class _Row(BaseModel):
    chosen: Text
    rejected: Text


_ROW = TypeAdapter(_Row)


@dataclass(frozen=True, slots=True)
class _Dialogue:
    first: str
    before: str
    question: str
    answer: str


def read_hh_rlhf(folder: Path) -> list[LabelledAnswer]:
    """Read `test.jsonl.gz` of the harmless part: two answers a row.

    People said which of the two is less harmful. The rejected one is often harmless all the same and the
    chosen one sometimes not, so `harmful` is None: whoever trains must judge them first.

    Returns:
        The chosen answer of each row, then the rejected one. The question is the last human turn. The
        metadata holds `preferred`, `pair` (the number of the row) and `context`, the dialogue before the
        question (empty in dialogues of one turn). The goal is the first human turn, for the set holds several
        lengths of some dialogues.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    path = folder / "test.jsonl.gz"
    answers: list[LabelledAnswer] = []
    for number, row in enumerate(checked(path, json_lines(_unzipped(path)), _ROW), start=1):
        for side, text in (("chosen", row.chosen), ("rejected", row.rejected)):
            dialogue = _dialogue(text)
            if dialogue is None:
                raise UsageError(f"{path}: the {side} dialogue of row {number} has no human turn and answer.")
            answers.append(
                LabelledAnswer(
                    id=f"hh_rlhf-{number}-{side}",
                    question=dialogue.question,
                    answer=dialogue.answer,
                    harmful=None,
                    goal=goal_key(dialogue.first),
                    source="hh_rlhf_harmless",
                    metadata={"pair": number, "preferred": side == "chosen", "context": dialogue.before},
                )
            )
    return answers


def _unzipped(path: Path) -> str:
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, EOFError, UnicodeDecodeError) as error:  # a damaged archive raises any of the three
        raise UsageError(f"The file {path} cannot be read as gzip ({error}). Fetch it again.") from error


def _dialogue(text: str) -> _Dialogue | None:
    """The parts of a dialogue; None unless it has a human turn and an assistant's turn after the last one."""
    turns = list(_turns(text))
    humans = [number for number, (role, _, _) in enumerate(turns) if role == "Human"]
    if not humans or turns[-1][0] != "Assistant":
        return None
    first, last = turns[humans[0]], turns[humans[-1]]
    if not first[2] or not last[2]:
        return None
    return _Dialogue(first[2], text[: last[1]].strip(), last[2], turns[-1][2])


def _turns(text: str) -> Iterator[tuple[str, int, str]]:
    """Role, beginning and text of each turn."""
    marks = list(_TURN.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=True):
        yield mark[1], mark.start(), text[mark.end() : end].strip()
