"""The one module that speaks to TRL. Its types stay here, so a change of theirs changes this file alone."""

from __future__ import annotations

import json
import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import PrinterCallback, TrainerCallback
from transformers.trainer_utils import get_last_checkpoint

from levelhead.errors import ModelError
from levelhead.running import ProgressStyle, json_text, show_progress, write_whole
from levelhead.training._loading import as_model, load_for_training

if TYPE_CHECKING:
    from levelhead.training._tune import Evaluate, TuningReport, _Plan

_EVALUATIONS = "evaluations.json"
"""Inside the checkpoints: what was evaluated before a run was killed."""


def train(plan: _Plan, out: Path, evaluate: Evaluate | None, style: ProgressStyle) -> TuningReport:
    """Train, from the last checkpoint if there is one, and write the weights.

    Raises:
        ModelError: If the loss is no finite number any more.
    """
    from levelhead.training._tune import CHECKPOINTS, TuningReport

    start = time.monotonic()
    folder = out / CHECKPOINTS
    folder.mkdir(exist_ok=True)
    with _quiet():
        trainer = _make_trainer(plan, folder)
        last = get_last_checkpoint(str(folder))
        steps = _total_steps(trainer, plan)
        done = int(last.rsplit("-", 1)[1]) if last else 0
        evaluations = _read_evaluations(folder)
        with show_progress("tuning", total=steps, held=done, style=_style(trainer, style)) as advance:
            trainer.add_callback(_Progress(advance))
            if evaluate is not None:
                trainer.add_callback(_Evaluation(evaluate, plan, folder, evaluations))
            trainer.train(resume_from_checkpoint=last)
        trainer.save_model(str(out))
        if plan.settings.method == "full" and trainer.is_world_process_zero():
            plan.encoder.owner.save_pretrained(out)
    losses = tuple(entry["loss"] for entry in trainer.state.log_history if "loss" in entry)
    return TuningReport(
        steps=trainer.state.global_step,
        losses=losses,
        evaluations=evaluations,
        dialogues=len(plan.dialogues),
        left_out=plan.left_out,
        loss=plan.loss,
        seconds=time.monotonic() - start,
    )


def _make_trainer(plan: _Plan, folder: Path) -> Any:
    from trl import SFTConfig, SFTTrainer

    from datasets import Dataset

    settings = plan.settings
    arguments = SFTConfig(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulate,
        learning_rate=settings.rate,
        lr_scheduler_type=settings.scheduler,
        warmup_steps=settings.warmup,  # a value below 1 is a share of the steps
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        label_smoothing_factor=settings.label_smoothing,
        seed=settings.seed,
        data_seed=settings.seed,
        bf16=False,  # the precision is that of the weights; there is no mixed one
        gradient_checkpointing=settings.checkpointing,
        max_length=None,  # rows that are too long were counted and left out before
        save_steps=settings.save_steps,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=False,
    )
    dialogues, encoder = plan.dialogues, plan.encoder
    rows = Dataset.from_dict({"place": list(range(len(dialogues))), "length": list(plan.lengths)})
    trainer = SFTTrainer(
        model=load_for_training(plan.checkpoint),
        args=arguments,
        train_dataset=rows,
        processing_class=encoder.owner,
        data_collator=lambda batch: encoder.collate([dialogues[row["place"]] for row in batch]),
        peft_config=_adapter(plan),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _adapter(plan: _Plan) -> Any:
    from peft import LoraConfig

    settings = plan.settings
    if settings.method == "full":
        return None
    names = settings.targets if settings.targets == "all-linear" else settings.targets.split(",")
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=names,
        task_type="CAUSAL_LM",
    )


def _total_steps(trainer: Any, plan: _Plan) -> int:
    settings = plan.settings
    batches = math.ceil(len(plan.dialogues) / (settings.batch_size * trainer.args.world_size))
    steps: int = math.ceil(settings.epochs * math.ceil(batches / settings.accumulate))
    return steps


class _Progress(TrainerCallback):  # type: ignore[misc]
    """Moves the bar, and ends a training whose loss is lost."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._advance(1)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **_: Any) -> None:
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):
            raise ModelError(
                f"The loss of step {state.global_step} is {loss}: the weights have overflowed. Lower the "
                "learning rate, or use float32."
            )


class _Evaluation(TrainerCallback):  # type: ignore[misc]
    """Asks the model after each epoch, and keeps what came out beside the checkpoints."""

    def __init__(
        self, evaluate: Evaluate, plan: _Plan, folder: Path, found: dict[str, Mapping[str, float]]
    ) -> None:
        self._evaluate, self._plan, self._folder, self._found = evaluate, plan, folder, found

    def on_epoch_end(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        import torch

        epoch = round(state.epoch)
        if str(epoch) in self._found or not state.is_world_process_zero:
            return
        weights = model.get_base_model() if self._plan.settings.method == "lora" else model
        model.eval()
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            self._found[str(epoch)] = dict(self._evaluate(as_model(self._plan.checkpoint, weights), epoch))
        model.train()
        write_whole(self._folder / _EVALUATIONS, [json_text(self._found)])


def _read_evaluations(folder: Path) -> dict[str, Mapping[str, float]]:
    path = folder / _EVALUATIONS
    found: dict[str, Mapping[str, float]] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def _style(trainer: Any, style: ProgressStyle) -> ProgressStyle:
    return style if trainer.is_world_process_zero() else "off"


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
