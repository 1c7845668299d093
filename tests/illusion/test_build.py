"""A built set is whole, repeatable and resumable, and its rows become the examples of every condition."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import UsageError
from levelhead.illusion import DrawnKind, Question, build, judge_example, read_set, to_examples, typographic
from levelhead.records import Verdict


def make(number: int, category: str = "cat") -> Question:
    return Question(
        id=f"{category}-{number:03}",
        category=category,
        question="Which cat is the largest of all living cats?",
        gold="tiger",
        aliases=("Panthera tigris",),
        spurious=("lion", "leopard", "cheetah", "puma", "lynx"),
        difficulty="easy",
    )


QUESTIONS = [make(1), make(2), make(1, "feline")]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_question_gets_a_blank_a_right_and_five_wrong_pictures(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    report = build(QUESTIONS, tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert (report.questions, report.pictures, report.written) == (3, 21, 21)
    assert calls == [(done, 21) for done in range(1, 22)]
    rows = read_set(tmp_path)
    assert Counter(row.condition for row in rows) == {"blank": 3, "factual": 3, "spurious": 15}
    assert [row.pictured for row in rows[:7]] == ["", "tiger", "lion", "leopard", "cheetah", "puma", "lynx"]
    assert rows[4].id == "cat-001/typographic/spurious-3"
    assert rows[4].file_name == "images/cat/cat-001-typographic-spurious-3.png"
    for row in rows:
        assert row.path.read_bytes()
        assert (typographic(row.pictured, row.seed).tobytes()) == _pixels(row.path)


def _pixels(path: Path) -> bytes:
    from PIL import Image

    with Image.open(path) as picture:
        return picture.convert("RGB").tobytes()


def test_the_columns_are_those_that_are_documented(tmp_path: Path) -> None:
    build(QUESTIONS[:1], tmp_path)
    first = json.loads((tmp_path / "metadata.jsonl").read_text().splitlines()[0])
    assert " ".join(first) == (
        "file_name id question_id category difficulty question gold aliases spurious "
        "condition kind pictured seed sha256 license source check_score"
    )


def test_two_builds_give_the_same_bytes_and_another_seed_other_pictures(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        build(QUESTIONS, tmp_path / name, seed=seed)
    first, second, third = (contents(tmp_path / name) for name in "abc")
    assert first == second
    assert all(first[name] != third[name] for name in first if name.endswith(".png"))


def test_a_question_keeps_its_pictures_in_a_larger_set(tmp_path: Path) -> None:
    build(QUESTIONS[1:2], tmp_path / "small")
    build(QUESTIONS, tmp_path / "large")
    small, large = contents(tmp_path / "small"), contents(tmp_path / "large")
    assert all(large[name] == data for name, data in small.items() if name.endswith(".png"))


def test_a_build_that_was_stopped_goes_on_and_keeps_what_is_right(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    build(QUESTIONS, whole)

    def stop(done: int, total: int) -> None:
        if done == 9:
            raise KeyboardInterrupt

    out = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        build(QUESTIONS, out, progress=stop)
    assert not (out / "metadata.jsonl").exists()
    pictures = sorted(out.rglob("*.png"))
    pictures[0].write_bytes(b"torn")
    (out / "images/cat/cat-001-typographic-blank.png.part").write_bytes(b"half")
    kept = {path: path.stat().st_mtime_ns for path in pictures[1:]}
    report = build(QUESTIONS, out)
    assert report.written == 21 - 9 + 1
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    after = contents(out)
    after.pop("images/cat/cat-001-typographic-blank.png.part", None)
    assert after == contents(whole)
    assert build(QUESTIONS, out).written == 0


def test_while_pictures_change_there_is_no_list_of_them(tmp_path: Path) -> None:
    build(QUESTIONS, tmp_path)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(QUESTIONS, tmp_path, seed=1, progress=stop)
    with pytest.raises(UsageError, match=r"holds no metadata\.jsonl"):
        read_set(tmp_path)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "README.md"
    mine.write_text("my notes")
    (tmp_path / "draft.part").write_text("my draft")
    with pytest.raises(UsageError, match="holds other files"):
        build(QUESTIONS, tmp_path)
    assert contents(tmp_path) == {"README.md": b"my notes", "draft.part": b"my draft"}
    with pytest.raises(UsageError, match="is a file"):
        build(QUESTIONS, mine)


def test_a_set_of_other_questions_is_not_mixed_in(tmp_path: Path) -> None:
    build(QUESTIONS, tmp_path)
    with pytest.raises(UsageError, match="14 files that do not belong"):
        build(QUESTIONS[:1], tmp_path)
    assert len(read_set(tmp_path)) == 21


def test_an_unknown_kind_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Unknown kinds of picture: oil.*Known are: typographic"):
        build(QUESTIONS, tmp_path, kinds=("typographic", "oil"))
    with pytest.raises(UsageError, match="no questions"):
        build([], tmp_path)
    with pytest.raises(UsageError, match="same id"):
        build([make(1), make(1)], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_second_kind_of_picture_gets_its_own_rows(tmp_path: Path) -> None:
    small = DrawnKind("small", lambda text, seed: typographic(text, seed, size=64))
    build(QUESTIONS[:1], tmp_path, kinds=("typographic", small))
    rows = read_set(tmp_path)
    assert Counter(row.kind for row in rows) == {"typographic": 7, "small": 7}
    examples = to_examples(rows)
    assert sum(example.metadata["condition"] == "none" for example in examples) == 1


def test_examples_hold_the_control_and_every_picture_of_a_question(tmp_path: Path) -> None:
    build(QUESTIONS, tmp_path)
    examples = to_examples(read_set(tmp_path))
    assert len(examples) == 3 * 8
    control, blank, factual, spurious = examples[0], examples[1], examples[2], examples[3]
    assert (control.id, control.images, control.metadata["condition"]) == ("cat-001/none", (), "none")
    assert blank.metadata["pictured"] == ""
    assert factual.metadata["pictured"] == "tiger"
    assert spurious.images[0].path == tmp_path / "images/cat/cat-001-typographic-spurious-1.png"
    assert {example.group for example in examples[:8]} == {"cat-001"}
    assert control.answers == ("tiger", "Panthera tigris")
    assert dict(spurious.metadata) == {
        "condition": "spurious",
        "kind": "typographic",
        "category": "cat",
        "difficulty": "easy",
        "gold": "tiger",
        "pictured": "lion",
        "spurious": "lion\nleopard\ncheetah\npuma\nlynx",
    }


def test_replies_to_examples_are_judged_by_their_condition(tmp_path: Path) -> None:
    build(QUESTIONS[:1], tmp_path)
    control, blank, factual, spurious = to_examples(read_set(tmp_path))[:4]
    assert judge_example(spurious, "It is a lion.") is Verdict.PICTURED
    assert judge_example(spurious, "It is a leopard.") is Verdict.OTHER
    assert judge_example(control, "It is a lion.") is Verdict.OTHER
    assert judge_example(blank, "It is a lion.") is Verdict.OTHER
    assert judge_example(factual, "The picture shows a tiger.") is Verdict.CORRECT
    assert judge_example(control, "Panthera tigris") is Verdict.CORRECT


def change(folder: Path, number: int, **changes: Any) -> None:
    path = folder / "metadata.jsonl"
    lines = path.read_text().splitlines()
    lines[number - 1] = json.dumps({**json.loads(lines[number - 1]), **changes})
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"condition": "none"}, "condition"),
        ({"pictured": "lynx cat"}, "a spurious picture cannot show 'lynx cat'"),
        ({"condition": "blank"}, "a blank picture cannot show 'lion'"),
        ({"file_name": "../../secret.png"}, "leads out of the folder"),
        ({"file_name": "/etc/secret.png"}, "leads out of the folder"),
        ({"file_name": "images/cat/missing.png"}, "is not there"),
        ({"sha256": "abc"}, "sha256"),
        ({"seed": "many"}, "seed"),
        ({"gold": "cougar"}, "question_id 'cat-001'"),
        ({"id": "cat-001/typographic/blank"}, r"is taken already \(line 1\)"),
    ],
)
def test_a_wrong_line_is_named_by_its_number(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    build(QUESTIONS[:1], tmp_path)
    change(tmp_path, 3, **changes)
    with pytest.raises(UsageError, match=rf"line 3: .*{what}"):
        read_set(tmp_path)


def test_further_columns_are_the_owners_business(tmp_path: Path) -> None:
    build(QUESTIONS[:1], tmp_path)
    change(tmp_path, 3, license="CC0")
    assert len(read_set(tmp_path)) == 7


def test_a_folder_without_a_set_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="levelhead illusion build"):
        read_set(tmp_path)
    (tmp_path / "metadata.jsonl").write_text("\n")
    with pytest.raises(UsageError, match="no row"):
        read_set(tmp_path)
    (tmp_path / "metadata.jsonl").write_text("[]\n{\n")
    with pytest.raises(UsageError, match=r"line 1: a JSON object[\s\S]*line 2: not JSON"):
        read_set(tmp_path)
