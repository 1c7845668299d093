"""Train a linear probe: the states of a language model once for each row, and a logistic regression on them.

Only the regression is trained, so what takes time is reading the rows, and that is resumable. The held-out
goals choose layer and penalty. The folder that comes out names its base with the hash of its weights and is
served as `probe:FOLDER`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from levelhead.errors import ModelError, UsageError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._format import FORMAT_VERSION, TextFormat, formatted
from levelhead.guard.detector._probe import (
    PROBE_FILE,
    TOKENIZER_FILE,
    LinearProbe,
    ProbeDetector,
    highest,
    with_beginning,
)
from levelhead.guard.detector._saved import DETECTOR_FILE, SavedDetector, SavedFormat, SavedProbe, file_hash
from levelhead.guard.detector._windows import TokenWindows
from levelhead.guard.training._base import name_for_serving
from levelhead.guard.training._data import Split, split_by_goal, target_of
from levelhead.guard.training._folder import TrainingFolder, identity_of
from levelhead.guard.training._probe_fit import class_weights, fit_probe
from levelhead.guard.training._probe_settings import ProbeSettings
from levelhead.guard.training._probe_states import ProbeRows, compute_states
from levelhead.guard.training._report import ProbeReport, model_card
from levelhead.running import ProgressStyle, json_text, write_whole

if TYPE_CHECKING:
    from levelhead.metrics import Statistic
    from levelhead.models._checkpoint import Checkpoint

_CHECKED_ROWS = 32
"""Held-out rows that are judged by the finished folder too."""
_LARGEST_GAP = 0.01
"""Difference of logits in training and in serving that rounding can explain."""


class _Choice(NamedTuple):
    """A probe, and the logits that it gives the held-out rows, with question and without."""

    layer: int
    l2: float
    probe: LinearProbe
    logits: list[list[float]]
    average_precision: float


def train_probe(
    pairs: Sequence[Pair],
    out: Path,
    settings: ProbeSettings | None = None,
    *,
    base: str,
    licences: Mapping[str, str] | None = None,
    data_note: str = "",
    threads: int | None = None,
    progress: ProgressStyle = "off",
) -> ProbeReport:
    """Read the rows, fit, choose the best probe, write it with a model card, and check it as it is served.

    Args:
        pairs: Labelled answers of both classes; see `Pair` for the metadata that is used. Blank ones are left
            out.
        out: The folder of the detector.
        settings: How.
        base: `embedded`, `hf:FOLDER`, `hf:OWNER/NAME`, or folder or hub id alone: a causal language model.
        licences: Licence of each source, for the card.
        data_note: What the card says of how the pairs were chosen, as Markdown.
        threads: Threads of torch; None leaves torch's own choice.
        progress: How to show progress.

    Returns:
        What was done; of an earlier run if that has finished.

    Raises:
        UsageError: If the data, the base or a setting does not suit.
        MissingExtraError: If torch or transformers is not installed.
        RunFolderError: If the folder holds something else or cannot be written.
        ModelError: If the base gives no numbers, or the detector is not served as it was trained.
    """
    from levelhead.metrics import auroc_statistic
    from levelhead.training._card import public_name

    settings = settings or ProbeSettings()
    checkpoint, name = _located(base, settings, threads), public_name(base)
    tokenizer = _tokenizer(checkpoint)
    windows = TokenWindows(tokenizer, window=settings.window, head_share=settings.head_share)
    worded = _with_tokens(pairs, windows, settings)
    split = split_by_goal(worded, share=settings.held_out, most=settings.max_held_out, seed=settings.seed)
    base_hash = checkpoint.weights_hash()
    identity = identity_of({"name": name, "weights": base_hash}, pairs, settings)
    with TrainingFolder.opened(out, identity) as folder:
        if (done := folder.report()) is not None:
            return ProbeReport(**done)
        choices = _fitted(
            checkpoint, ProbeRows.of(split, windows, settings), split, settings, folder, progress
        )
        best = max(choices, key=lambda choice: choice.average_precision)
        best.probe.save(out / PROBE_FILE)
        tokenizer.save(str(out / TOKENIZER_FILE))
        _describe(out, name_for_serving(checkpoint), base_hash, best.layer, settings)
        report = ProbeReport(
            train=len(split.train),
            held_out=len(split.held_out),
            average_precision={
                f"layer {choice.layer}, l2 {choice.l2:g}": choice.average_precision for choice in choices
            },
            layer=best.layer,
            l2=best.l2,
            left_out=len(pairs) - len(worded),
            auroc=_measured(auroc_statistic, best.logits[0], split.held_out),
            largest_gap=_gap(out, split.held_out, best.logits[0], checkpoint, settings, threads),
        )
        notes: dict[str, Any] = {
            "licences": licences or {},
            "data_note": data_note,
            "use": _use(name, base_hash),
        }
        folder.finish(report, model_card(report, split, name, settings.to_json(), **notes))
        return report


def _located(base: str, settings: ProbeSettings, threads: int | None) -> Checkpoint:
    from levelhead.models._classifier import context_tokens, locate_base
    from levelhead.models._hidden import require_layers

    checkpoint = locate_base(base, dtype="float32", threads=threads)
    require_layers(checkpoint, settings.layers)
    if settings.window > (context := context_tokens(checkpoint)):
        raise UsageError(
            f"window is {settings.window}, and {base} reads {context} tokens. Give a window of at most that."
        )
    return checkpoint


def _tokenizer(checkpoint: Checkpoint) -> Any:
    from levelhead.models._classifier import fast_tokenizer

    return with_beginning(fast_tokenizer(checkpoint.location), checkpoint.location)


def _with_tokens(pairs: Sequence[Pair], windows: TokenWindows, settings: ProbeSettings) -> list[Pair]:
    """The pairs whose answer is not blank, neither to the eye nor to the tokenizer."""
    form = TextFormat(picture_text=settings.picture_text)
    worded = [pair for pair in pairs if pair.answer.strip()]
    return [
        pair
        for pair in worded
        if all(row.answer_begin < row.answer_end for row in windows.marked_rows(formatted(pair, form)))
    ]


def _fitted(
    checkpoint: Checkpoint,
    rows: ProbeRows,
    split: Split,
    settings: ProbeSettings,
    folder: TrainingFolder,
    progress: ProgressStyle,
) -> list[_Choice]:
    """A probe for each layer and each penalty."""
    import torch

    from levelhead.metrics import average_precision_statistic
    from levelhead.models._hidden import HiddenStates

    reader = HiddenStates(checkpoint, settings.layers)
    states = compute_states(reader, rows.all(), folder.checkpoints / "states.f32", progress)
    targets = torch.tensor([target_of(pair) for pair in split.train])
    weights = class_weights([bool(pair.label) for pair in split.train])
    count = len(rows.train)
    choices = []
    for place, layer in enumerate(settings.layers):
        learned, held_out = states[:count, place], states[count:, place]
        for l2 in settings.l2:
            probe = fit_probe(learned, targets, weights, l2=l2)
            logits = _logits_by_text(probe.logits(held_out).tolist(), rows)
            precision = sum(
                _measured(average_precision_statistic, way, split.held_out) for way in logits
            ) / len(logits)
            choices.append(_Choice(layer, l2, probe, logits, precision))
    return choices


def _logits_by_text(logits: Sequence[float], rows: ProbeRows) -> list[list[float]]:
    """The logits of the held-out texts, with question and without, from those of all their windows."""
    left = iter(logits)
    return [[highest([next(left) for _ in text]) for text in way] for way in rows.held_out]


def _measured(statistic: Callable[..., Statistic], logits: Sequence[float], pairs: Sequence[Pair]) -> float:
    import numpy as np

    labels = np.array([bool(pair.label) for pair in pairs])
    return float(statistic(np.array(logits), labels).under(np.ones((1, len(labels))))[0])


def _describe(folder: Path, base: str, base_hash: str, layer: int, settings: ProbeSettings) -> None:
    """Write `detector.json`, which makes the folder a detector."""
    saved = SavedDetector(
        kind="probe",
        format=SavedFormat(version=FORMAT_VERSION, question=True, picture_text=settings.picture_text),
        window=settings.window,
        head_share=settings.head_share,
        base_hash=base_hash,
        probe=SavedProbe(base=base, layer=layer),
        files={name: file_hash(folder / name) for name in (PROBE_FILE, TOKENIZER_FILE)},
    )
    write_whole(folder / DETECTOR_FILE, [json_text(saved.model_dump(), indent=2), "\n"])


def _gap(
    folder: Path,
    held_out: Sequence[Pair],
    logits: Sequence[float],
    checkpoint: Checkpoint,
    settings: ProbeSettings,
    threads: int | None,
) -> float:
    """Largest difference of the folder's logits, as it is served, from those of the training.

    Raises:
        ModelError: If it gives no score, or another one than in training.
    """
    places = random.Random(settings.seed).sample(range(len(held_out)), min(_CHECKED_ROWS, len(held_out)))
    with ProbeDetector(folder, base=checkpoint.name, threads=threads) as detector:
        served = detector.logits([held_out[place] for place in places])
    gap = max(abs(one - logits[place]) for one, place in zip(served, places, strict=True))
    if not gap <= _LARGEST_GAP:  # also NaN
        raise ModelError(
            f"The detector in {folder} gives logits that differ by {gap:.3f} from those of its training. "
            "Try another release of transformers."
        )
    return gap


def _use(name: str, base_hash: str) -> str:
    return (
        "Give this folder to `levelhead guard judge` as `probe:FOLDER`, or `probe:BASE+FOLDER` where its "
        f"base lies elsewhere. It is a linear probe on the states of one model, {name} (SHA-256 of its "
        f"weights: `{base_hash}`); on another base it is refused."
    )
