"""Reading a bank: what is malformed is named by file and line, and a selection is spread and repeatable."""

import json
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from levelhead.errors import UsageError
from levelhead.illusion import Question, load_questions, select

ROW = {
    "id": "cat-001",
    "category": "cat",
    "question": "Which cat is the largest of all living cats?",
    "gold": "tiger",
    "aliases": [],
    "spurious": ["lion", "leopard", "cheetah", "puma", "lynx"],
    "difficulty": "easy",
}


def make(number: int, category: str, difficulty: str) -> Question:
    return Question.model_validate(
        {**ROW, "id": f"{category}-{number:03}", "category": category, "difficulty": difficulty}
    )


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def test_a_file_is_read_in_order_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "bank.jsonl", ROW, "", {**ROW, "id": "cat-002"})
    assert [question.id for question in load_questions(path)] == ["cat-001", "cat-002"]


def test_a_folder_is_read_file_by_file_in_the_order_of_names(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", {**ROW, "id": "second"})
    write(tmp_path / "a.jsonl", {**ROW, "id": "first"})
    write(tmp_path / "notes.txt", "not questions")
    assert [question.id for question in load_questions(tmp_path)] == ["first", "second"]


def test_a_byte_order_mark_and_line_separators_inside_strings_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "bank.jsonl"
    row = json.dumps({**ROW, "gold": "ti\u2028ger"}, ensure_ascii=False)
    path.write_text(f"\ufeff{row}\n", encoding="utf-8")
    assert load_questions(path)[0].gold == "ti\u2028ger"


def test_all_malformed_lines_are_named_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path / "bank.jsonl",
        ROW,
        "{not json",
        "[1, 2]",
        {**ROW, "id": "x", "spurious": ["lion"]},
        {**ROW, "id": "y", "difficulty": "hard"},
        {**ROW, "id": "z", "hint": "stripes"},
        {**ROW},
        {key: value for key, value in ROW.items() if key != "gold"},
    )
    with pytest.raises(UsageError) as caught:
        load_questions(path)
    message = str(caught.value)
    for number, what in (
        (2, "not JSON"),
        (3, "object"),
        (4, "spurious"),
        (5, "difficulty"),
        (6, "hint"),
        (7, "'cat-001' is taken already (bank.jsonl, line 1)"),
        (8, "gold"),
    ):
        line = next(line for line in message.splitlines() if f"bank.jsonl, line {number}:" in line)
        assert what in line
    assert "line 1:" not in message


def test_no_more_than_twenty_problems_are_listed_and_the_rest_is_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "bank.jsonl", *["{"] * 25)
    with pytest.raises(UsageError) as caught:
        load_questions(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[-1].strip() == "... and 5 more"


@pytest.mark.parametrize("identity", ["../up", "a/b", "", ".hidden", "sp ace"])
def test_an_id_that_could_leave_the_folder_is_refused(tmp_path: Path, identity: str) -> None:
    path = write(tmp_path / "bank.jsonl", {**ROW, "id": identity})
    with pytest.raises(UsageError, match="line 1: id"):
        load_questions(path)


def test_nothing_to_read_is_said_clearly(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no question file or folder"):
        load_questions(tmp_path / "missing.jsonl")
    with pytest.raises(UsageError, match=r"no \.jsonl file"):
        load_questions(tmp_path)
    with pytest.raises(UsageError, match="holds no question"):
        load_questions(write(tmp_path / "empty.jsonl"))
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes(b'{"gold": "caf\xe9"}\n')
    with pytest.raises(UsageError, match="not UTF-8"):
        load_questions(latin)


def test_a_question_cannot_be_changed() -> None:
    question = make(1, "cat", "easy")
    with pytest.raises(ValidationError):
        question.gold = "lion"  # type: ignore[misc]


def test_a_selection_takes_turns_and_asks_the_easy_ones_first() -> None:
    bank = [
        make(n, category, level) for category in ("b", "a") for n, level in enumerate(("rare", "easy"), 1)
    ]
    bank.append(make(3, "b", "common"))
    assert [question.id for question in select(bank, None)] == ["a-002", "b-002", "a-001", "b-003", "b-001"]
    assert [question.id for question in select(bank, 3)] == ["a-002", "b-002", "a-001"]
    assert select(list(reversed(bank)), 2) == select(bank, 2)
    assert select(bank, 99) == select(bank, None)


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="0 questions"):
        select([make(1, "a", "easy")], 0)


def test_thirteen_questions_of_the_built_in_bank_are_one_easy_one_per_category() -> None:
    chosen = select(load_questions(), 13)
    assert len({question.category for question in chosen}) == 13
    assert {question.difficulty for question in chosen} == {"easy"}


def test_the_built_in_bank_has_its_full_size() -> None:
    bank = load_questions()
    assert set(Counter(question.category for question in bank).values()) == {48}
    assert len({question.category for question in bank}) == 13
    levels = Counter((question.category, question.difficulty) for question in bank)
    for (_, difficulty), count in levels.items():
        assert count == {"easy": 20, "common": 18, "rare": 10}[difficulty]
