"""POPE, HallusionBench and the released CorrelationQA in tiny files of their published forms."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from levelhead.datasets import read_correlationqa, read_hallusionbench, read_pope
from levelhead.datasets._correlationqa import _hub_values
from levelhead.errors import UsageError
from tests.datasets.test_published import DATA

published = pytest.mark.skipif(not DATA.is_dir(), reason="the public data sets are not in ../shared/data")


def write_pope(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_pope_rows_are_grouped_by_picture_and_carry_their_part_and_label(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    row = {"question_id": 1, "image": "a.jpg", "text": "Is there a dog in the image?", "label": "no"}
    write_pope(tmp_path / "coco_pope_random.json", [row])
    write_pope(tmp_path / "coco_pope_popular.json", [row, {**row, "question_id": 2, "label": "yes"}])
    examples = read_pope(tmp_path, tmp_path)
    assert [example.id for example in examples] == [
        "coco_pope_popular-1",
        "coco_pope_popular-2",
        "coco_pope_random-1",
    ]
    assert examples[1].answers == ("yes",)
    assert examples[2].group == "a.jpg"
    assert examples[2].metadata == {"category": "random", "label": "no", "picture": "a.jpg"}
    assert examples[0].images[0].path == tmp_path / "a.jpg"


def test_missing_pictures_of_pope_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    row = {"question_id": 1, "image": "gone.jpg", "text": "Is there a dog?", "label": "no"}
    with pytest.raises(UsageError, match=r"1 of 1 pictures are missing; .*gone\.jpg"):
        read_pope(write_pope(tmp_path / "p.json", [row, row]), tmp_path)


def test_a_wrong_pope_row_is_named_by_line_and_an_empty_folder_refused(tmp_path: Path) -> None:
    row = {"question_id": 1, "image": "a.jpg", "text": "Is there a dog?", "label": "maybe"}
    with pytest.raises(UsageError, match="line 1: label"):
        read_pope(write_pope(tmp_path / "p.json", [row]), tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no"):
        read_pope(tmp_path / "empty", tmp_path)


def hallusion_row(**change: Any) -> dict[str, Any]:
    return {
        "category": "VS",
        "subcategory": "map",
        "visual_input": "0",
        "set_id": "3",
        "figure_id": "0",
        "sample_note": "x",
        "question_id": "1",
        "question": "Is Ohio north of Texas?",
        "gt_answer_details": "Ohio is north of Texas.",
        "gt_answer": "1",
        "filename": None,
    } | change


def test_hallusionbench_without_pictures_asks_what_needs_none(tmp_path: Path) -> None:
    shown = hallusion_row(visual_input="2", figure_id="1", gt_answer="0", filename="./VS/map/3_1.png")
    path = tmp_path / "h.json"
    path.write_text(json.dumps([hallusion_row(), shown]))
    [text] = read_hallusionbench(path)
    assert text.answers == ("yes",)
    assert text.images == ()
    assert text.metadata["shown"] == "none"
    (tmp_path / "VS" / "map").mkdir(parents=True)
    (tmp_path / "VS" / "map" / "3_1.png").write_bytes(b"picture")
    both = read_hallusionbench(path, tmp_path)
    assert [example.metadata["figure"] for example in both] == ["VS-map-3-0", "VS-map-3-1"]
    assert {example.metadata["question_key"] for example in both} == {"VS-map-3-1"}
    assert both[1].answers == ("no",)
    assert both[1].images[0].path == tmp_path / "VS" / "map" / "3_1.png"


def test_hallusionbench_of_nothing_but_pictures_asks_for_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "h.json"
    path.write_text(json.dumps([hallusion_row(filename="./VS/map/3_1.png")]))
    with pytest.raises(UsageError, match="Give the folder"):
        read_hallusionbench(path)
    with pytest.raises(UsageError, match="missing"):
        read_hallusionbench(path, tmp_path)


@published
def test_the_published_hallusionbench_has_178_questions_without_a_picture() -> None:
    examples = read_hallusionbench(DATA / "hallusionbench" / "HallusionBench.json")
    assert len(examples) == len({example.id for example in examples}) == 178
    assert {example.metadata["category"] for example in examples} == {"VS"}


@published
def test_the_published_pope_has_three_thousand_rows_a_file_half_of_them_yes(tmp_path: Path) -> None:
    for file in (DATA / "pope").glob("*.json"):
        for line in file.read_text().splitlines():
            (tmp_path / json.loads(line)["image"]).touch()
    examples = read_pope(DATA / "pope", tmp_path)
    assert len(examples) == len({example.id for example in examples}) == 9_000
    assert sum(example.answers == ("yes",) for example in examples) == 4_500
    assert len({example.group for example in examples}) == 500


def released_row(**change: Any) -> dict[str, Any]:
    return {
        "image": b"encoded",
        "image_path": "animal/lion_1.jpg",
        "category": "animal",
        "question": "Which cat is the largest?",
        "true_answer": "tiger",
    } | change


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pyarrow, parquet = (importlib.import_module(name) for name in ("pyarrow", "pyarrow.parquet"))
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize(
    "encode", [bytes, lambda data: {"bytes": data, "path": "x.jpg"}], ids=["bytes", "hub"]
)
def test_the_released_set_puts_its_pictures_into_files(encode: Any, tmp_path: Path) -> None:
    rows = [released_row(image=encode(b"one")), released_row(image=encode(b"two"), image_path="")]
    write_parquet(tmp_path / "train.parquet", rows)
    pictures = tmp_path / "pictures"
    examples = read_correlationqa(tmp_path, pictures)
    assert [example.images[0].read() for example in examples] == [b"one", b"two"]
    assert [path.name for path in sorted(pictures.iterdir())] == ["00001.jpg", "00002.png"]
    assert examples[0].answers == ("tiger",)
    assert examples[0].group == examples[1].group == "animal/Which cat is the largest?"
    written = (pictures / "00001.jpg").stat().st_mtime_ns
    assert read_correlationqa(tmp_path, pictures) == examples
    assert (pictures / "00001.jpg").stat().st_mtime_ns == written


def test_a_row_without_a_picture_is_kept_and_a_wrong_row_is_named(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", [released_row(image=None), released_row()])
    first, second = read_correlationqa(path, tmp_path / "pictures")
    assert first.images[0].path is not None
    assert not first.images[0].path.exists()
    assert second.images[0].read() == b"encoded"
    path = write_parquet(tmp_path / "b.parquet", [released_row(), released_row(true_answer=None)])
    with pytest.raises(UsageError, match="row 2: true_answer"):
        read_correlationqa(path, tmp_path / "pictures")


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"nonsense")
    with pytest.raises(UsageError, match="no Parquet file"):
        read_correlationqa(tmp_path / "a.parquet", tmp_path / "pictures")
    with pytest.raises(UsageError, match=r"holds no \.parquet"):
        read_correlationqa(tmp_path / "pictures", tmp_path / "pictures")


def test_a_set_of_the_hub_is_read_without_decoding_its_pictures() -> None:
    hub = importlib.import_module("datasets")
    features = hub.Features({"image": hub.Image(), "image_path": hub.Value("string")})
    rows = hub.Dataset.from_dict(
        {"image": [{"bytes": b"no picture", "path": None}], "image_path": ["a"]}, features=features
    )

    class Hub:
        Image = hub.Image

        def load_dataset(self, name: str, split: str) -> Any:
            assert (name, split) == ("owner/name", "train")
            return rows

    [value] = _hub_values(Hub(), "owner/name")
    assert value["image"]["bytes"] == b"no picture"
