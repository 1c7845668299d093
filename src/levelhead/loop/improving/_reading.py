"""Whether a model still looks: asked to read a picture, does it name what stands there?

A model that has learned to pass over every picture is not misled any more, and is no use.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from levelhead.answers import mentions
from levelhead.illusion import Row, hash_of_set
from levelhead.loop.improving._lessons import TESTED_READING_REQUEST
from levelhead.models import Model, Sampling
from levelhead.records import Image, Prompt
from levelhead.running import Manifest, RunFolder, ask

_NEW_TOKENS = 32


def read_pictures(model: Model, rows: Sequence[Row], out: Path) -> list[dict[str, object]]:
    """Have the picture of one wrong answer of each question read.

    Args:
        model: Who reads.
        rows: Of a set; the first wrong picture of each question is shown.
        out: The run folder; gone on with if model and pictures are the same.

    Returns:
        For each question its id, what stands in the picture, the reply, and whether it names that; None
        where the question got no reply.
    """
    shown = list({row.question_id: row for row in reversed(rows) if row.condition == "spurious"}.values())
    sampling = Sampling(max_new_tokens=_NEW_TOKENS)
    manifest = Manifest.describe(
        model,
        data_hash=hash_of_set(shown),
        settings={"request": TESTED_READING_REQUEST, "sampling": sampling.to_json()},
    )
    prompts = [Prompt.ask(TESTED_READING_REQUEST, images=(Image(path=row.path),)) for row in shown]
    with RunFolder.open(out, manifest) as folder:
        replies = ask(model, prompts, sampling, folder=folder, label="reading")
        found: list[dict[str, object]] = [
            {
                "question_id": row.question_id,
                "pictured": row.pictured,
                "reply": reply.text,
                "read": None if reply.error is not None else mentions(reply.text, row.pictured),
            }
            for row, [reply] in zip(shown, replies, strict=True)
        ]
        folder.write_rows(found)
        folder.write_summary({"schema": 1, "model": model.name})
    return found
