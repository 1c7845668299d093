"""What happens beside the training: progress, a guard against lost weights, evaluation after each epoch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from levelhead.errors import ModelError
from levelhead.models._checkpoint import Checkpoint
from levelhead.running import json_text, write_whole
from levelhead.training._loading import as_model
from levelhead.training._report import Evaluate, Goodness


class Progress(TrainerCallback):  # type: ignore[misc]
    """Moves the bar, and ends a training whose loss is lost."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Count the step."""
        self._advance(1)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **_: Any) -> None:
        """Look at the loss.

        Raises:
            ModelError: If it is no finite number.
        """
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):
            raise ModelError(
                f"The loss of step {state.global_step} is {loss}: the weights have overflowed. Lower the "
                "learning rate, or use float32."
            )


@dataclass
class Evaluations(TrainerCallback):  # type: ignore[misc]
    """Asks the model after each epoch, and keeps what came out beside the checkpoints.

    Only the first process asks; the others wait for it at the next step.

    Attributes:
        evaluate: What is called.
        checkpoint: The base of the model in training.
        path: Where the numbers are kept.
        goodness: Of an epoch's numbers; tuning ends with the first epoch that is worse than one before it.
            None never ends it early.
        found: The numbers, by epoch.
    """

    evaluate: Evaluate
    checkpoint: Checkpoint
    path: Path
    goodness: Goodness | None = None
    found: dict[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path.is_file():
            self.found = json.loads(self.path.read_text(encoding="ascii"))

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        """Make up for an evaluation in the middle of which an earlier start was killed."""
        if state.global_step and state.epoch == round(state.epoch):
            self._ask(state, model)

    def on_epoch_end(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        """Ask, and end the tuning if it got worse."""
        self._ask(state, model)
        if self.goodness is not None and math.ceil(state.epoch) > (self.best_epoch or 0):
            control.should_training_stop = True

    @property
    def best_epoch(self) -> int | None:
        """The epoch of the best numbers, the first of several; None where the best is not looked for."""
        if self.goodness is None or not self.found:
            return None
        found = {int(epoch): self.goodness(numbers) for epoch, numbers in self.found.items()}
        return max(sorted(found), key=found.__getitem__)

    def restore_best(self, model: Any) -> None:
        """Give the model the weights of the best epoch."""
        if self.best_epoch is None:
            return
        from safetensors.torch import load_file

        kept = load_file(self._weights)
        with torch.no_grad():
            for name, weight in _trained(model):
                weight.copy_(kept[name])

    @property
    def _weights(self) -> Path:
        return self.path.with_name("best.safetensors")

    def _keep(self, model: Any) -> None:
        """Keep the weights of the epoch that was just found to be the best."""
        from safetensors.torch import save_file

        draft = self._weights.with_suffix(".draft")
        save_file({name: weight.detach().cpu().contiguous() for name, weight in _trained(model)}, draft)
        draft.replace(self._weights)

    def _ask(self, state: Any, model: Any) -> None:
        epoch = math.ceil(state.epoch)
        if str(epoch) in self.found or not state.is_world_process_zero:
            return
        # Weights that are asked in passing must leave the random numbers of the training alone.
        devices = [model.device] if model.device.type == "cuda" else []
        training = model.training
        model.eval()
        with torch.random.fork_rng(devices=devices), torch.no_grad():
            self.found[str(epoch)] = dict(self.evaluate(as_model(self.checkpoint, model, epoch), epoch))
        model.train(training)
        if self.best_epoch == epoch:
            self._keep(model)
        write_whole(self.path, [json_text(self.found)])


def _trained(model: Any) -> list[tuple[str, Any]]:
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
