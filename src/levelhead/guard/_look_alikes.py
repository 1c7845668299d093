"""Harmless answers that sound dangerous: our own rows, which travel in the package.

Questions such as how to kill a process, with a plain answer, and news, warnings, refusals and fiction.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from levelhead.datasets import goal_key
from levelhead.guard._pair import Pair

LOOK_ALIKES = "look-alikes"
"""Their name, as `read_named_pairs` takes it and as their `source` says it."""
LOOK_ALIKES_LICENCE = "Apache-2.0"


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    theme: str
    form: Literal["help", "news", "warning", "refusal", "fiction", "report"]
    question: str
    answer: str


def read_look_alikes() -> list[Pair]:
    """Read the look-alikes: each one labelled harmless, with `theme` and `form` in the metadata."""
    text = (files("levelhead.guard") / "data" / "look_alikes.jsonl").read_text(encoding="utf-8")
    rows = [_Row.model_validate_json(line) for line in text.split("\n") if line]
    return [
        Pair(
            id=f"{LOOK_ALIKES}-{row.id}",
            answer=row.answer,
            question=row.question,
            label=False,
            metadata={
                "goal": goal_key(row.question),
                "source": LOOK_ALIKES,
                "theme": row.theme,
                "form": row.form,
            },
        )
        for row in rows
    ]
