"""The one module that speaks to TRL. Its types stay here, so a change of theirs changes this file alone.

TRL brings what years of bug reports taught: peft on every family, FSDP, DeepSpeed. Ours are the labels
(`_tokens.py`), the order (`_order.py`) and, where TRL's is slow, the loss (`_loss.py`).
"""

from __future__ import annotations

import json
import logging
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Sampler
from transformers import PrinterCallback
from transformers.integrations import is_deepspeed_zero3_enabled
from trl import SFTConfig, SFTTrainer

from levelhead.errors import UsageError
from levelhead.running import ProgressStyle, json_text, show_progress, write_whole
from levelhead.training._callbacks import Evaluations, Progress
from levelhead.training._card import public_name
from levelhead.training._loading import load_for_training
from levelhead.training._loss import AnswerLoss
from levelhead.training._order import epoch_order
from levelhead.training._report import Evaluate, Goodness, TuningReport

if TYPE_CHECKING:
    from levelhead.training._plan import Plan
    from levelhead.training._settings import TuningSettings

_PATIENCE_SECONDS = 24 * 3600
"""How long processes wait for the first one, which alone evaluates."""


def train(
    plan: Plan,
    out: Path,
    folder: Path,
    evaluate: Evaluate | None,
    goodness: Goodness | None,
    style: ProgressStyle,
) -> TuningReport:
    """Train, from the last checkpoint if there is one, and write the weights.

    Args:
        plan: What is trained on what.
        out: Where the weights go.
        folder: Where the checkpoints go.
        evaluate: See `tune`.
        goodness: See `tune`.
        style: How progress is shown.

    Raises:
        UsageError: If there is to be an evaluation and no process holds the whole model.
        ModelError: If the loss is no finite number any more.
    """
    start = time.monotonic()
    folder.mkdir(exist_ok=True)
    with _quiet():
        trainer = _make_trainer(plan, folder)
        asking: Evaluations | None = None
        if evaluate is not None:
            if trainer.is_fsdp_enabled or is_deepspeed_zero3_enabled():
                raise UsageError(
                    "The weights are spread over the processes (FSDP or ZeRO-3), so the model cannot be "
                    "asked after an epoch. Leave the evaluation out and evaluate the finished model."
                )
            asking = Evaluations(evaluate, plan.checkpoint, folder / "evaluations.json", goodness)
            trainer.add_callback(asking)
        done = _last_checkpoint(folder)
        style = style if trainer.is_world_process_zero() else "off"
        total = trainer.total_steps(len(plan.dialogues))
        with show_progress("tuning", total=total, held=done, style=style) as advance:
            trainer.add_callback(Progress(advance))
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


class _Trainer(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer with our loss and our order."""

    def __init__(self, plan: Plan, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._lengths = plan.lengths
        self._dtype = getattr(torch, plan.checkpoint.dtype)
        self._wrapped = plan.settings.method == "lora"
        # On CUDA, TRL's own kernel skips what is not in the loss, and wants less memory.
        fused = self.args.device.type == "cuda" and not plan.settings.label_smoothing
        self._loss = None if fused else AnswerLoss(self.model, plan.settings.label_smoothing)
        self.model_accepts_loss_kwargs = True  # so that the tokens of a whole step are counted for the loss

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        inputs = {name: x.to(self._dtype) if x.is_floating_point() else x for name, x in inputs.items()}
        if self._loss is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        # The tokens were counted over all processes, and their gradients are averaged.
        return self._loss(model, inputs, num_items_in_batch) * self.accelerator.num_processes

    def total_steps(self, rows: int) -> int:
        """Optimizer steps in all."""
        batches = math.ceil(rows / (self.args.per_device_train_batch_size * self.args.world_size))
        epochs, accumulate = float(self.args.num_train_epochs), self.args.gradient_accumulation_steps
        steps: int = math.ceil(epochs * math.ceil(batches / accumulate))
        return steps

    def create_model_card(self, *arguments: Any, **named: Any) -> None:
        """Leave the card to us."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load the weights through the model's own class.

        The trainer of transformers takes the file as it is and passes over what does not match. Families that
        save under other names than they hold in memory, as most that see do, would start from the base again.
        """
        if self._wrapped or self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        saved = type(self.model).from_pretrained(resume_from_checkpoint, dtype=self.model.dtype)
        self.model.load_state_dict(saved.state_dict())

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return _Order(self, self._lengths)


class _Order(Sampler):  # type: ignore[misc]
    """The order of the epoch that the trainer is in."""

    def __init__(self, trainer: _Trainer, lengths: Sequence[int]) -> None:
        self._trainer, self._lengths = trainer, lengths

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        arguments = self._trainer.args
        rows = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
        return iter(
            epoch_order(
                self._lengths,
                batch_rows=rows * arguments.world_size,
                seed=arguments.seed,
                epoch=int(self._trainer.state.epoch or 0),
            )
        )


def _make_trainer(plan: Plan, folder: Path) -> _Trainer:
    from datasets import Dataset

    dialogues, encoder = plan.dialogues, plan.encoder
    weights = load_for_training(plan.checkpoint)
    if plan.settings.method == "lora":
        _require_targets(weights, plan)
    trainer = _Trainer(
        plan,
        model=weights,
        args=_arguments(plan, folder),
        train_dataset=Dataset.from_dict({"place": list(range(len(dialogues)))}),
        processing_class=encoder.owner,
        data_collator=lambda batch: encoder.collate([dialogues[row["place"]] for row in batch]),
        peft_config=_adapter(plan.settings) if plan.settings.method == "lora" else None,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(plan: Plan, folder: Path) -> SFTConfig:
    settings = plan.settings
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulate,
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


def _last_checkpoint(folder: Path) -> int:
    """The step of the last whole checkpoint; 0 if there is none.

    A kill may have come while one was written; its state is what is written last.
    """
    steps = [int(path.name.rsplit("-", 1)[1]) for path in folder.glob("checkpoint-*")]
    for step in sorted(steps, reverse=True):
        try:
            json.loads((folder / f"checkpoint-{step}" / "trainer_state.json").read_text())
        except (OSError, ValueError):
            continue
        return step
    return 0


def _save(trainer: _Trainer, plan: Plan, out: Path, workplace: Path) -> None:
    """Gather the weights of all processes, and move what belongs to them into the folder."""
    trainer.save_model(str(workplace))
    if not trainer.is_world_process_zero():
        return
    if plan.settings.method == "full":
        for path in sorted(workplace.iterdir()):
            if path.name != "training_args.bin":  # a pickle; tuning.json says the same in the open
                path.replace(out / path.name)
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
