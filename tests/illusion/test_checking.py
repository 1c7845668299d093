"""Scores of pictures become a column of the set; a check that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from levelhead.errors import ImageError, UsageError
from levelhead.illusion import build, check_set, read_set
from levelhead.illusion.pictures._checks import Check, Claim
from tests.illusion.sets import CAPITAL, FRUIT


class Eye(Check):
    """Scores by a table of answers and remembers what it was shown."""

    batch_size = 3

    def __init__(self, *, stop_after: int | None = None) -> None:
        self.shown: list[Claim] = []
        self._stop_after = stop_after

    @property
    def identity(self) -> str:
        return "eye-1"

    def score(self, claims: Sequence[Claim]) -> list[float | ImageError | None]:
        if self._stop_after is not None and len(self.shown) >= self._stop_after:
            raise KeyboardInterrupt
        self.shown += claims
        return [self._score(claim) for claim in claims]

    def _score(self, claim: Claim) -> float | ImageError | None:
        try:
            claim.image.decode()
        except ImageError as error:
            return error
        return len(claim.pictured) / 10 if claim.pictured else None


@pytest.fixture
def data(tmp_path: Path) -> Path:
    build([CAPITAL, FRUIT], tmp_path / "set", kinds=("typographic", "typographic-scene"))
    return tmp_path / "set"


def test_the_scores_stand_in_the_set_and_are_told_by_kind(data: Path, tmp_path: Path) -> None:
    before = read_set(data)
    eye = Eye()
    report = check_set(data, eye, cache=tmp_path / "cache")
    rows = read_set(data)
    assert [row.check_score for row in rows] == [len(row.pictured) / 10 or None for row in rows]
    assert [row.model_copy(update={"check_score": None}) for row in rows] == before
    assert {kind: len(scores) for kind, scores in report.scores.items()} == {
        "typographic": 12,
        "typographic-scene": 12,
    }
    shown = next(claim for claim in eye.shown if claim.pictured == "Berlin")
    assert shown.candidates == (CAPITAL.gold, *CAPITAL.spurious)


def test_only_the_chosen_kinds_are_checked_and_the_others_keep_their_scores(
    data: Path, tmp_path: Path
) -> None:
    check_set(data, Eye(), cache=tmp_path, kinds=["typographic"])
    rows = read_set(data)
    assert all(row.check_score is None for row in rows if row.kind == "typographic-scene")
    check_set(data, Eye(), cache=tmp_path, kinds=["typographic-scene"])
    assert sum(row.check_score is not None for row in read_set(data)) == 24
    with pytest.raises(UsageError, match="it has: typographic, typographic-scene"):
        check_set(data, Eye(), cache=tmp_path, kinds=["diffusion"])


def test_a_check_that_was_stopped_goes_on_even_after_a_torn_line(data: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        check_set(data, Eye(stop_after=9), cache=tmp_path)
    assert all(row.check_score is None for row in read_set(data))
    [ledger] = (tmp_path / "checks").iterdir()
    ledger.write_text(ledger.read_text()[:-4])
    eye = Eye()
    check_set(data, eye, cache=tmp_path)
    assert len(eye.shown) == 28 - 8
    assert sum(row.check_score is not None for row in read_set(data)) == 24
    again = Eye()
    check_set(data, again, cache=tmp_path)
    assert again.shown == []


def test_a_picture_that_cannot_be_read_is_listed_and_tried_again(data: Path, tmp_path: Path) -> None:
    broken = read_set(data)[4]
    sound = broken.path.read_bytes()
    broken.path.write_bytes(b"torn")
    report = check_set(data, Eye(), cache=tmp_path)
    assert [failure.id for failure in report.failures] == [broken.id]
    assert read_set(data)[4].check_score is None
    broken.path.write_bytes(sound)
    eye = Eye()
    assert check_set(data, eye, cache=tmp_path).failures == ()
    assert [claim.pictured for claim in eye.shown] == [broken.pictured]


def test_a_score_changes_no_answer_so_a_run_of_the_set_goes_on(data: Path, tmp_path: Path) -> None:
    from levelhead.illusion import hash_of_set

    before = hash_of_set(read_set(data))
    check_set(data, Eye(), cache=tmp_path)
    assert hash_of_set(read_set(data)) == before


def test_a_score_outside_its_range_is_a_wrong_line(data: Path) -> None:
    lines = (data / "metadata.jsonl").read_text().splitlines()
    lines[0] = json.dumps({**json.loads(lines[0]), "check_score": 1.5})
    (data / "metadata.jsonl").write_text("\n".join(lines))
    with pytest.raises(UsageError, match=r"line 1: check_score"):
        read_set(data)
