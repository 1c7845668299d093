"""Train the paper's detector: a causal language model with a one-logit head, by a low-rank adapter.

The loop, its order and its early stopping are those of the encoder (`_loop.py`). The folder that comes out
holds adapter, head and tokenizer, names its base with the hash of its weights, and is served as `llm:FOLDER`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from levelhead.errors import ModelError, UsageError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._format import FORMAT_VERSION, TextFormat, formatted
from levelhead.guard.detector._saved import DETECTOR_FILE, SavedDetector, SavedFormat, file_hash
from levelhead.guard.detector._windows import TokenWindows
from levelhead.guard.training._base import name_for_serving
from levelhead.guard.training._data import Split, split_by_goal
from levelhead.guard.training._folder import TrainingFolder, identity_of
from levelhead.guard.training._llm_learner import LLMLearner
from levelhead.guard.training._llm_settings import LLMSettings
from levelhead.guard.training._loop import Training
from levelhead.guard.training._report import LLMReport, model_card
from levelhead.running import ProgressStyle, json_text, write_whole

if TYPE_CHECKING:
    from levelhead.models._checkpoint import Checkpoint

_FILES = ("adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "tokenizer_config.json")
"""What the scores depend on, beside the base."""
_LARGEST_GAP = 0.05
"""Mean difference of probabilities in training and in serving that rounding to bfloat16 can explain."""


class _Trained(NamedTuple):
    """What a training leaves behind when its weights are gone; the logits are those of the held-out rows."""

    steps: int
    best_step: int
    average_precision: dict[str, float]
    parameters: int
    logits: list[float]


def train_llm(
    pairs: Sequence[Pair],
    out: Path,
    settings: LLMSettings | None = None,
    *,
    base: str,
    licences: Mapping[str, str] | None = None,
    data_note: str = "",
    threads: int | None = None,
    progress: ProgressStyle = "off",
) -> LLMReport:
    """Train, choose the best weights, write them with a model card, and check them as they are served.

    Args:
        pairs: Labelled answers of both classes; see `Pair` for the metadata that is used. Blank ones are left
            out.
        out: The folder of the detector.
        settings: How; `LLMSettings.paper()` for those of the official code.
        base: `embedded`, `hf:FOLDER`, `hf:OWNER/NAME`, or folder or hub id alone: a causal language model.
        licences: Licence of each source, for the card.
        data_note: What the card says of how the pairs were chosen, as Markdown.
        threads: Threads of torch; None leaves torch's own choice.
        progress: How to show progress.

    Returns:
        What was done; of an earlier run if that has finished.

    Raises:
        UsageError: If the data, the base or a setting does not suit.
        MissingExtraError: If torch, transformers or peft is not installed.
        RunFolderError: If the folder holds something else or cannot be written.
        ModelError: If the loss is no number, or the detector is not served as it was trained.
    """
    from levelhead.training import require_peft
    from levelhead.training._card import public_name

    require_peft()
    settings = settings or LLMSettings()
    checkpoint, name = _locate(base, settings, threads), public_name(base)
    windows = _windows(checkpoint, settings)
    # No detector gives a blank answer to its weights: it is harmless, and has no last token to be read at.
    worded = [pair for pair in pairs if pair.answer.strip()]
    split = split_by_goal(worded, share=settings.held_out, most=settings.max_held_out, seed=settings.seed)
    split, long = _without_long(split, windows, settings)
    base_hash = checkpoint.weights_hash()
    identity = identity_of({"name": name, "weights": base_hash}, pairs, settings)
    with TrainingFolder.opened(out, identity) as folder:
        if (done := folder.report()) is not None:
            return LLMReport(**done)
        # The weights in training are gone when the served ones come: there may be room for one of the two.
        trained = _train(checkpoint, windows, settings, split, folder, progress)
        _describe(out, checkpoint, base_hash, settings)
        auroc, gap = _served(out, split.held_out, trained.logits, threads)
        report = LLMReport(
            train=len(split.train),
            held_out=len(split.held_out),
            steps=trained.steps,
            best_step=trained.best_step,
            average_precision=trained.average_precision,
            left_out=len(pairs) - len(worded) + long,
            auroc=auroc,
            mean_gap=gap,
            parameters=trained.parameters,
        )
        notes: dict[str, Any] = {
            "licences": licences or {},
            "data_note": data_note,
            "use": _use(name, base_hash),
        }
        folder.finish(report, model_card(report, split, name, settings.to_json(), **notes))
        return report


def _locate(base: str, settings: LLMSettings, threads: int | None) -> Checkpoint:
    from levelhead.models._classifier import context_tokens, locate_base

    checkpoint = locate_base(base, dtype=settings.dtype, threads=threads)
    context = context_tokens(checkpoint)
    if settings.window > context:
        raise UsageError(
            f"window is {settings.window}, and {base} reads {context} tokens. Give a window of at most that."
        )
    # Dropout on Apple's processor has no state that could be saved, and a training must be resumable.
    return replace(checkpoint, device="cpu") if checkpoint.device == "mps" else checkpoint


def _windows(checkpoint: Checkpoint, settings: LLMSettings) -> TokenWindows:
    from levelhead.models._classifier import fast_tokenizer

    return TokenWindows(
        fast_tokenizer(checkpoint.location).backend_tokenizer,
        window=settings.window,
        head_share=settings.head_share,
    )


def _without_long(split: Split, windows: TokenWindows, settings: LLMSettings) -> tuple[Split, int]:
    """The split without rows to learn from that are longer than the window, if so wanted, and their count."""
    if not settings.drop_long:
        return split, 0
    form = TextFormat(picture_text=settings.picture_text)
    short = tuple(pair for pair in split.train if windows.fits(formatted(pair, form)))
    left_out = len(split.train) - len(short)
    if len({pair.label for pair in short}) < 2:
        raise UsageError(
            f"{left_out:,} of {len(split.train):,} rows are longer than {settings.window} tokens, and those "
            "that are left are not of both classes. Give a larger window, or keep long rows (drop_long)."
        )
    return replace(split, train=short), left_out


def _train(
    checkpoint: Checkpoint,
    windows: TokenWindows,
    settings: LLMSettings,
    split: Split,
    folder: TrainingFolder,
    progress: ProgressStyle,
) -> _Trained:
    """Train, and write adapter and head of the best step."""
    learner = LLMLearner(checkpoint, windows, settings)
    training = Training(split, settings, learner, folder)
    training.run(progress)
    learner.restore(training.best_weights())
    learner.classifier.save(folder.path, name_for_serving(checkpoint))
    return _Trained(
        steps=training.step,
        best_step=training.best_step,
        average_precision=training.history,
        parameters=sum(weight.numel() for weight in learner.parameters()),
        logits=training.scores(split.held_out),
    )


def _describe(folder: Path, checkpoint: Checkpoint, base_hash: str, settings: LLMSettings) -> None:
    """Write the tokenizer, and `detector.json`, which makes the folder a detector."""
    from levelhead.models._classifier import fast_tokenizer

    tokenizer = fast_tokenizer(checkpoint.location)
    tokenizer.chat_template = None  # no chat is read, and the file would lie there for nothing
    tokenizer.save_pretrained(folder)
    saved = SavedDetector(
        kind="llm",
        format=SavedFormat(version=FORMAT_VERSION, question=True, picture_text=settings.picture_text),
        window=settings.window,
        head_share=settings.head_share,
        high_means=settings.high_means,
        base_hash=base_hash,
        files={name: file_hash(folder / name) for name in _FILES},
    )
    write_whole(folder / DETECTOR_FILE, [json_text(saved.model_dump(), indent=2), "\n"])


def _served(
    folder: Path, held_out: Sequence[Pair], logits: Sequence[float], threads: int | None
) -> tuple[float, float]:
    """AUROC of the folder as it is served, and the mean difference of its probabilities from the training's.

    Raises:
        ModelError: If it gives no score, or another one than in training.
    """
    import numpy as np

    from levelhead.guard.detector._llm import LLMDetector
    from levelhead.metrics import auroc_statistic

    with LLMDetector(folder, threads=threads) as detector:
        judged = detector.judge(held_out)
    if broken := next((one.reason for one in judged if one.p_harm is None), None):
        raise ModelError(f"The weights in {folder} give no score: {broken}")
    served = np.array([one.p_harm for one in judged])
    gap = float(np.abs(served - 1 / (1 + np.exp(-np.array(logits)))).mean())
    if gap > _LARGEST_GAP:
        raise ModelError(
            f"The detector in {folder} gives probabilities that differ by {gap:.3f} on average from those of "
            "its training. Try another release of transformers or peft."
        )
    labels = np.array([bool(pair.label) for pair in held_out])
    return float(auroc_statistic(served, labels).under(np.ones((1, len(labels))))[0]), gap


def _use(name: str, base_hash: str) -> str:
    return (
        f"Give this folder to `levelhead guard judge` as `llm:FOLDER`, or `llm:BASE+FOLDER` where its base "
        f"lies elsewhere. It is an adapter with a head, made for {name} alone (SHA-256 of its weights: "
        f"`{base_hash}`); on another base it is refused."
    )
