"""Tune a model on dialogues: TRL and peft behind one function.

    report = tune("embedded", dialogues, Path("adapter"), TuningSettings(epochs=1))

The folder first holds `tuning.json` (what is tuned, on what, how) and `checkpoints/`; a run that was killed
goes on from the last of them and gives the same losses and weights, bit for bit. A finished folder holds the
weights, `losses.csv`, `tuning.json` and a model card, and is returned as it is if asked for again.

Under `accelerate launch` every process calls `tune`, with the same folder on a disk that all of them see; the
first one writes. What a step learns from is decided by the processes that began; another number of them may
go on, and shares the same dialogues out anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from levelhead.running import ProgressStyle, choose_style
from levelhead.training._dialogues import Dialogue
from levelhead.training._folder import TuningFolder
from levelhead.training._loading import Device, encoder_of, locate_base, require_tune_extra
from levelhead.training._plan import identity, make_plan
from levelhead.training._processes import process_count, share_out
from levelhead.training._report import Evaluate, Goodness, TuningReport
from levelhead.training._settings import TuningSettings
from levelhead.training._tokens import LossShare, LossSpan


def tune(
    base: str,
    dialogues: Sequence[Dialogue],
    out: Path,
    settings: TuningSettings | None = None,
    *,
    evaluate: Evaluate | None = None,
    goodness: Goodness | None = None,
    facts: Mapping[str, object] | None = None,
    card: Mapping[str, str] | None = None,
    progress: ProgressStyle | None = None,
    device: Device = "auto",
    threads: int | None = None,
) -> TuningReport:
    """Tune a model.

    Args:
        base: Name of a local model, as `load_model` takes it. An adapter in it is merged first; the new one
            is then made for the merged weights, and loads as `hf:BASE+ADAPTER+NEW`.
        dialogues: What it learns from; their assistant's turns are in the loss, quoted ones left out.
        out: Where the adapter (or, with `full`, the checkpoint) goes.
        settings: How; None for the usual settings.
        evaluate: Called after each epoch with the model as it is then. Its fingerprint is that of the weights
            at the time. Cannot be used where the weights are spread over processes (FSDP, ZeRO-3).
        goodness: Of the numbers of an epoch. The weights of the best epoch are kept, and tuning ends with the
            first epoch that is worse than one before it. None keeps the last epoch.
        facts: What else belongs into `tuning.json` and the card: method, data, prompt format.
        card: Sections of the card before those on data and training, from heading to Markdown. No part of
            what makes one tuning another.
        progress: As from `choose_style`.
        device: `cpu`, `cuda`, or `auto` for the best that is there.
        threads: Threads of torch; None leaves torch's own choice.

    Raises:
        UsageError: If the model cannot be tuned here, a dialogue does not suit it, all are too long, or the
            processes cannot go on with what others began.
        ImageError: If a picture cannot be read.
        RunFolderError: If the folder holds something else, or another tuning.
        MissingExtraError: If TRL, peft or datasets is not installed.
        ModelError: If the loss is no finite number any more.
    """
    require_tune_extra()
    plan = make_plan(base, dialogues, settings or TuningSettings(), device, threads)
    on_cpu = plan.checkpoint.device == "cpu"
    with TuningFolder(out, identity(plan, facts or {}), on_cpu=on_cpu) as folder:
        if (finished := folder.report()) is not None:
            return finished
        from levelhead.training._train import train

        share = share_out(
            plan.settings.batch_size,
            plan.settings.accumulate,
            begun_with=folder.begun_with,
            processes=process_count(),
        )
        report = train(plan, share, out, folder.checkpoints, evaluate, goodness, choose_style(progress))
        return folder.finish(report, card or {})


def loss_spans(base: str, dialogue: Dialogue) -> list[LossSpan]:
    """The tokens of a dialogue as the model is trained on them, those in the loss apart from the others.

    Raises:
        UsageError: If no token is in the loss, or the model cannot take the dialogue.
    """
    return encoder_of(locate_base(base)).spans(dialogue)


def loss_share(base: str, dialogues: Sequence[Dialogue]) -> LossShare:
    """How many tokens of some dialogues are in the loss; pictures are not counted.

    Raises:
        UsageError: If a dialogue has no token in the loss, or the model cannot take it.
    """
    encoder = encoder_of(locate_base(base))
    return LossShare.of([encoder.encode(dialogue) for dialogue in dialogues])
