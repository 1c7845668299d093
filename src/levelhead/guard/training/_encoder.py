"""Train the small detector: fine-tune an encoder, keep the weights that rank held-out goals best, export.

A plain loop: classes balanced by sampling, questions dropped and answers changed at random, early stopping on
the average precision of held-out goals. It is resumable: order and choices follow from seed, epoch and place,
and the state of the dropout is saved, so a training that was killed ends with the same weights.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from levelhead.errors import MissingExtraError, ModelError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._format import FORMAT_VERSION
from levelhead.guard.detector._saved import SavedDetector, SavedFormat, file_hash
from levelhead.guard.training._base import base_name
from levelhead.guard.training._data import split_by_goal
from levelhead.guard.training._encoder_learner import EncoderLearner
from levelhead.guard.training._folder import TrainingFolder, identity_of
from levelhead.guard.training._loop import Training
from levelhead.guard.training._report import EncoderReport, model_card
from levelhead.guard.training._settings import EncoderSettings
from levelhead.running import ProgressStyle


def train_encoder(
    pairs: Sequence[Pair],
    out: Path,
    settings: EncoderSettings | None = None,
    *,
    base: str,
    licences: Mapping[str, str] | None = None,
    data_note: str = "",
    threads: int | None = None,
    progress: ProgressStyle = "off",
) -> EncoderReport:
    """Train, choose the best weights, export them in float32 and int8, and write a model card.

    Args:
        pairs: Labelled answers of both classes; see `Pair` for the metadata that is used.
        out: The folder of the int8 detector; `out/float32` becomes that of the float32 one.
        settings: How.
        base: Folder or hub id of a BERT-like encoder.
        licences: Licence of each source, for the card.
        data_note: What the card says of how the pairs were chosen, as Markdown.
        threads: Threads of torch; None leaves torch's own choice.
        progress: How to show progress.

    Returns:
        What was done; of an earlier run if that has finished.

    Raises:
        UsageError: If the data or a setting does not suit.
        MissingExtraError: If torch, transformers or onnx is not installed.
        RunFolderError: If the folder holds something else or cannot be written.
        ModelError: If the loss is no number, or int8 loses more than the settings allow.
    """
    _require_libraries(threads)
    settings = settings or EncoderSettings()
    split = split_by_goal(pairs, share=settings.held_out, most=settings.max_held_out, seed=settings.seed)
    with TrainingFolder.opened(out, identity_of(_described(base), pairs, settings)) as folder:
        if (done := folder.report()) is not None:
            return EncoderReport(**done)
        learner = EncoderLearner(base, settings)
        training = Training(split, settings, learner, folder)
        training.run(progress)
        report = _export(training, learner.tokenizer, settings, base, folder)
        card = model_card(
            report, split, base, settings.to_json(), licences=licences or {}, data_note=data_note
        )
        folder.finish(report, card)
        return report


def _described(base: str) -> dict[str, object]:
    weights = {path.name: file_hash(path) for path in sorted(Path(base).glob("*.safetensors"))}
    return {"name": base_name(base), "weights": weights}


def _export(
    training: Training, tokenizer: Any, settings: EncoderSettings, base: str, folder: TrainingFolder
) -> EncoderReport:
    from levelhead.guard.detector._encoder import WEIGHTS_FILE
    from levelhead.guard.training._export import agreement, export_float32, export_int8
    from levelhead.guard.training._model import build_model

    model = build_model(
        base,
        outputs=1 + len(settings.categories),
        layers=settings.layers,
        read_layers=settings.read_layers,
        attention="eager",
    )
    model.load_state_dict(training.best_weights())
    described = SavedDetector(
        kind="encoder",
        format=SavedFormat(version=FORMAT_VERSION, question=True, picture_text=settings.picture_text),
        window=settings.window,
        head_share=settings.head_share,
        categories=list(settings.categories),
        files={},
    )
    split, float32 = training.split, folder.path / "float32"
    export_float32(model, tokenizer, float32, described)
    export_int8(float32, folder.path, described)
    exact, small, gap = agreement(float32, folder.path, split.held_out)
    if exact - small > settings.max_int8_loss:
        raise ModelError(
            f"The int8 weights lose {exact - small:.4f} AUROC on the held-out rows; {settings.max_int8_loss} "
            f"is allowed. The float32 detector in {float32} can be used, or raise max_int8_loss."
        )
    return EncoderReport(
        train=len(split.train),
        held_out=len(split.held_out),
        steps=training.step,
        best_step=training.best_step,
        average_precision=training.history,
        auroc_fp32=exact,
        auroc_int8=small,
        mean_gap=gap,
        int8_bytes=(folder.path / WEIGHTS_FILE).stat().st_size,
    )


def _require_libraries(threads: int | None) -> None:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads sleep; see models/_checkpoint.py
    for module in ("torch", "transformers", "onnx", "onnxruntime"):
        if find_spec(module) is None:  # known before the hours of training, not after
            extra = "guard" if module == "onnxruntime" else "tune"
            raise MissingExtraError("Training a detector", extra=extra, module=module)
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
