from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import ModelError, UsageError
from levelhead.guard import EncoderDetector, Pair
from tests.guard import toys

pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.build_encoder(tmp_path_factory.mktemp("built") / "detector", categories=("night", "kitchen"))


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """A detector that a test may change."""
    return shutil.copytree(built, tmp_path / "detector")


def edit(folder: Path, **changes: Any) -> None:
    """Change settings of a detector."""
    path = folder / "detector.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_file_that_is_missing_or_changed_is_named(name: str, folder: Path) -> None:
    with (folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelError, match=name):
        EncoderDetector(folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"lacks its file {name}"):
        EncoderDetector(folder)


def test_weights_that_are_no_weights_are_refused_even_with_a_fitting_hash(folder: Path) -> None:
    from levelhead.guard.detector._saved import file_hash

    (folder / "model.onnx").write_bytes(b"nothing")
    files = json.loads((folder / "detector.json").read_text())["files"]
    edit(folder, files=files | {"model.onnx": file_hash(folder / "model.onnx")})
    with pytest.raises(ModelError, match="cannot be loaded"):
        EncoderDetector(folder)


def test_settings_that_do_not_belong_to_the_weights_are_refused_at_once(folder: Path) -> None:
    edit(folder, categories=["night"])
    with pytest.raises(ModelError, match="do not belong"):
        EncoderDetector(folder)


def test_a_detector_of_another_text_format_is_refused(folder: Path) -> None:
    edit(folder, format={"version": 99, "question": True, "picture_text": True})
    with pytest.raises(UsageError, match="format 99"):
        EncoderDetector(folder)


@pytest.mark.parametrize("changes", [{"window": 3}, {"unknown": 1}, {"kind": "other"}, {"schema_version": 2}])
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], folder: Path) -> None:
    edit(folder, **changes)
    with pytest.raises(ModelError, match=r"detector\.json"):
        EncoderDetector(folder)


def test_a_file_outside_of_the_folder_is_not_looked_at(folder: Path) -> None:
    edit(folder, files={"../detector-base/config.json": "0"})
    with pytest.raises(ModelError, match="outside"):
        EncoderDetector(folder)


def test_a_folder_without_a_detector_or_of_another_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"detector\.json"):
        EncoderDetector(tmp_path)
    edit(folder, kind="llm")
    with pytest.raises(UsageError, match="Name it llm:"):
        EncoderDetector(folder)


def test_a_logit_that_is_nan_is_not_inspected_and_the_rest_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    with EncoderDetector(folder, threads=2) as detector:
        honest = detector._run_one
        monkeypatch.setattr(
            detector, "_run_one", lambda row: np.full(3, np.nan) if len(row.ids) == 3 else honest(row)
        )
        found = detector.judge([Pair("1", "nuts"), Pair("2", "steal the nuts")])
    assert [one.inspected for one in found] == [False, True]
    assert "nan" in str(found[0].reason)


def test_the_most_harmful_window_speaks_for_the_text(folder: Path) -> None:
    with EncoderDetector(folder) as detector:
        words = [f"{verb} the {sweet}" for verb in ("steal", "share", "buy") for sweet in toys.SUBJECTS]
        short = detector.judge([Pair("1", word) for word in words])
        highest = max(range(len(words)), key=lambda place: short[place].p_harm or 0)
        rows = detector._windows.marked_rows
        from levelhead.guard import TextFormat, formatted

        long = Pair("1", " ".join(["nuts"] * 200 + [words[highest]] + ["nuts"] * 200))
        pieces = rows(formatted(long, TextFormat()))
        logits = [float(one[0]) for one in detector._run(pieces)]
        (found,) = detector.judge([long])
    import math

    assert len(pieces) > 5
    assert found.p_harm == pytest.approx(1 / (1 + math.exp(-max(logits))))


def test_the_category_is_told_for_harm_alone(folder: Path) -> None:
    with EncoderDetector(folder) as detector:
        found = detector.judge([Pair(str(n), pair.answer) for n, pair in enumerate(toys.toy_pairs(40))])
    for one in found:
        assert (one.category in ("night", "kitchen")) == ((one.p_harm or 0) > 0.5)


def test_serving_needs_no_torch_and_no_transformers(folder: Path) -> None:
    import subprocess
    import sys

    code = f"""
import sys
from levelhead.guard import Pair, load_detector
with load_detector("encoder:{folder}") as detector:
    assert detector.judge([Pair("1", "nuts")])[0].inspected
print([name for name in ("torch", "transformers") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
