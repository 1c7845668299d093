from __future__ import annotations

from pathlib import Path

import pytest

from embedded_vision.captions import CaptionVocabulary
from embedded_vision.card import MEASURES, card
from embedded_vision.export import export, picture_template
from embedded_vision.export_gguf import export_gguf, gguf_name
from embedded_vision.state import new_training
from levelhead.models._embedded_vision import EYES_FILE


def test_the_eyes_weigh_at_most_fifteen_megabytes(
    captions: CaptionVocabulary, text_folder: Path, tmp_path: Path
) -> None:
    export(new_training("large", captions), text_folder, tmp_path)
    assert (tmp_path / EYES_FILE).stat().st_size <= 15e6


def test_a_template_of_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="by hand"):
        picture_template("{{ messages }}")


def test_the_gguf_file_holds_every_weight_that_the_projector_reads(
    captions: CaptionVocabulary, text_folder: Path, tmp_path: Path
) -> None:
    import gguf
    import numpy as np
    from safetensors.numpy import load_file

    export(new_training("small", captions), text_folder, tmp_path)
    export_gguf(tmp_path, tmp_path / "mmproj.gguf")
    found = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "mmproj.gguf").tensors}
    weights = load_file(tmp_path / EYES_FILE)
    wanted = {gguf_name(name): weight for name, weight in weights.items() if "post_layernorm" not in name}
    assert found.keys() == wanted.keys()
    for name, weight in wanted.items():
        assert np.array_equal(found[name].data.reshape(weight.shape), weight), name


def test_a_card_is_filled_from_its_numbers_and_not_written_without_them(
    captions: CaptionVocabulary, text_folder: Path, tmp_path: Path
) -> None:
    export(new_training("small", captions), text_folder, tmp_path)
    share = {"value": 0.9, "low": 0.85, "high": 0.94, "n": 200}
    measured = {
        "right": dict.fromkeys(MEASURES, share),
        "pictogram_names": 230,
        "without_picture": {"largest_difference": 2e-6, "tokens": 900, "questions": 100},
        "seconds": {"load": 2.1, "one_question": 0.9, "batched_question": 0.4},
        "threads": 1,
    }
    text = card(tmp_path, measured)
    assert "| known words in unseen fonts, every letter right | 90.0% | 85.0% to 94.0% | 200 |" in text
    assert "| OpenMoji, measured on only | CC BY-SA 4.0 | measuring |" in text
    assert "of 2.6 M weights" in text
    assert "$" not in text
    del measured["right"]["unseen_words/read"]  # type: ignore[attr-defined]
    with pytest.raises(KeyError, match="unseen_words"):
        card(tmp_path, measured)
