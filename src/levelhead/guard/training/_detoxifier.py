"""Train a detoxifier: tune a language model to write a harmless answer in place of a harmful one.

    data = gather_rewrites(read_rewrite_source("REWRITES.jsonl"))
    report = train_detoxifier("embedded", data, Path("adapter"))

The prompt is the one that serving uses too; its style stands in `tuning.json`, which `load_detoxifier` obeys.
"""

from __future__ import annotations

from pathlib import Path

from levelhead.guard.detector._detector import Detector
from levelhead.guard.detoxifier._prompts import REWRITING_VERSION, RewritingStyle
from levelhead.guard.training._detoxifier_card import detoxifier_sections, source_facts
from levelhead.guard.training._detoxifier_data import DetoxifierData
from levelhead.guard.training._detoxifier_held_out import held_out_evaluation
from levelhead.guard.training._detoxifier_lessons import example_of, lesson, masked
from levelhead.guard.training._detoxifier_settings import DetoxifierSettings, usual_tuning
from levelhead.running import ProgressStyle
from levelhead.training import TuningReport, TuningSettings, loss_spans, show_loss, tune
from levelhead.training._loading import Device


def train_detoxifier(
    base: str,
    data: DetoxifierData,
    out: Path,
    settings: DetoxifierSettings | None = None,
    *,
    tuning: TuningSettings | None = None,
    detector: Detector | None = None,
    progress: ProgressStyle | None = None,
    device: Device = "auto",
    threads: int | None = None,
) -> TuningReport:
    """Tune a model to rewrite; a run that was killed goes on where it was.

    Args:
        base: Name of a local model, as `load_model` takes it.
        data: What `gather_rewrites` made with the same settings.
        out: Where the adapter goes, with a model card.
        settings: Wording of the prompt, and what is looked at after each epoch.
        tuning: How; None for `usual_tuning` of the style.
        detector: Judges the rewritings of held-out answers after each epoch.
        progress: As from `choose_style`.
        device: `cpu`, `cuda`, or `auto` for the best that is there.
        threads: Threads of torch; None leaves torch's own choice.

    Raises:
        UsageError: If the model cannot be tuned here, or all pairs are too long.
        RunFolderError: If the folder holds something else, or another tuning.
        MissingExtraError: If TRL, peft or datasets is not installed.
        ModelError: If the loss is no finite number any more.
    """
    settings = settings or DetoxifierSettings()
    return tune(
        base,
        [lesson(pair, settings.style) for pair in data.train],
        out,
        tuning or usual_tuning(settings.style),
        evaluate=held_out_evaluation(data.held_out, settings, detector, progress=progress),
        facts={
            "rewriting": {"style": settings.style, "version": REWRITING_VERSION},
            "pairs": settings.to_json(),
            "sources": source_facts(data),
            **({} if data.judge is None else {"labels from": data.judge}),
        },
        card=detoxifier_sections(data, settings.style),
        progress=progress,
        device=device,
        threads=threads,
    )


def show_lesson(base: str, data: DetoxifierData, style: RewritingStyle, *, words: bool = False) -> str:
    """The first rewritten pair as the model is trained on it, the tokens in the loss between ⟦ and ⟧.

    Args:
        base: The model, whose tokenizer and chat template are used.
        data: The pairs.
        style: Wording of the prompt.
        words: Whether the texts of the pair are shown. They can be harmful, so else a note stands for each.

    Raises:
        UsageError: If the model cannot take the dialogue.
    """
    pair = example_of(data.train)
    return show_loss(loss_spans(base, lesson(pair if words else masked(pair), style)))
