"""The page on which a person reads the pairs of a synthesis before deciding on them in its table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from levelhead.guard import Decision, Review, SynthesisRow
from levelhead.report._page import day, frame, write_page
from levelhead.running import read_run


@dataclass(frozen=True, slots=True)
class PairView:
    """One question with its answers; the acceptable one is folded away too if it is to be swapped."""

    id: str
    question: str
    acceptable: str
    unacceptable: str
    decision: str
    note: str
    acceptable_folded: bool


@dataclass(frozen=True, slots=True)
class ScenarioView:
    """The questions of one scenario."""

    text: str
    category: str
    pairs: tuple[PairView, ...]


@dataclass(frozen=True, slots=True)
class ReviewView:
    """Everything the template of this page shows."""

    scenarios: tuple[ScenarioView, ...]
    pairs: int
    undecided: int
    kept: int
    swapped: int
    dropped: int
    failed: tuple[tuple[str, str, int], ...]


def render_review(review: Review) -> Path:
    """Write `review.html` into the folder of a synthesis.

    Unacceptable answers are folded away until a reader opens them; so is the acceptable one of a row that is
    to be swapped. What the model wrote is untrusted text and is escaped everywhere.

    Args:
        review: As `prepare_review` gives it.

    Returns:
        The path of the page.

    Raises:
        RunFolderError: If it cannot be written.
    """
    run = read_run(review.folder)
    view = ReviewView(
        scenarios=tuple(_scenarios(review)),
        pairs=len(review.rows),
        undecided=review.count(None),
        kept=review.count(Decision.KEEP),
        swapped=review.count(Decision.SWAP),
        dropped=review.count(Decision.DROP),
        failed=tuple(
            (stage, reason, count)
            for stage, reasons in run.summary["synthesis"]["failed"].items()
            for reason, count in reasons.items()
        ),
    )
    content = frame(
        {"review": view},
        title=run.manifest.model.name,
        date=day(run.manifest.finished or run.manifest.created),
        facts=run.manifest.model_dump(mode="json", by_alias=True),
    )
    return write_page(content, review.folder / "review.html")


def _scenarios(review: Review) -> Iterator[ScenarioView]:
    for (category, text), rows in groupby(review.rows, key=lambda row: (row.category, row.scenario or "")):
        yield ScenarioView(text, category, tuple(_pair(row, review) for row in rows))


def _pair(row: SynthesisRow, review: Review) -> PairView:
    said = review.reviewed[row.id]
    return PairView(
        id=row.id,
        question=row.question or "",
        acceptable=row.acceptable or "",
        unacceptable=row.unacceptable or "",
        decision=said.decision or "",
        note=said.note,
        acceptable_folded=said.decision is Decision.SWAP,
    )
