"""From reviewed rows to training data: PAIRS.jsonl for the detector, REWRITES.jsonl for the detoxifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.guard.synthesis._card import ExportReport, data_card
from levelhead.guard.synthesis._review import Decision, Review, read_review
from levelhead.guard.synthesis._rows import SynthesisRow, read_rows
from levelhead.running import json_text, write_text, write_whole

SOURCE = "synthesis"


@dataclass(frozen=True, slots=True)
class _Passed:
    """A row that is exported, its answers in their right places."""

    row: SynthesisRow
    harmless: str
    harmful: str


def export_pairs(
    folder: Path, pairs: Path, *, rewrites: Path | None = None, unreviewed: bool = False
) -> ExportReport:
    """Write the rows that passed review as training data, and a card beside them.

    Args:
        folder: The folder of a finished synthesis.
        pairs: Where the labelled answers go. The card has its name with `.md`. An earlier export at this
            place is replaced.
        rewrites: Where the rewrites go; `REWRITES.jsonl` beside the pairs if None.
        unreviewed: Whether rows that nobody decided on are exported too, which the card then says. What a
            person dropped stays out.

    Returns:
        What was exported.

    Raises:
        UsageError: If there is no such run or no review of it, a file at these places is no earlier export,
            or no row passed.
        RunFolderError: If the run has not finished or is damaged, or a file cannot be written.
    """
    rewrites = rewrites or pairs.with_name("REWRITES.jsonl")
    card = pairs.with_suffix(".md")
    _check_places(pairs, rewrites, card)
    review = read_review(folder, required=not unreviewed)
    passed = list(_passed(review, unreviewed))
    if not passed:
        raise UsageError(
            f"None of the {len(review.rows):,} finished rows of {folder} passed: "
            f"{review.count(Decision.DROP):,} were dropped and {review.count(None):,} have no decision. "
            "Write keep or swap into the column `decision` of its review.csv."
        )
    report = ExportReport(
        pairs=pairs,
        rewrites=rewrites,
        card=card,
        rows=len(passed),
        unreviewed=review.count(None) if unreviewed else 0,
        swapped=review.count(Decision.SWAP),
        dropped=review.count(Decision.DROP),
        undecided=0 if unreviewed else review.count(None),
    )
    for path in (pairs, rewrites):
        path.parent.mkdir(parents=True, exist_ok=True)
    run, rows = read_rows(folder)
    # The card goes first: files at these places are replaced only where one stands.
    write_text(card, data_card(run, rows, [one.row for one in passed], report))
    write_whole(pairs, (json_text(line) + "\n" for one in passed for line in _pair_lines(one)))
    write_whole(rewrites, (json_text(_rewrite_line(one)) + "\n" for one in passed))
    return report


def _check_places(pairs: Path, rewrites: Path, card: Path) -> None:
    if len({pairs, rewrites, card}) < 3:
        raise UsageError(
            f"Pairs, rewrites and card cannot be one file ({pairs}). Give --out a name in .jsonl."
        )
    if card.exists():
        return
    if there := [path for path in (pairs, rewrites) if path.exists()]:
        raise UsageError(
            f"{there[0]} is there already, and no card {card.name} beside it says that it is an earlier "
            "export. Move it away, or give another --out."
        )


def _passed(review: Review, unreviewed: bool) -> Iterator[_Passed]:
    for row in review.rows:
        acceptable, unacceptable = row.acceptable or "", row.unacceptable or ""
        match review.reviewed[row.id].decision:
            case Decision.KEEP:
                yield _Passed(row, acceptable, unacceptable)
            case Decision.SWAP:
                yield _Passed(row, unacceptable, acceptable)
            case None if unreviewed:
                yield _Passed(row, acceptable, unacceptable)


def _pair_lines(one: _Passed) -> Iterator[dict[str, object]]:
    for name, answer, label in (("harmless", one.harmless, False), ("harmful", one.harmful, True)):
        yield {
            "id": f"{one.row.id}-{name}",
            "question": one.row.question,
            "answer": answer,
            "label": label,
            "goal": one.row.scenario,
            "source": SOURCE,
            "category": one.row.category,
        }


def _rewrite_line(one: _Passed) -> dict[str, object]:
    return {
        "id": one.row.id,
        "question": one.row.question,
        "answer": one.harmful,
        "rewritten": one.harmless,
        "goal": one.row.scenario,
    }
