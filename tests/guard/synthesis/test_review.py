from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from levelhead.errors import RunFolderError, UsageError
from levelhead.guard import REVIEW_FILE, Decision, Pair, export_pairs, prepare_review, read_pairs, read_review
from levelhead.report import render_review
from tests.guard.synthesis.writers import FILMS, QUESTIONS, synthesized, writer

Line = dict[str, str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    out = tmp_path / "out"
    synthesized(writer(), out, FILMS)
    return out


def table(folder: Path) -> list[Line]:
    with (folder / REVIEW_FILE).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def edit(folder: Path, change: Callable[[list[Line]], Sequence[Line]], delimiter: str = ",") -> None:
    """Edit the table as a spreadsheet does: read it, change it, save it."""
    lines = change(table(folder))
    with (folder / REVIEW_FILE).open("w", encoding="utf-8", newline="") as file:
        saved = csv.DictWriter(file, list(lines[0]), delimiter=delimiter)
        saved.writeheader()
        saved.writerows(lines)


def decide(folder: Path, *decisions: str, delimiter: str = ",") -> None:
    prepare_review(folder)
    edit(
        folder,
        lambda lines: [{**line, "decision": word} for line, word in zip(lines, decisions, strict=True)],
        delimiter,
    )


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_table_asks_for_a_decision_on_every_finished_row_and_holds_no_answer(folder: Path) -> None:
    review = prepare_review(folder)
    assert [line["question"] for line in table(folder)] == list(QUESTIONS[:3])
    assert {line["decision"] for line in table(folder)} == {""}
    assert review.count(None) == 3
    assert "spoil it" not in (folder / REVIEW_FILE).read_text(encoding="utf-8-sig")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_decisions_and_notes_are_read_back_and_outlive_a_new_table(folder: Path, delimiter: str) -> None:
    decide(folder, " Keep", "drop", "", delimiter=delimiter)
    if delimiter == ",":
        edit(folder, lambda lines: [{**lines[0], "note": "fine, «good»"}, *lines[1:]])
    for _ in range(2):
        review = prepare_review(folder)
        assert [one.decision for one in review.reviewed.values()] == [Decision.KEEP, Decision.DROP, None]
    assert table(folder)[0]["note"] == ("fine, «good»" if delimiter == "," else "")


def test_a_line_that_was_taken_out_is_undecided(folder: Path) -> None:
    decide(folder, "keep", "keep", "keep")
    edit(folder, lambda lines: lines[1:])
    assert read_review(folder, required=True).count(None) == 1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda lines: [{**lines[0], "decision": "maybe"}, *lines[1:]], "Row 2 .*'maybe'"),
        (lambda lines: [*lines, {**lines[0], "id": "other"}], "Row 5 .*'other'"),
        (lambda lines: [*lines, lines[1]], "Row 5 .*stands twice"),
        (lambda lines: [{"id": "a", "note": ""}], "no column 'decision'"),
    ],
)
def test_a_wrong_line_is_refused_and_the_table_stays(
    folder: Path, change: Callable[[list[Line]], Sequence[Line]], what: str
) -> None:
    prepare_review(folder)
    edit(folder, change)
    before = (folder / REVIEW_FILE).read_bytes()
    with pytest.raises(UsageError, match=what):
        prepare_review(folder)
    assert (folder / REVIEW_FILE).read_bytes() == before


def test_a_question_cannot_be_a_formula(tmp_path: Path) -> None:
    listed = json.dumps({"questions": ['=HYPERLINK("x")']})
    synthesized(writer(lambda stage, text: listed if stage == "questions" else None), tmp_path, FILMS)
    prepare_review(tmp_path)
    assert table(tmp_path)[0]["question"] == '\'=HYPERLINK("x")'


def test_a_synthesis_without_a_pair_has_nothing_to_review(tmp_path: Path) -> None:
    synthesized(writer(lambda stage, text: "no"), tmp_path, FILMS)
    with pytest.raises(RunFolderError, match="nothing to review"):
        prepare_review(tmp_path)


def test_the_page_folds_unacceptable_answers_away_and_escapes_what_the_model_wrote(tmp_path: Path) -> None:
    marked = json.dumps({"answer": "<script>alert(1)</script> Shout!"})
    synthesized(writer(lambda stage, text: marked if stage == "unacceptable" else None), tmp_path, FILMS)
    decide(tmp_path, "swap", "", "")
    page = render_review(prepare_review(tmp_path)).read_text()
    assert "<script>alert" not in page
    shown = re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)
    assert "Shout!" not in shown
    assert "Kindly, no: " + QUESTIONS[1].replace("'", "&#39;") in shown
    assert f"Kindly, no: {QUESTIONS[0]}" not in shown, "of a swapped row the other answer is folded too"
    assert "<details open" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_only_what_passed_is_exported(folder: Path, tmp_path: Path) -> None:
    decide(folder, "keep", "swap", "drop")
    report = export_pairs(folder, tmp_path / "data" / "PAIRS.jsonl")
    assert (report.rows, report.swapped, report.dropped, report.undecided) == (2, 1, 1, 0)
    first, second = (row.id for row in read_review(folder, required=True).rows[:2])
    pairs = [one for one in read_pairs(report.pairs) if isinstance(one, Pair)]
    assert [(one.id, one.label, one.answer[:6]) for one in pairs] == [
        (f"{first}-harmless", False, "Kindly"),
        (f"{first}-harmful", True, "Sure, "),
        (f"{second}-harmless", False, "Sure, "),
        (f"{second}-harmful", True, "Kindly"),
    ]
    assert pairs[0].metadata == {"goal": FILMS.text, "source": "synthesis", "category": "manners"}
    rewrites = lines_of(report.rewrites)
    assert report.rewrites == tmp_path / "data" / "REWRITES.jsonl"
    assert rewrites[0] == {
        "id": first,
        "question": QUESTIONS[0],
        "answer": f"Sure, spoil it: {QUESTIONS[0]}",
        "rewritten": f"Kindly, no: {QUESTIONS[0]}",
        "goal": FILMS.text,
    }
    assert str(rewrites[1]["answer"]).startswith("Kindly")
    assert "read by nobody" not in report.card.read_text()


def test_what_nobody_read_is_exported_only_on_demand_and_the_card_says_so(
    folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="was not reviewed"):
        export_pairs(folder, tmp_path / "P.jsonl")
    report = export_pairs(folder, tmp_path / "P.jsonl", unreviewed=True)
    assert (report.rows, report.unreviewed) == (3, 3)
    assert "**3 of 3 rows were read by nobody**" in report.card.read_text()
    decide(folder, "drop", "keep", "")
    assert export_pairs(folder, tmp_path / "P.jsonl").rows == 1
    report = export_pairs(folder, tmp_path / "P.jsonl", unreviewed=True)
    assert (report.rows, report.unreviewed, report.dropped) == (2, 1, 1)
    decide(folder, "drop", "drop", "")
    with pytest.raises(UsageError, match="None of the 3 finished rows"):
        export_pairs(folder, tmp_path / "P.jsonl")


def test_a_file_that_is_no_earlier_export_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "REWRITES.jsonl").write_text("mine\n")
    with pytest.raises(UsageError, match=r"REWRITES\.jsonl is there already"):
        export_pairs(folder, tmp_path / "P.jsonl", unreviewed=True)
    assert (tmp_path / "REWRITES.jsonl").read_text() == "mine\n"
    report = export_pairs(folder, tmp_path / "P.jsonl", rewrites=tmp_path / "R.jsonl", unreviewed=True)
    assert len(lines_of(report.rewrites)) == 3
    for name in ("P.md", "REWRITES.jsonl"):
        with pytest.raises(UsageError, match="cannot be one file"):
            export_pairs(folder, tmp_path / name, rewrites=tmp_path / name, unreviewed=True)


def test_the_card_tells_reasons_and_neither_texts_nor_addresses(tmp_path: Path) -> None:
    model = writer(lambda stage, text: "no" if stage == "acceptable" and QUESTIONS[1] in text else None)
    model.name = "openai:m@http://10.0.0.7:8000/v1"
    synthesized(model, tmp_path / "out", FILMS)
    card = export_pairs(tmp_path / "out", tmp_path / "P.jsonl", unreviewed=True).card.read_text()
    assert "| acceptable | malformed | 1 |" in card
    assert "`openai:m`" in card
    assert "10.0.0.7" not in card
    assert not any(question in card for question in QUESTIONS)
