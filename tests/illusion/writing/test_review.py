"""A person decides and mends in a table; what is kept becomes a bank that lint and build take."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from levelhead.errors import RunFolderError, UsageError
from levelhead.illusion import (
    QUESTION_REVIEW_FILE,
    REJECTED_FILE,
    QuestionDecision,
    Subject,
    accept_questions,
    build,
    lint,
    load_questions,
    prepare_question_review,
    read_question_review,
)
from levelhead.report import render_question_review
from tests.illusion.writing import recorded
from tests.illusion.writing.writers import ANIMALS, CITIES, SETTINGS, run, writer

Line = dict[str, str]
# Twenty-four questions that share too few words to be taken for each other.
PLACES = """
    orchard harbor violin granite lantern meadow compass velvet marble saddle thunder candle anchor pepper
    ribbon window copper basket feather kettle ladder mirror needle pillow
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of animals and cities, one animal of which was turned down by the answer check."""

    def script(stage: str, text: str) -> str | None:
        return "moa" if recorded.ANIMAL[7]["question"] in text and stage == "answer" else None

    out = tmp_path / "out"
    run(writer(script), out, ANIMALS, CITIES)
    prepare_question_review(out)
    return out


def table(path: Path) -> list[Line]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def edit(folder: Path, change: Callable[[list[Line]], Sequence[Line]]) -> None:
    """Edit the table as a spreadsheet does: read it, change it, save it."""
    lines = change(table(folder / QUESTION_REVIEW_FILE))
    with (folder / QUESTION_REVIEW_FILE).open("w", encoding="utf-8", newline="") as file:
        saved = csv.DictWriter(file, list(lines[0]))
        saved.writeheader()
        saved.writerows(lines)


def keep_all(lines: list[Line]) -> list[Line]:
    return [{**line, "decision": "keep"} for line in lines]


def edited(**changes: str) -> Callable[[list[Line]], list[Line]]:
    """All kept, the first line with changes."""
    return lambda lines: [{**keep_all(lines)[0], **changes}, *keep_all(lines)[1:]]


def test_the_table_holds_every_question_that_passed_and_how_its_answer_was_confirmed(folder: Path) -> None:
    lines = table(folder / QUESTION_REVIEW_FILE)
    assert len(lines) == 13
    assert {line["decision"] for line in lines} == {""}
    assert {line["agreement"] for line in lines} == {"1.00"}
    first = next(line for line in lines if line["gold"] == "flamingo")
    assert [first[f"spurious_{number}"] for number in range(1, 6)] == recorded.ANIMAL[0]["spurious"]
    assert first["answers"] == "flamingo | flamingo | flamingo"


def test_what_did_not_pass_stands_in_a_table_of_its_own_with_the_reason(folder: Path) -> None:
    lines = table(folder / REJECTED_FILE)
    (kiwi,) = [line for line in lines if line["gold"] == "kiwi"]
    assert kiwi["note"] == "answer not confirmed: asked without choices, 0 of 3 answers were 'kiwi'"
    assert kiwi["answers"] == "moa | moa | moa"


def test_decisions_notes_and_edits_outlive_a_new_start(folder: Path) -> None:
    edit(
        folder,
        lambda lines: [
            {**lines[0], "decision": " Keep", "note": "good", "gold": "lesser flamingo"},
            {**lines[1], "decision": "drop"},
            *lines[2:],
        ],
    )
    for _ in range(2):
        review = prepare_question_review(folder)
        assert review.count(QuestionDecision.KEEP) == review.count(QuestionDecision.DROP) == 1
        assert (review.questions[0].note, review.questions[0].cells["gold"]) == ("good", "lesser flamingo")
        assert [one.edited for one in review.questions][:2] == [True, False]


def test_kept_questions_become_a_bank_that_lint_and_build_take(folder: Path, tmp_path: Path) -> None:
    edit(folder, edited(gold="greater flamingo", aliases="flamingo | Phoenicopterus"))
    report = accept_questions(folder, tmp_path / "BANK.jsonl")
    bank = load_questions(report.bank)
    assert (report.questions, report.edited, report.undecided, len(bank)) == (13, 1, 0, 13)
    assert bank[0].gold == "greater flamingo"
    assert bank[0].aliases == ("flamingo", "Phoenicopterus")
    # Single questions are sound; that there are few of them is told and does not matter to a set.
    assert {problem.rule for problem in lint(bank)} == {"too few questions"}
    assert [str(one) for one in report.shortcomings] == [str(one) for one in lint(bank)]
    assert build(bank[:2], tmp_path / "set").questions == 2


def test_a_category_of_enough_questions_is_a_sound_bank(tmp_path: Path) -> None:
    words = PLACES.split()
    items = [
        recorded.item(f"Which animal once slept beside the {word} of our village?", f"{word} dog", wrong)
        for word, wrong in zip(words, ["lion, puma, lynx, tiger, cheetah"] * len(words), strict=True)
    ]
    settings = replace(SETTINGS, count=24, rounds=4)
    run(
        writer(items={"our village": items}),
        tmp_path / "out",
        Subject("village", "our village"),
        settings=settings,
    )
    report = accept_questions(tmp_path / "out", tmp_path / "BANK.jsonl", unreviewed=True)
    assert report.questions == 24
    assert report.shortcomings == ()
    assert lint(load_questions(tmp_path / "BANK.jsonl")) == []


def test_a_line_copied_from_the_rejected_ones_is_reviewed_like_the_others(
    folder: Path, tmp_path: Path
) -> None:
    (kiwi,) = [line for line in table(folder / REJECTED_FILE) if line["gold"] == "kiwi"]
    edit(folder, lambda lines: [*lines, {**kiwi, "decision": "keep"}])
    prepare_question_review(folder)
    assert "kiwi" not in {line["gold"] for line in table(folder / REJECTED_FILE)}
    report = accept_questions(folder, tmp_path / "BANK.jsonl")
    assert [question.gold for question in load_questions(report.bank)] == ["kiwi"]
    assert report.undecided == 13


def test_dropped_questions_stay_out_and_undecided_ones_come_in_only_if_told(
    folder: Path, tmp_path: Path
) -> None:
    edit(folder, lambda lines: [{**lines[0], "decision": "drop"}, *lines[1:]])
    with pytest.raises(UsageError, match=r"None of the 13 questions.*1 were dropped, 12 have no decision"):
        accept_questions(folder, tmp_path / "BANK.jsonl")
    report = accept_questions(folder, tmp_path / "BANK.jsonl", unreviewed=True)
    assert (report.questions, report.unreviewed, report.dropped) == (12, 12, 1)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (edited(decision="maybe"), r"Row 2 .*'maybe' is none of keep, drop"),
        (edited(id="animal-0"), r"Row 2 .*'animal-0' is of no question"),
        (lambda lines: [lines[0], lines[0]], r"Row 3 .*stands twice"),
        (edited(gold=""), r"Row 2 .*gold"),
        (edited(difficulty="hard"), r"Row 2 .*difficulty"),
        (edited(category="my animals"), r"Row 2 .*category"),
        (edited(spurious_3=""), r"Row 2 .*spurious"),
        (edited(spurious_3="flamingo"), r"row 2: .*same answer twice"),
        (edited(question="Which bird?"), r"row 2: .*question length"),
    ],
)
def test_a_wrong_line_is_named_by_its_row_and_nothing_is_written(
    change: Callable[[list[Line]], list[Line]], what: str, folder: Path, tmp_path: Path
) -> None:
    edit(folder, change)
    with pytest.raises(UsageError, match=what):
        accept_questions(folder, tmp_path / "BANK.jsonl")
    assert not (tmp_path / "BANK.jsonl").exists()


def test_a_bank_is_replaced_only_if_it_is_of_this_run(folder: Path, tmp_path: Path) -> None:
    edit(folder, keep_all)
    path = tmp_path / "BANK.jsonl"
    for _ in range(2):
        accept_questions(folder, path)
    other = load_questions()[0].model_dump(mode="json")
    path.write_text(json.dumps(other) + "\n")
    with pytest.raises(UsageError, match="is there already"):
        accept_questions(folder, path)
    assert path.read_text() == json.dumps(other) + "\n"
    with pytest.raises(UsageError, match=r"ends in \.jsonl"):
        accept_questions(folder, tmp_path / "BANK.csv")


def test_a_folder_without_a_review_or_without_a_run_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / QUESTION_REVIEW_FILE).unlink()
    with pytest.raises(UsageError, match=r"holds no review\.csv"):
        accept_questions(folder, tmp_path / "BANK.jsonl")
    with pytest.raises(UsageError, match="no run folder"):
        read_question_review(tmp_path / "nowhere", required=False)


def test_a_damaged_row_is_told(folder: Path) -> None:
    rows = (folder / "rows.jsonl").read_text().splitlines()
    (folder / "rows.jsonl").write_text("\n".join([rows[0].replace('"easy"', '"hard"'), *rows[1:]]))
    with pytest.raises(RunFolderError, match="Row 1 of"):
        read_question_review(folder, required=False)


def test_the_page_shows_questions_reasons_and_hostile_text_as_text(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    model = writer(lambda stage, text: hostile if stage == "answer" and "mermaid" in text else None)
    run(model, tmp_path / "out", CITIES, settings=replace(SETTINGS, min_agreement=0.1))
    page = render_question_review(prepare_question_review(tmp_path / "out")).read_text()
    assert "5 of 5 questions wait for a decision." in page
    assert "3 of 3 gave the right answer" in page
    assert "answer not confirmed" in page
    assert hostile not in page
    assert "&lt;script&gt;alert(1)" in page
