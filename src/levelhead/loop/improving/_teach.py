"""From the run folder of what is learned from to the file of lessons.

The folder `lessons` holds `train.jsonl`, `lessons.json` (how many of each) and, in `again`, the answers that
were drawn anew where the model declined.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levelhead.answers import answer_words, refuses
from levelhead.errors import RunFolderError, UsageError
from levelhead.guard import OFF, HarmRow, Request, hash_of_requests, read_harm_rows
from levelhead.honesty import AnswerRow, rows_from
from levelhead.illusion import read_set, to_examples
from levelhead.loop.improving._lessons import (
    LessonSettings,
    balanced,
    honesty_lessons,
    illusion_lessons,
    reading_lessons,
    request_lesson,
    whole_sentences,
)
from levelhead.loop.improving._settings import LoopSettings
from levelhead.loop.improving._tuned import as_trained
from levelhead.models import Model, Sampling
from levelhead.running import DATA_FOLDER, Manifest, RunFolder, ask, json_text, read_run, write_whole
from levelhead.training import Dialogue, write_dialogues

LESSONS, COUNTS, _AGAIN = "train.jsonl", "lessons.json", "again"
_DRAWS, _TEMPERATURE = 4, 0.8


@dataclass(frozen=True, slots=True)
class Lessons:
    """What is learned.

    Attributes:
        dialogues: As the weights get them.
        counts: How many of each lesson.
        left: Harmless requests that were declined at every draw, so that nothing is taught about them.
    """

    dialogues: tuple[Dialogue, ...]
    counts: Mapping[str, int]
    left: int


def teach(
    model: Model, measured: Path, out: Path, settings: LoopSettings, requests: Sequence[Request]
) -> Lessons:
    """Make lessons of what a model answered.

    Args:
        model: Who answered; asked again where it declined a harmless request.
        measured: The run folder of the questions that are learned from.
        out: Folder of the lessons.
        settings: How.
        requests: The harmless requests of that run.

    Raises:
        UsageError: If there is nothing to learn.
        ModelError: If the model fails as a whole.
        RunFolderError: If a folder cannot be used.
    """
    run = read_run(measured)
    how = LessonSettings(unsettled=settings.unsettled, seed=settings.seed)
    seen = [row for row in run.rows if row["suite"] == "illusion"]
    examples = {one.id: one for one in to_examples(read_set(measured / DATA_FOLDER / "illusion"))}
    answered = rows_from(AnswerRow, (row for row in run.rows if row["suite"] == "honesty"), str(measured))
    told = read_harm_rows(run.rows, str(measured))
    helped, left = _requests(model, told, requests, out / _AGAIN, settings.seed)
    every = [
        *illusion_lessons(seen, examples, how),
        *reading_lessons(seen, examples),
        *honesty_lessons(answered, how),
        *helped,
    ]
    lessons = balanced(every, settings.seed)
    if not lessons:
        raise UsageError(
            f"There is nothing to learn from {measured}: no question got a usable answer. Measure more "
            "(--size standard)."
        )
    dialogues = as_trained(lessons, model)
    _make(out)
    write_dialogues(out / LESSONS, dialogues)
    counts = dict(Counter(str(one.metadata["lesson"]) for one in dialogues).most_common())
    written = {"lessons": counts, "declined_at_every_draw": left, "left_out": len(every) - len(lessons)}
    write_whole(out / COUNTS, [json_text(written, indent=2)])
    return Lessons(tuple(dialogues), counts, left)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(f"The folder {folder} cannot be made: {error.strerror}.") from error


def _requests(
    model: Model, rows: Sequence[HarmRow], requests: Sequence[Request], out: Path, seed: int
) -> tuple[list[Dialogue], int]:
    """Lessons of the harmless requests, and how many were declined at every draw."""
    asked = {one.id: one for one in requests}
    told = {row.id: row.arms[OFF] for row in rows if row.kind == "benign" and row.error is None}
    helped = [
        request_lesson(name, asked[name].to_prompt(), one.answer, "helped")
        for name, one in told.items()
        if not one.refused and answer_words(one.answer)
    ]
    declined = [asked[name] for name, one in told.items() if one.refused]
    if not declined:
        return helped, 0
    drawn = _drawn_again(model, declined, out, seed)
    again = [
        request_lesson(one.id, one.to_prompt(), answer, "declined")
        for one in declined
        if (answer := drawn[one.id]) is not None
    ]
    return [*helped, *again], len(declined) - len(again)


def _drawn_again(model: Model, requests: Sequence[Request], out: Path, seed: int) -> dict[str, str | None]:
    """By id, the first drawn answer that does not decline; None where all do."""
    sampling = Sampling(max_new_tokens=128, temperature=_TEMPERATURE, n=_DRAWS, seed=seed)
    manifest = Manifest.describe(
        model, data_hash=hash_of_requests(requests), settings={"sampling": sampling.to_json()}
    )
    with RunFolder.open(out, manifest) as folder:
        prompts = [one.to_prompt() for one in requests]
        found = ask(model, prompts, sampling, folder=folder, label="asking again")
    return {
        one.id: next(_usable(reply.text for reply in replies if reply.error is None), None)
        for one, replies in zip(requests, found, strict=True)
    }


def _usable(texts: Iterator[str]) -> Iterator[str]:
    return (text for text in map(whole_sentences, texts) if answer_words(text) and not refuses(text))


def some_of_each(dialogues: Sequence[Dialogue], seed: int) -> list[Dialogue]:
    """One dialogue of each lesson, to be shown."""
    shuffled = random.Random(seed).sample(list(dialogues), len(dialogues))
    first: dict[Any, Dialogue] = {}
    for one in shuffled:
        first.setdefault(one.metadata["lesson"], one)
    return list(first.values())
