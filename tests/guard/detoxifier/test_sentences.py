from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from levelhead.errors import UsageError
from levelhead.guard.detoxifier._sentences import SentenceEncoder
from tests.guard.toys import build_base


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_base(tmp_path_factory.mktemp("encoders") / "toy")


def test_vectors_have_length_one_and_do_not_depend_on_their_neighbours(folder: Path) -> None:
    encoder = SentenceEncoder(folder, window=32)
    texts = ["share the cookies", "steal the pies at night", "nuts " * 100, "\ud800"]
    found = encoder.embed(texts)
    assert found.shape == (4, 32)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    for place, text in enumerate(texts):
        assert encoder.embed([text])[0] == pytest.approx(found[place], abs=1e-6)


def test_the_end_of_a_long_text_counts(folder: Path) -> None:
    encoder = SentenceEncoder(folder, window=32)
    plain, other = encoder.embed(["nuts " * 100, "nuts " * 99 + "grandmother"])
    assert not np.allclose(plain, other, atol=1e-4)


def test_it_is_the_average_over_the_tokens_of_the_last_layer(folder: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    inputs = AutoTokenizer.from_pretrained(folder)("share the cookies", return_tensors="pt")
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(folder).eval()(**inputs).last_hidden_state[0].mean(dim=0).numpy()
    (found,) = SentenceEncoder(folder, window=32).embed(["share the cookies"])
    assert found == pytest.approx(hidden / np.linalg.norm(hidden), abs=1e-5)


def test_no_texts_give_no_vectors(folder: Path) -> None:
    assert SentenceEncoder(folder, window=32).embed([]).shape == (0, 32)


def test_what_cannot_be_embedded_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No sentence encoder"):
        SentenceEncoder(tmp_path)
    with pytest.raises(UsageError, match="reads 128"):
        SentenceEncoder(folder, window=256)
    with pytest.raises(UsageError, match="blank"):
        SentenceEncoder(folder, window=32).embed(["a", " "])
