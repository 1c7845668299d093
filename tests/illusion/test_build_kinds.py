"""Sets of several kinds: what is missing, what fails, what is kept, and what the card says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from levelhead.errors import ImageError, ModelError, UsageError
from levelhead.illusion import (
    Order,
    Picture,
    PictureKind,
    Question,
    bank_recheck,
    build,
    estimate,
    make_kinds,
    read_set,
    typographic,
)
from levelhead.illusion.pictures._kind import Outcome, encode


def make(number: int, gold: str = "tiger", category: str = "animal") -> Question:
    return Question(
        id=f"{category}-{number:03}",
        category=category,
        question=f"Which is cat number {number}?",
        gold=gold,
        aliases=(),
        spurious=("lion", "leopard", "cheetah", "puma", "lynx"),
        difficulty="easy",
    )


QUESTIONS = [make(1), make(2), make(3, gold="serval")]


class Studio(PictureKind):
    """A costly kind that counts what it draws, lacks some answers and fails at others."""

    name = "studio"
    suffix = ".jpg"
    costly = True
    batch_size = 3
    trial_size = 2
    price = 0.5

    def __init__(
        self, *, lacking: Sequence[str] = (), failing: Sequence[str] = (), down_after: int | None = None
    ) -> None:
        self.drawn: list[Order] = []
        self._lacking, self._failing, self._down_after = lacking, failing, down_after

    @property
    def identity(self) -> str:
        return "studio-1"

    def lacks(self, answer: str, category: str) -> bool:
        return answer in self._lacking

    def draw(self, orders: Sequence[Order]) -> Iterator[tuple[int, Outcome]]:
        for index, order in reversed(list(enumerate(orders))):
            if self._down_after is not None and len(self.drawn) >= self._down_after:
                raise ModelError("the studio is closed")
            self.drawn.append(order)
            if order.answer in self._failing:
                yield index, ImageError(f"{order.answer} would not sit still")
            else:
                yield index, Picture(encode(typographic(order.answer, order.seed, 32)), "", "the studio")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_question_takes_part_where_its_right_and_a_wrong_answer_have_a_picture(tmp_path: Path) -> None:
    kind = Studio(lacking=("serval", "lynx", "puma"))
    report = build(QUESTIONS, tmp_path, kinds=[kind])
    rows = read_set(tmp_path)
    assert {row.question_id for row in rows} == {"animal-001", "animal-002"}
    assert Counter(row.condition for row in rows) == {"blank": 2, "factual": 2, "spurious": 6}
    assert [row.id for row in rows[:5]] == [
        "animal-001/studio/blank",
        "animal-001/studio/factual",
        "animal-001/studio/spurious-1",
        "animal-001/studio/spurious-2",
        "animal-001/studio/spurious-3",
    ]
    assert [(one.answer, len(one.question_ids)) for one in report.missing] == [
        ("lynx", 3),
        ("puma", 3),
        ("serval", 1),
    ]
    assert lines(tmp_path / "missing.jsonl")[2] == {
        "kind": "studio",
        "answer": "serval",
        "question_ids": ["animal-003"],
    }
    assert report.questions == 2


def test_a_kind_without_any_picture_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="studio has pictures for none of the 1 questions"):
        build(QUESTIONS[2:], tmp_path, kinds=[Studio(lacking=("serval",))])
    assert list(tmp_path.iterdir()) == []


def test_failures_are_listed_by_row_and_do_not_stop_the_rest(tmp_path: Path) -> None:
    report = build(QUESTIONS[:1], tmp_path, kinds=[Studio(failing=("puma",))])
    assert [(one.id, one.pictured) for one in report.failures] == [("animal-001/studio/spurious-4", "puma")]
    assert lines(tmp_path / "failures.jsonl") == [
        {
            "id": "animal-001/studio/spurious-4",
            "kind": "studio",
            "pictured": "puma",
            "why": "puma would not sit still",
        }
    ]
    assert (report.pictures, len(read_set(tmp_path)), len(list(tmp_path.rglob("*.jpg")))) == (6, 6, 6)


def test_a_second_build_tries_only_what_failed_and_clears_the_list(tmp_path: Path) -> None:
    out, cache = tmp_path / "set", tmp_path / "cache"
    build(QUESTIONS[:1], out, kinds=[Studio(failing=("puma",))], cache=cache)
    second = Studio()
    report = build(QUESTIONS[:1], out, kinds=[second], cache=cache)
    assert [order.answer for order in second.drawn] == ["puma"]
    assert (report.written, report.failures) == (1, ())
    assert not (out / "failures.jsonl").exists()
    assert len(read_set(out)) == 7


def test_a_picture_that_fails_now_leaves_no_file_of_before(tmp_path: Path) -> None:
    build(QUESTIONS[:1], tmp_path, kinds=[Studio()])
    build(QUESTIONS[:1], tmp_path, kinds=[Studio(failing=("puma",))])
    assert len(list(tmp_path.rglob("*.jpg"))) == len(read_set(tmp_path)) == 6


def test_what_was_drawn_is_kept_when_the_kind_breaks_down_and_is_not_drawn_again(tmp_path: Path) -> None:
    out, cache, whole = tmp_path / "set", tmp_path / "cache", tmp_path / "whole"
    with pytest.raises(ModelError, match="closed"):
        build(QUESTIONS, out, kinds=[Studio(down_after=8)], cache=cache)
    assert not (out / "metadata.jsonl").exists()
    second = Studio()
    build(QUESTIONS, out, kinds=[second], cache=cache)
    assert len(second.drawn) == 21 - 8
    build(QUESTIONS, whole, kinds=[Studio()])
    assert contents(out) == contents(whole)


def test_another_set_takes_its_pictures_from_the_cache(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    build(QUESTIONS, tmp_path / "a", kinds=[Studio()], cache=cache)
    second = Studio()
    report = build(QUESTIONS[:2], tmp_path / "b", kinds=[second], cache=cache)
    assert second.drawn == []
    assert report.rates == {}
    build(QUESTIONS[:1], tmp_path / "c", kinds=[second], cache=cache, seed=1)
    assert len(second.drawn) == 7


def test_a_damaged_picture_of_the_cache_is_drawn_again(tmp_path: Path) -> None:
    out, cache = tmp_path / "set", tmp_path / "cache"
    build(QUESTIONS[:1], out, kinds=[Studio()], cache=cache)
    before = contents(out)
    files = sorted(path for path in (cache / "files").rglob("*") if path.is_file())
    files[0].write_bytes(b"torn")
    files[1].unlink()
    next((cache / "asked").rglob("*.json")).write_text("{torn")
    again = Studio()
    build(QUESTIONS[:1], out, kinds=[again], cache=cache)
    assert 2 <= len(again.drawn) <= 3
    assert contents(out) == before


def test_drawn_kinds_leave_the_cache_alone(tmp_path: Path) -> None:
    build(QUESTIONS[:1], tmp_path / "set", cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_two_builds_of_all_drawn_kinds_are_byte_identical(tmp_path: Path) -> None:
    kinds = ("typographic", "typographic-scene", "pictogram")
    for name in "ab":
        report = build(QUESTIONS, tmp_path / name, kinds=kinds, seed=3, recheck=bank_recheck())
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert set(report.rates) == set(kinds)
    assert all(rate > 0 for rate in report.rates.values())


def test_an_estimate_makes_some_pictures_keeps_them_and_tells_of_the_rest(tmp_path: Path) -> None:
    kind = Studio(failing=("tiger",))
    [first] = estimate(QUESTIONS, [kind], cache=tmp_path)
    assert (first.kind, first.pictures, first.held, first.failed) == ("studio", 21, 2, 1)
    assert len(kind.drawn) == 1 + Studio.trial_size
    assert first.seconds_each is not None
    assert first.seconds == pytest.approx(19 * first.seconds_each)
    assert first.cost == 19 * 0.5
    build(QUESTIONS, tmp_path / "set", kinds=[Studio()], cache=tmp_path)
    [done] = estimate(QUESTIONS, [kind], cache=tmp_path)
    assert (done.held, done.seconds, done.cost, done.seconds_each) == (21, 0, 0, None)


def test_an_estimate_of_drawn_kinds_writes_nothing(tmp_path: Path) -> None:
    made = make_kinds(["typographic", "pictogram"])
    found = estimate(QUESTIONS, made, cache=tmp_path / "cache")
    assert [one.held for one in found] == [0, 0]
    assert all(one.cost == 0 and one.seconds > 0 for one in found)
    assert list(tmp_path.iterdir()) == []


def test_the_card_counts_names_licenses_and_says_how_to_rebuild(tmp_path: Path) -> None:
    build(QUESTIONS[:2], tmp_path, kinds=["typographic", Studio()], seed=5, recheck=bank_recheck())
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("---\nlicense: other\n")
    assert "| typographic | 2 | 2 | 2 | 10 |" in card
    assert "| animal | 2 | 0 | 0 |" in card
    assert "| studio | not stated | the studio | 14 |" in card
    assert "these are 24 pairs" in " ".join(card.split())
    assert "levelhead illusion build --out SET --questions 2 --kinds typographic,studio --seed 5" in card
    assert f"n = {len(bank_recheck().drawn)}" in card


def test_without_a_count_of_errors_the_card_says_nothing_about_them(tmp_path: Path) -> None:
    build(QUESTIONS[:2], tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("---\nlicense: apache-2.0\n")
    assert "## Errors" not in card


def test_the_set_is_an_image_folder_of_the_datasets_library(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    out = tmp_path / "set"
    build(QUESTIONS, out, kinds=["typographic", Studio(failing=("puma",), lacking=("serval",))])
    assert (out / "failures.jsonl").exists()
    assert (out / "missing.jsonl").exists()
    loaded = datasets.load_dataset(
        "imagefolder", data_dir=str(out), split="train", cache_dir=str(tmp_path / "hf")
    )
    rows = read_set(out)
    assert loaded["id"][:] == [row.id for row in rows]
    assert loaded["license"][:] == [row.license for row in rows]
    first = loaded[0]["image"]
    assert (first.size, loaded[0]["pictured"]) == ((448, 448), "")
