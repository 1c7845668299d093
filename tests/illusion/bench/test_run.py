"""Published benchmarks from file to summary, with scripted models; the sets are our own and mild."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PILImage

from levelhead.errors import ModelError, UsageError
from levelhead.illusion import BENCHMARKS, run_benchmark
from levelhead.illusion.bench._run import spread
from levelhead.records import Example, Prompt, Reply
from tests.datasets.test_illusion_benchmarks import hallusion_row, released_row, write_parquet, write_pope
from tests.fakes import FakeModel


def png(color: str) -> bytes:
    buffer = io.BytesIO()
    PILImage.new("RGB", (8, 8), color).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def pope(tmp_path: Path) -> Path:
    """Four pictures with two questions each: a dog is there, a cat is not."""
    rows: list[dict[str, object]] = []
    for number, color in enumerate(("red", "green", "blue", "white")):
        (tmp_path / f"{number}.png").write_bytes(png(color))
        for thing, label in (("dog", "yes"), ("cat", "no")):
            rows.append(
                {
                    "question_id": len(rows),
                    "image": f"{number}.png",
                    "text": f"Is there a {thing} in the image?",
                    "label": label,
                }
            )
    return write_pope(tmp_path / "coco_pope_random.json", rows)


def says_yes(prompt: Prompt) -> str:
    return "Yes, there is."


def rows_in(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]


def test_a_model_that_always_says_yes_gets_the_numbers_of_its_making(pope: Path, tmp_path: Path) -> None:
    model = FakeModel(says_yes)
    numbers = run_benchmark(model, "pope", str(pope), tmp_path / "out", pictures=tmp_path)["bench"]
    assert numbers["accuracy"]["value"] == numbers["precision"]["value"] == 0.5
    assert numbers["recall"]["value"] == numbers["yes_share"]["value"] == 1.0
    assert numbers["f1"]["value"] == pytest.approx(2 / 3)
    assert numbers["rows"] == 8
    assert model.asked[0].turns[-1].text == "Is there a dog in the image?"
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["bench"] == numbers


def test_a_damaged_picture_fails_its_rows_and_no_other(pope: Path, tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"no picture")
    numbers = run_benchmark(FakeModel(says_yes), "pope", str(pope), tmp_path / "out", pictures=tmp_path)[
        "bench"
    ]
    assert numbers["failed"]["value"] == 0.25
    assert numbers["accuracy"]["n"] == 6
    assert all("1.png" in row["error"] for row in rows_in(tmp_path / "out") if row["verdict"] == "failed")


def test_a_run_that_died_asks_only_the_rest(pope: Path, tmp_path: Path) -> None:
    def dies(prompt: Prompt) -> str:
        if len(dying.asked) > 4:
            raise ModelError("the server is gone")
        return says_yes(prompt)

    dying, again = FakeModel(dies), FakeModel(says_yes)
    with pytest.raises(ModelError):
        run_benchmark(dying, "pope", str(pope), tmp_path / "out", pictures=tmp_path)
    resumed = run_benchmark(again, "pope", str(pope), tmp_path / "out", pictures=tmp_path)
    assert len(again.asked) == 4
    whole = run_benchmark(FakeModel(says_yes), "pope", str(pope), tmp_path / "whole", pictures=tmp_path)
    assert resumed == whole


def test_replies_are_sorted_into_right_wrong_refused_empty_and_failed(pope: Path, tmp_path: Path) -> None:
    replies: Iterator[str | Reply] = iter(
        ["Yes.", "Yes.", "I cannot tell.", "", "A lamp.", Reply.failed("busy"), "No.", "no"]
    )
    run_benchmark(
        FakeModel(lambda prompt: next(replies)), "pope", str(pope), tmp_path / "out", pictures=tmp_path
    )
    assert [row["verdict"] for row in rows_in(tmp_path / "out")] == [
        "correct",
        "other",
        "refused",
        "empty",
        "other",
        "failed",
        "other",
        "correct",
    ]


def test_hallusionbench_without_pictures_runs_on_a_model_that_does_not_see(tmp_path: Path) -> None:
    path = tmp_path / "h.json"
    path.write_text(json.dumps([hallusion_row(), hallusion_row(question_id="2", gt_answer="0")]))
    numbers = run_benchmark(FakeModel(says_yes, sees=False), "hallusionbench", str(path), tmp_path / "out")[
        "bench"
    ]
    assert numbers["a_acc"]["value"] == 0.5
    assert numbers["f_acc"]["n"] == 0
    [first, _] = rows_in(tmp_path / "out")
    assert first["question"] == "Is Ohio north of Texas?"
    assert first["question_key"] == "VS-map-3-1"


def test_the_released_set_runs_in_paper_mode_and_tells_what_it_lacks(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "a.parquet", [released_row(image=png("red")), released_row(image=b"broken")]
    )
    model = FakeModel(lambda prompt: "It is not a tiger.")
    summary = run_benchmark(model, "correlationqa", str(path), tmp_path / "out")["bench"]
    assert summary["accuracy"] == summary["accuracy"] | {"value": 1.0, "n": 1}
    assert summary["accuracy_strict"]["value"] == 0.0
    assert summary["failed"]["value"] == 0.5
    assert "without a picture" in " ".join(summary["notes"])
    settings = json.loads((tmp_path / "out" / "manifest.json").read_text())["settings"]
    assert settings["sampling"]["max_new_tokens"] == 30
    assert (tmp_path / "out" / "data" / "correlationqa" / "00001.jpg").is_file()


def test_what_cannot_be_asked_is_refused_by_name(pope: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pope"):
        run_benchmark(FakeModel(), "popes", str(pope), tmp_path / "out")
    with pytest.raises(UsageError, match="--pictures FOLDER"):
        run_benchmark(FakeModel(), "pope", str(pope), tmp_path / "out")
    with pytest.raises(UsageError, match=r"\+ocr"):
        run_benchmark(FakeModel(sees=False), "pope", str(pope), tmp_path / "out", pictures=tmp_path)
    with pytest.raises(UsageError, match="leave out --pictures"):
        run_benchmark(FakeModel(), "correlationqa", str(pope), tmp_path / "out", pictures=tmp_path)
    assert set(BENCHMARKS) == {"correlationqa", "pope", "hallusionbench"}


def test_a_limit_takes_whole_groups_of_every_category() -> None:
    examples = [
        Example(
            f"{category}{group}{row}", "?", (), group=f"{category}{group}", metadata={"category": category}
        )
        for category in "ab"
        for group in range(3)
        for row in range(2)
    ]
    assert [example.id for example in spread(examples, 5)] == ["a00", "a01", "b00", "b01"]
    assert spread(examples, None) == spread(examples, 12) == examples
    with pytest.raises(UsageError, match="less than one group"):
        spread(examples, 1)
