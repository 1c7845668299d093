"""Checkpoints in the middle of a training, and who can go on from them.

One process, DDP and FSDP read and write the same files: weights as they are published, and `optimizer.pt`
whole. So each goes on where another stopped, with any number of processes. FSDP as transformers saves it has
files of its own, which nothing else reads. DeepSpeed keeps a part of its optimizer for each process, and goes
on with DeepSpeed and as many processes alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from levelhead.errors import UsageError

_OPTIMIZER = "optimizer.pt"  # the name that the trainer of transformers gives it


def last_checkpoint(folder: Path) -> int:
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


def require_readable(checkpoint: Path, *, deepspeed: bool, processes: int) -> None:
    """Refuse to go on from a checkpoint that the launcher of this start cannot read.

    Args:
        checkpoint: Its folder.
        deepspeed: Whether DeepSpeed runs now.
        processes: How many processes run now.

    Raises:
        UsageError: If it was written by DeepSpeed and something else goes on, or the other way round.
    """
    parts = len(list(checkpoint.glob("global_step*/*zero_pp_rank_*_optim_states.pt")))
    if parts == (processes if deepspeed else 0):
        return
    wrote = f"by DeepSpeed with {parts} processes" if parts else "without DeepSpeed"
    now = f"DeepSpeed with {processes} processes" if deepspeed else "a start without it"
    again = f"with DeepSpeed and {parts} processes" if parts else "without DeepSpeed"
    raise UsageError(
        f"{checkpoint} was written {wrote}, and {now} cannot go on from it: DeepSpeed keeps a part of "
        f"the optimizer for each process. Start again {again}, or remove "
        f"{checkpoint.parent} to begin anew."
    )


def save_gathered_optimizer(optimizer: Any, checkpoint: Path, *, writes: bool) -> None:
    """Write an optimizer that is spread over processes as one process would write it.

    Every process must call it.

    Args:
        optimizer: Its state are DTensors.
        checkpoint: The folder.
        writes: Whether this process is the one that writes.
    """
    state = optimizer.state_dict()
    whole = {
        place: {name: _gathered(value, writes) for name, value in held.items()}
        for place, held in state["state"].items()
    }
    if writes:
        torch.save({**state, "state": whole}, checkpoint / _OPTIMIZER)


def load_spread_optimizer(optimizer: Any, checkpoint: Path) -> None:
    """Read what one process wrote into an optimizer whose weights are spread over processes."""
    from torch.distributed.tensor import distribute_tensor

    whole = torch.load(checkpoint / _OPTIMIZER, map_location="cpu", weights_only=True, mmap=True)
    weights = dict(enumerate(weight for group in optimizer.param_groups for weight in group["params"]))
    for place, held in whole["state"].items():
        weight = weights[place]
        for name, value in held.items():
            if value.shape == weight.shape:  # not the count of steps
                value = value.to(weight.device)
                held[name] = distribute_tensor(value, weight.device_mesh, weight.placements)
    optimizer.load_state_dict(whole)


def load_spread_weights(model: Any, weights: Mapping[str, torch.Tensor]) -> None:
    """Put weights into a model that is spread over processes; those that are not given stay.

    Every process must call it.

    Args:
        model: The model.
        weights: By their names in the model; looked at in the first process alone.
    """
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

    options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True, strict=False)
    set_model_state_dict(model, dict(weights), options=options)


def _gathered(value: Any, writes: bool) -> Any:
    from torch.distributed.tensor import DTensor

    whole = value.full_tensor() if isinstance(value, DTensor) else value
    return (whole.cpu() if isinstance(whole, torch.Tensor) else whole) if writes else None
