"""Answer rows made by hand, for the tests of the numbers."""

from __future__ import annotations

import random
from typing import Any

from levelhead.honesty import AnswerRow
from levelhead.honesty._rows import SampleFacts


def answer_row(name: str, *, right: bool | None = True, **fields: Any) -> AnswerRow:
    """An answer that is right or wrong; with None, to a question that has no answer."""
    usual: dict[str, Any] = {
        "id": name,
        "question": f"What is {name}?",
        "answers": None if right is None else ["gold"],
        "answer": "gold" if right else "lead",
        "confidence": 0.9 if right else 0.2,
        "p_sure": 0.8 if right else 0.3,
        "refused": False,
        "correct": right,
        "correct_paper": right,
    }
    return AnswerRow(**(usual | fields))


def failed_row(name: str) -> AnswerRow:
    """A question that got no answer."""
    return AnswerRow(id=name, question=f"What is {name}?", answers=["gold"], error="out of context")


def with_samples(agreement: float, semantic_entropy: float) -> SampleFacts:
    """What sampled answers said, as far as scores need it."""
    return SampleFacts(
        texts=["gold"],
        correct=1,
        correct_paper=1,
        agreement=agreement,
        vote="gold",
        vote_share=1.0,
        entropy=0.0,
        semantic_entropy=semantic_entropy,
    )


def random_rows(count: int, seed: int = 0, **fields: Any) -> list[AnswerRow]:
    """Answers whose scores tell something of their being right; one in eight questions has no answer."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        right = None if number % 8 == 7 else chance.random() < 0.5
        lean = 0.3 if right else 0.0
        rows.append(
            answer_row(
                f"q{number}",
                right=right,
                group=f"g{number // 2}" if number % 3 else None,
                confidence=round(lean + 0.7 * chance.random(), 2),
                p_sure=lean + 0.7 * chance.random(),
                p_sure_paper=lean + 0.7 * chance.random(),
                samples=with_samples(chance.randrange(11) / 10, chance.random()),
                refused=chance.random() < 0.1,
                **fields,
            )
        )
    return rows
