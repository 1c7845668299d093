"""From torch weights to the folders that are served: ONNX in float32, then in int8, each a whole detector.

`onnx` is needed here and nowhere else; serving needs onnxruntime and tokenizers.
"""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from levelhead.errors import ModelError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._encoder import TOKENIZER_FILE, WEIGHTS_FILE, EncoderDetector
from levelhead.guard.detector._saved import DETECTOR_FILE, SavedDetector, file_hash
from levelhead.running import json_text, write_whole

_OPSET = 17
_TOLERANCE = 1e-3
"""Largest difference of a logit between torch and onnxruntime, both in float32."""


def export_float32(model: Any, tokenizer: Any, folder: Path, described: SavedDetector) -> None:
    """Write a detector folder with float32 weights.

    Args:
        model: The `PooledClassifier` with eager attention.
        tokenizer: A `tokenizers.Tokenizer`.
        folder: Made if it is not there.
        described: Its settings; the hashes are filled in.

    Raises:
        ModelError: If onnxruntime gives other logits than torch.
    """
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(folder / TOKENIZER_FILE))
    ids = torch.ones((2, 8), dtype=torch.int64)
    inputs = ["input_ids", "attention_mask", "answer_mask"]
    axes = {0: "rows", 1: "tokens"}
    # The exporter by tracing: the newer one needs a further library, and this graph has no branches.
    with _without_warnings():
        torch.onnx.export(
            model.eval(),
            (ids, torch.ones_like(ids), torch.ones_like(ids)),
            str(folder / WEIGHTS_FILE),
            input_names=inputs,
            output_names=["logits"],
            dynamic_axes={**dict.fromkeys(inputs, axes), "logits": {0: "rows"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    _describe(folder, described)
    _check_same(model, folder)


def export_int8(float32: Path, folder: Path, described: SavedDetector) -> None:
    """Write a detector folder with int8 weights, made from one with float32 weights."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(float32 / TOKENIZER_FILE, folder / TOKENIZER_FILE)
    # Seven bits: with eight, sums of products overflow on processors without VNNI, and scores would depend on
    # the processor.
    with _without_warnings():
        quantize_dynamic(
            float32 / WEIGHTS_FILE,
            folder / WEIGHTS_FILE,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )
    _describe(folder, described)


def agreement(float32: Path, int8: Path, pairs: Sequence[Pair]) -> tuple[float, float, float]:
    """AUROC of the one and the other on labelled pairs, and the mean difference of their probabilities.

    Raises:
        ModelError: If one of them gives no score.
    """
    import numpy as np

    from levelhead.metrics import auroc_statistic

    columns = []
    for folder in (float32, int8):
        with EncoderDetector(folder) as detector:
            judged = detector.judge(pairs)
        if broken := next((one.reason for one in judged if one.p_harm is None), None):
            raise ModelError(f"The exported weights in {folder} give no score: {broken}")
        columns.append(np.array([one.p_harm for one in judged]))
    labels = np.array([bool(pair.label) for pair in pairs])
    once = np.ones((1, len(labels)))
    areas = [float(auroc_statistic(column, labels).under(once)[0]) for column in columns]
    return areas[0], areas[1], float(np.abs(columns[0] - columns[1]).mean())


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Tracing and quantizing warn of graphs that could come out wrong; ours is compared afterwards."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _describe(folder: Path, described: SavedDetector) -> None:
    files = {name: file_hash(folder / name) for name in (WEIGHTS_FILE, TOKENIZER_FILE)}
    whole = described.model_copy(update={"files": files}).model_dump()
    write_whole(folder / DETECTOR_FILE, [json_text(whole, indent=2), "\n"])


def _check_same(model: Any, folder: Path) -> None:
    import numpy as np
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(folder / WEIGHTS_FILE, providers=["CPUExecutionProvider"])
    ids = torch.arange(1, 25).reshape(1, 24) % model.encoder.config.vocab_size
    whole, answer = torch.ones_like(ids), (torch.arange(24) > 9).long().reshape(1, 24)
    with torch.inference_mode():
        expected = model(ids, whole, answer).numpy()
    given = {"input_ids": ids.numpy(), "attention_mask": whole.numpy(), "answer_mask": answer.numpy()}
    gap = float(np.abs(session.run(None, given)[0] - expected).max())
    if not gap < _TOLERANCE:
        raise ModelError(
            f"The exported weights give logits that differ by {gap:.2g} from those of torch. Try another "
            "release of torch or onnxruntime."
        )
