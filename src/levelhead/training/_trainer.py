"""TRL's trainer with our loss, our order and checkpoints that do not depend on the launcher.

TRL brings what years of bug reports taught: peft on every family, FSDP, DeepSpeed. Ours are the labels
(`_tokens.py`), the order (`_order.py`) and, where TRL's is slow, the loss (`_loss.py`). This module and
`_train.py` alone speak to TRL. Its types stay here, so a change of theirs changes no other file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import DistributedType, PartialState  # type: ignore[import-untyped]
from torch.utils.data import Sampler
from trl import SFTTrainer

from levelhead.training._checkpoints import (
    load_spread_optimizer,
    load_spread_weights,
    save_gathered_optimizer,
)
from levelhead.training._loss import AnswerLoss
from levelhead.training._order import epoch_order, filled_up

if TYPE_CHECKING:
    from levelhead.training._plan import Plan
    from levelhead.training._processes import Share

_SCHEDULER = "scheduler.pt"  # the name that the trainer of transformers gives it


class Trainer(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer with our loss and our order."""

    def __init__(self, plan: Plan, share: Share, **arguments: Any) -> None:
        self._kind = type(arguments["model"])  # FSDP changes it
        super().__init__(**arguments)
        self._order = _Order(self, share, plan.lengths)
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

    def create_accelerator_and_postprocess(self) -> None:
        """Let FSDP run on processors as well.

        accelerate heeds its settings for the kinds of accelerators alone, and trains by DDP on processors
        without a word (`AcceleratorState.__init__`, still so in 1.15).
        """
        if os.environ.get("ACCELERATE_USE_FSDP") == "true" and self.args.world_size > 1 and self.args.use_cpu:
            PartialState().distributed_type = DistributedType.MULTI_GPU
        super().create_accelerator_and_postprocess()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load the weights through the model's own class.

        The trainer of transformers takes the file as it is and passes over what does not match. Families that
        save under other names than they hold in memory, as most that see do, would start from the base again.
        """
        if self._wrapped and not self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        elif self.is_fsdp_enabled:
            load_spread_weights(self.model, self._saved_weights(Path(resume_from_checkpoint)))
        else:
            self.model.load_state_dict(self._saved_weights(Path(resume_from_checkpoint)))

    def _saved_weights(self, checkpoint: Path) -> Mapping[str, Any]:
        """The weights of a checkpoint by their names in the model."""
        if not self._wrapped:
            saved = self._kind.from_pretrained(checkpoint, dtype=self.model.dtype)
            return dict(saved.state_dict())
        from safetensors.torch import load_file

        held = load_file(checkpoint / "adapter_model.safetensors")
        names = {name.replace(".default.", "."): name for name in self.model.state_dict()}
        return {names[name]: weight for name, weight in held.items()}

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if not self.is_fsdp_enabled:
            super()._save_optimizer_and_scheduler(output_dir)
            return
        save_gathered_optimizer(self.optimizer, Path(output_dir), writes=self.args.should_save)
        if self.args.should_save:
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / _SCHEDULER)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None or not self.is_fsdp_enabled:
            super()._load_optimizer_and_scheduler(checkpoint)
            return
        load_spread_optimizer(self.optimizer, Path(checkpoint))
        self.lr_scheduler.load_state_dict(torch.load(Path(checkpoint) / _SCHEDULER, weights_only=True))

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self._order


class _Order(Sampler):  # type: ignore[misc]
    """The order of the epoch that the trainer is in.

    Every process gets as many rows as every other: what is missing at the end is filled up with the place
    behind the last, which teaches nothing. (accelerate would repeat rows, and they would be learned twice.)
    """

    def __init__(self, trainer: Trainer, share: Share, lengths: Sequence[int]) -> None:
        self._trainer, self._share, self._lengths = trainer, share, lengths
        self._unit = 1 if share.processes == 1 else share.processes * share.batch_size

    def __len__(self) -> int:
        return math.ceil(len(self._lengths) / self._unit) * self._unit

    def __iter__(self) -> Iterator[int]:
        order = epoch_order(
            self._lengths,
            batch_rows=self._share.step_rows,
            seed=self._trainer.args.seed,
            epoch=int(self._trainer.state.epoch or 0),
        )
        return iter(filled_up(order, unit=self._unit, filler=len(self._lengths)))
