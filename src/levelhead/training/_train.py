"""A training from its plan to the weights in the folder."""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import PrinterCallback
from transformers.integrations import is_deepspeed_zero3_enabled
from trl import SFTConfig

from levelhead.errors import UsageError
from levelhead.running import ProgressStyle, json_text, show_progress, write_whole
from levelhead.training._callbacks import Evaluations, Progress
from levelhead.training._card import public_name
from levelhead.training._checkpoints import last_checkpoint, require_readable
from levelhead.training._loading import copy_picture_adapter, load_for_training
from levelhead.training._processes import beside_others
from levelhead.training._report import Evaluate, Goodness, TuningReport
from levelhead.training._tokens import IGNORED
from levelhead.training._trainer import Trainer

if TYPE_CHECKING:
    from levelhead.training._plan import Plan
    from levelhead.training._processes import Share
    from levelhead.training._settings import TuningSettings

_PATIENCE_SECONDS = 24 * 3600
"""How long processes wait for the first one, which alone evaluates."""


def train(
    plan: Plan,
    share: Share,
    out: Path,
    folder: Path,
    evaluate: Evaluate | None,
    goodness: Goodness | None,
    style: ProgressStyle,
) -> TuningReport:
    """Train, from the last checkpoint if there is one, and write the weights.

    Args:
        plan: What is trained on what.
        share: What this process takes of a step.
        out: Where the weights go.
        folder: Where the checkpoints go.
        evaluate: See `tune`.
        goodness: See `tune`.
        style: How progress is shown.

    Raises:
        UsageError: If there is to be an evaluation and no process holds the whole model, or the last
            checkpoint is of another launcher.
        ModelError: If the loss is no finite number any more, or another process has ended.
    """
    start = time.monotonic()
    folder.mkdir(exist_ok=True)
    with _quiet():
        trainer = _make_trainer(plan, share, folder)
        asking: Evaluations | None = None
        if evaluate is not None:
            if trainer.is_fsdp_enabled or is_deepspeed_zero3_enabled():
                raise UsageError(
                    "The weights are spread over the processes (FSDP or ZeRO-3), so the model cannot be "
                    "asked after an epoch. Leave the evaluation out and evaluate the finished model."
                )
            asking = Evaluations(evaluate, plan.checkpoint, folder / "evaluations.json", goodness)
            trainer.add_callback(asking)
        done = last_checkpoint(folder)
        if done:
            require_readable(
                folder / f"checkpoint-{done}",
                deepspeed=trainer.is_deepspeed_enabled,
                processes=share.processes,
            )
        style = style if trainer.is_world_process_zero() else "off"
        total = trainer.total_steps(len(plan.dialogues))
        with show_progress("tuning", total=total, held=done, style=style) as advance:
            trainer.add_callback(Progress(advance))
            with beside_others():
                trainer.train(resume_from_checkpoint=str(folder / f"checkpoint-{done}") if done else None)
        if asking is not None:
            asking.restore_best(trainer.model)
        _save(trainer, plan, out, folder / "final")
    return TuningReport(
        steps=trainer.state.global_step,
        losses=tuple(entry["loss"] for entry in trainer.state.log_history if "loss" in entry),
        evaluations={} if asking is None else asking.found,
        dialogues=len(plan.dialogues),
        left_out=plan.left_out,
        loss=plan.loss,
        seconds=time.monotonic() - start,
        kept_epoch=None if asking is None else asking.best_epoch,
    )


def _make_trainer(plan: Plan, share: Share, folder: Path) -> Trainer:
    from datasets import Dataset

    weights = load_for_training(plan.checkpoint)
    if plan.settings.method == "lora":
        _require_targets(weights, plan)
    trainer = Trainer(
        plan,
        share,
        model=weights,
        args=_arguments(plan, share, folder),
        train_dataset=Dataset.from_dict({"place": list(range(len(plan.dialogues) + 1))}),
        processing_class=plan.encoder.owner,
        data_collator=lambda batch: _batch(plan, [row["place"] for row in batch]),
        peft_config=_adapter(plan.settings) if plan.settings.method == "lora" else None,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _batch(plan: Plan, places: Sequence[int]) -> dict[str, torch.Tensor]:
    """The dialogues at some places; that behind the last stands for the shortest with nothing in the loss."""
    shortest = min(range(len(plan.lengths)), key=plan.lengths.__getitem__)
    filler = len(plan.dialogues)
    batch = plan.encoder.collate([plan.dialogues[shortest if at == filler else at] for at in places])
    batch["labels"][[at == filler for at in places]] = IGNORED
    return batch


def _arguments(plan: Plan, share: Share, folder: Path) -> SFTConfig:
    settings = plan.settings
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=share.batch_size,
        gradient_accumulation_steps=share.accumulate,
        learning_rate=settings.rate,
        lr_scheduler_type=settings.scheduler,
        warmup_steps=settings.warmup,  # a value below 1 is a share of the steps
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        seed=settings.seed,
        data_seed=settings.seed,
        # An adapter stays float32 on a base of less. Weights that are all trained stay float32 as well, since
        # steps of 2e-5 are lost in bfloat16; they compute in it.
        bf16=settings.method == "full" and settings.dtype == "bfloat16",
        use_cpu=plan.checkpoint.device == "cpu",
        gradient_checkpointing=settings.checkpointing,
        max_length=None,  # rows that are too long were counted and left out before
        save_steps=settings.save_steps,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        log_level="error",  # the trainer sets the level of transformers anew; see `_quiet`
        log_level_replica="error",
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=False,
        ddp_timeout=_PATIENCE_SECONDS,
    )


def _adapter(settings: TuningSettings) -> Any:
    from peft import LoraConfig

    names = settings.targets if settings.targets == "all-linear" else settings.targets.split(",")
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=names,
        task_type="CAUSAL_LM",
    )


def _require_targets(weights: Any, plan: Plan) -> None:
    """Refuse names of layers that the model does not have; peft would take any one that fits for enough."""
    if plan.settings.targets == "all-linear":
        return
    layers = [f".{name}" for name, _ in weights.named_modules()]
    wanted = plan.settings.targets.split(",")
    if missing := [name for name in wanted if not any(layer.endswith(f".{name}") for layer in layers)]:
        raise UsageError(
            f"{plan.checkpoint.name} has no layer {', '.join(missing)}. Name layers that it has, or adapt "
            "all of them: --targets all-linear."
        )


def _save(trainer: Trainer, plan: Plan, out: Path, workplace: Path) -> None:
    """Gather the weights of all processes, and move what belongs to them into the folder."""
    trainer.save_model(str(workplace))
    if not trainer.is_world_process_zero():
        return
    if plan.settings.method == "full":
        for path in sorted(workplace.iterdir()):
            if path.name != "training_args.bin":  # a pickle; tuning.json says the same in the open
                path.replace(out / path.name)
        copy_picture_adapter(plan.checkpoint, out)
        return
    (workplace / "adapter_model.safetensors").replace(out / "adapter_model.safetensors")
    config = json.loads((workplace / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = public_name(plan.checkpoint.name)
    write_whole(out / "adapter_config.json", [json_text(config, indent=2), "\n"])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the chatter of the libraries off the terminal; errors still come through."""
    loggers = [logging.getLogger(name) for name in ("transformers", "trl", "peft", "accelerate", "datasets")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
