"""The gallery's data: every judged answer once, each question once, each distinct picture once.

The page holds it as JSON in a data block; `assets/gallery.js` makes cards of the rows that a reader asks for.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from levelhead.records import Verdict
from levelhead.report._rows import IllusionRow
from levelhead.report._thumbnails import Thumbnails, thumbnails


@dataclass(frozen=True, slots=True)
class Gallery:
    """What the template needs to know of the gallery.

    Attributes:
        data: JSON for a `<script type="application/json">` block, safe to stand there.
        total: How many answers it holds.
        categories: In alphabetical order.
        unreadable_pictures: How many pictures could not be used.
    """

    data: Markup
    total: int
    categories: tuple[str, ...]
    unreadable_pictures: int


def gallery(rows: Sequence[IllusionRow], folder: Path) -> Gallery:
    """Collect the cards of all rows, the flipped ones first."""
    without = {row.question_id: row for row in rows if row.condition == "none"}
    flipped = [_is_flipped(row, without.get(row.question_id)) for row in rows]
    pictures = thumbnails((row.image for row in rows if row.image), folder)
    first: dict[str, IllusionRow] = {}
    for row in rows:
        first.setdefault(row.question_id, row)
    positions = {question_id: position for position, question_id in enumerate(first)}
    content = {
        "questions": [_question(row, without.get(question_id)) for question_id, row in first.items()],
        "rows": [
            _card(rows[index], positions[rows[index].question_id], pictures, flipped=flipped[index])
            for index in _reading_order(rows, flipped)
        ],
        "pictures": pictures.uris,
    }
    return Gallery(
        data=json_block(content),
        total=len(rows),
        categories=tuple(sorted({row.category for row in rows})),
        unreadable_pictures=len(pictures.problems),
    )


def json_block(content: object) -> Markup:
    """JSON that can stand in a script block: no text in it can close the block or open a comment.

    All that is not ASCII is escaped too, so half a surrogate pair in a model's reply does no harm.
    """
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    # Safe: `<`, `>` and `&` occur only inside JSON strings, where the escapes mean the same.
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _is_flipped(row: IllusionRow, without: IllusionRow | None) -> bool:
    """As the flip rate counts: right without a picture, judged and not right with a wrong one."""
    return (
        row.condition == "spurious"
        and row.verdict not in (Verdict.CORRECT, Verdict.FAILED)
        and without is not None
        and without.verdict is Verdict.CORRECT
    )


def _reading_order(rows: Sequence[IllusionRow], flipped: Sequence[bool]) -> list[int]:
    """Flipped answers first, then the rest; within each, one of every question in turn and categories mixed.

    Rows stand question by question, so in their own order the first dozen cards would show two questions.
    """
    turns: Counter[tuple[str, bool]] = Counter()
    places: Counter[tuple[str, int, bool]] = Counter()
    keys = []
    for row, is_flipped in zip(rows, flipped, strict=True):
        turn = turns[row.question_id, is_flipped]
        place = places[row.category, turn, is_flipped]
        turns[row.question_id, is_flipped] += 1
        places[row.category, turn, is_flipped] += 1
        keys.append((not is_flipped, turn, place))
    return sorted(range(len(rows)), key=keys.__getitem__)


def _question(row: IllusionRow, without: IllusionRow | None) -> dict[str, Any]:
    return _without_empty(
        {
            "text": row.question,
            "gold": row.gold,
            "category": row.category,
            "difficulty": row.difficulty,
            "without": without
            and _without_empty(
                {
                    "reply": without.reply,
                    "verdict": without.verdict.value,
                    "error": without.error,
                }
            ),
        }
    )


def _card(row: IllusionRow, position: int, pictures: Thumbnails, *, flipped: bool) -> dict[str, Any]:
    return _without_empty(
        {
            "question": position,
            "condition": row.condition,
            "kind": row.kind,
            "verdict": row.verdict.value,
            "flipped": flipped or None,
            "pictured": row.pictured,
            "picture": pictures.positions.get(row.image) if row.image else None,
            "pictureProblem": pictures.problems.get(row.image) if row.image else None,
            "reply": row.reply,
            "seen": row.seen,
            "caption": row.caption,
            "logProbGold": row.log_prob_gold,
            "logProbPictured": row.log_prob_pictured,
            "confidenceShift": row.confidence_shift,
            "error": row.error,
        }
    )


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is unknown: thousands of rows with eight nulls each would be half of the page."""
    return {key: value for key, value in fields.items() if value is not None}
