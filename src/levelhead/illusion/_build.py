"""Build a set of pictures from questions: for each a blank one, a right one and five wrong ones.

A build can be killed at any moment and started again. Each file appears whole under its name (written aside,
then renamed), a picture that is already right is kept, and `metadata.jsonl` appears last: a folder with it is
complete.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from levelhead.errors import RunFolderError, UsageError
from levelhead.illusion._questions import SPURIOUS_ANSWERS, Question
from levelhead.illusion._set import METADATA, Row
from levelhead.illusion.pictures._kind import encode, picture_seed
from levelhead.illusion.pictures._typographic import typographic

KINDS: dict[str, Callable[[str, int], Image.Image]] = {"typographic": typographic}
"""How a picture is made from (text, seed), by the name of its kind."""
PICTURES_PER_QUESTION = 2 + SPURIOUS_ANSWERS
"""Of each kind: a blank one, one that shows the right answer, and the wrong ones."""

_CARD = "README.md"
_IMAGES = "images"
_PART = ".part"
# The first line of the card tells our folders from others.
_CARD_TITLE = "# Pictures that mislead: a Levelhead illusion set"


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        questions: Questions in the set.
        pictures: Pictures in the set.
        written: Pictures that were not there yet, or were different.
    """

    questions: int
    pictures: int
    written: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """A picture to be drawn."""

    question: Question
    condition: Literal["blank", "factual", "spurious"]
    name: str
    kind: str
    pictured: str

    @property
    def file_name(self) -> str:
        return f"{_IMAGES}/{self.question.category}/{self.question.id}-{self.kind}-{self.name}.png"


def build(
    questions: Sequence[Question],
    out: Path,
    *,
    kinds: Sequence[str] = ("typographic",),
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> BuildReport:
    """Write the pictures of questions as an ImageFolder.

    Args:
        questions: The questions, each with its own id.
        out: Folder of the set: a new or empty one, or one that an earlier build of the same questions left.
        kinds: How pictures are made, by names in `KINDS`.
        seed: Seed of the set. The same questions, kinds and seed give the same bytes.
        progress: Called with (pictures done, pictures in all) after each picture.

    Raises:
        UsageError: If a kind is unknown, no question is given, an id repeats, or the folder is not ours.
        RunFolderError: If the folder cannot be written.
    """
    plans = _plan(questions, kinds)
    _check_folder(out, plans)
    rows: list[Row] = []
    written = 0
    try:
        _replace(out / _CARD, _card(questions, kinds, seed, len(plans)).encode())
        for done, plan in enumerate(plans, start=1):
            row, is_new = _draw(plan, out, seed)
            rows.append(row)
            written += is_new
            if progress is not None:
                progress(done, len(plans))
        lines = (json.dumps(row.model_dump(mode="json"), ensure_ascii=False) + "\n" for row in rows)
        _replace(out / METADATA, "".join(lines).encode())
    except OSError as error:
        raise RunFolderError(
            f"The set cannot be written to {out}: {error.strerror}. What is there is kept; run the command "
            "again when there is room and permission."
        ) from error
    return BuildReport(len(questions), len(plans), written)


def _plan(questions: Sequence[Question], kinds: Sequence[str]) -> list[_Plan]:
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise UsageError(
            f"Unknown kinds of picture: {', '.join(unknown) or 'none given'}. Known are: {', '.join(KINDS)}."
        )
    if not questions:
        raise UsageError("There are no questions, so there is nothing to draw.")
    if len({question.id for question in questions}) < len(questions):
        raise UsageError("Two questions have the same id, so their pictures would overwrite each other.")
    return [
        plan for question in questions for kind in dict.fromkeys(kinds) for plan in _pictures(question, kind)
    ]


def _pictures(question: Question, kind: str) -> Iterator[_Plan]:
    yield _Plan(question, "blank", "blank", kind, "")
    yield _Plan(question, "factual", "factual", kind, question.gold)
    for number, answer in enumerate(question.spurious, start=1):
        yield _Plan(question, "spurious", f"spurious-{number}", kind, answer)


def _draw(plan: _Plan, out: Path, set_seed: int) -> tuple[Row, bool]:
    """Make sure that the picture is there; its row, and whether it had to be written."""
    question = plan.question
    seed = picture_seed(set_seed, question.id, plan.pictured)
    data = encode(KINDS[plan.kind](plan.pictured, seed))
    sha256 = hashlib.sha256(data).hexdigest()
    path = out / plan.file_name
    is_new = not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256
    if is_new:
        # While pictures change, the old list of them would lie.
        (out / METADATA).unlink(missing_ok=True)
        _replace(path, data)
    row = Row(
        file_name=plan.file_name,
        id=f"{question.id}/{plan.kind}/{plan.name}",
        question_id=question.id,
        category=question.category,
        difficulty=question.difficulty,
        question=question.question,
        gold=question.gold,
        aliases=question.aliases,
        spurious=question.spurious,
        condition=plan.condition,
        kind=plan.kind,
        pictured=plan.pictured,
        seed=seed,
        sha256=sha256,
    )
    return row, is_new


def _check_folder(out: Path, plans: Sequence[_Plan]) -> None:
    """Refuse a folder with other things in it: `datasets` fails on pictures without a line of metadata."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file. Give a folder for the set.")
    found = sorted(path for path in out.rglob("*") if path.is_file()) if out.exists() else []
    # A build that was killed between writing and renaming leaves one part; the next write takes its name.
    expected = {out / name for name in (_CARD, METADATA, *(plan.file_name for plan in plans))}
    found = [path for path in found if path.with_suffix("") not in expected or path.suffix != _PART]
    if not found:
        return
    card = out / _CARD
    if not card.is_file() or _CARD_TITLE not in card.read_text(encoding="utf-8", errors="replace"):
        raise UsageError(f"{out} holds other files (such as {found[0].name}). Give a new or an empty one.")
    strays = [path for path in found if path not in expected]
    if strays:
        raise UsageError(
            f"{out} holds {len(strays)} files that do not belong to this set (such as "
            f"{strays[0].relative_to(out)}): it was built from other questions or kinds. Give a new folder, "
            "or delete this one."
        )


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that it is whole or absent, whenever the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + _PART)
    part.write_bytes(data)
    part.replace(path)


def _card(questions: Sequence[Question], kinds: Sequence[str], seed: int, pictures: int) -> str:
    categories = sorted({question.category for question in questions})
    return f"""---
tags:
- hallucination
- multimodal
---
{_CARD_TITLE}

{len(questions)} questions that need no picture, each beside {pictures // len(questions)} pictures: blank
ones, some that show the right answer, and for each of these five that show a wrong answer of the same kind. A
model that knows the answer should give it whatever it sees.

- Categories: {", ".join(categories)}
- Kinds of picture: {", ".join(kinds)}
- Seed of the set: {seed}

`metadata.jsonl` has one row per picture. `condition` is `blank`, `factual` or `spurious`; `pictured` is the
answer that the picture shows; `gold` and `aliases` are the accepted answers; `seed` draws this very picture
again; `sha256` is the hash of its file. The control without a picture has no row: ask each `question` once
without one.

Idea: Han et al., "The Instinctive Bias: Spurious Images lead to Illusion in MLLMs", EMNLP 2024. Questions and
pictures are our own.
"""
