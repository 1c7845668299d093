"""Merge a low-rank adapter (LoRA, arXiv 2106.09685) into the weights of its base.

Merged, it costs nothing when the model is asked, and needs no library but safetensors: the folder is in the
form of peft. Only plain LoRA is read; other adapters can be merged with peft first.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levelhead.errors import UsageError
from levelhead.models._checkpoint import TUNING_FILE, Checkpoint

if TYPE_CHECKING:
    import torch

_WEIGHTS, _CONFIG = "adapter_model.safetensors", "adapter_config.json"
_KEY = re.compile(r"^base_model\.model\.(?P<layer>.+)\.lora_(?P<side>[AB])\.weight$")
_FOREIGN = (
    "use_dora",
    "fan_in_fan_out",
    "lora_bias",
    "modules_to_save",
    "rank_pattern",
    "alpha_pattern",
    "trainable_token_indices",
)


def merge_adapters(model: Any, checkpoint: Checkpoint) -> None:
    """Add the adapters of a checkpoint to the weights of its loaded model, in place.

    Raises:
        UsageError: If an adapter cannot be read, is no plain LoRA, or was made on another base.
    """
    modules = dict(model.named_modules())
    for place, folder in enumerate(checkpoint.adapters):
        _require_same_base(folder, checkpoint, before=place)
        for layer, (down, up) in read_adapter(folder).items():
            module = modules.get(layer)
            shape = (up.shape[0], down.shape[1])
            if module is None or tuple(module.weight.shape) != shape:
                raise UsageError(
                    f"The adapter {folder} does not fit {checkpoint.name}: its layer {layer} is {shape[0]} x "
                    f"{shape[1]}, the model has "
                    f"{'no such layer' if module is None else 'one of ' + str(tuple(module.weight.shape))}. "
                    "Give the base that it was tuned on; adapter_config.json may name it."
                )
            module.weight.data = (module.weight.data.float() + up @ down).to(module.weight.dtype)


def read_adapter(folder: Path) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """The two factors of each adapted layer, by its name in the base: float32 (R, in) and (out, R), scaled.

    Raises:
        UsageError: If the adapter cannot be read or is no plain LoRA.
    """
    scale = _scale(folder)
    return {
        layer: (sides["A"].float(), sides["B"].float() * scale) for layer, sides in _pairs(folder).items()
    }


def _read_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({error}). Tune or copy the adapter again.") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} cannot be read: it is no object. Tune or copy the adapter again.")
    return found


def _require_same_base(folder: Path, checkpoint: Checkpoint, *, before: int) -> None:
    """Compare the base, with the adapters before, to the hash that tuning wrote down, if it did."""
    path = folder / TUNING_FILE
    if not path.is_file():
        return
    tuned_on = _read_object(path).get("base", {})
    if tuned_on.get("hash") not in (None, checkpoint.weights_hash(before)):
        raise UsageError(
            f"The adapter {folder} was tuned on {tuned_on.get('name')}, whose weights differ from those of "
            f"the base in {checkpoint.name}. Give the base that it was tuned on."
        )


def _scale(folder: Path) -> float:
    config = _read_object(folder / _CONFIG)
    foreign = [name for name in _FOREIGN if config.get(name)]
    if config.get("peft_type") != "LORA" or foreign or config.get("bias", "none") != "none":
        raise UsageError(
            f"The adapter {folder} is no plain LoRA ({config.get('peft_type')}"
            f"{', ' + ', '.join(foreign) if foreign else ''}). Merge it with peft (merge_and_unload) and "
            "load the result as hf:FOLDER."
        )
    rank = int(config["r"])
    return float(config["lora_alpha"]) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _pairs(folder: Path) -> dict[str, dict[str, Any]]:
    """The two factors of each adapted layer, by its name in the base."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(folder / _WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise UsageError(
            f"The weights of the adapter {folder} cannot be read ({error}). Tune or copy it again."
        ) from error
    pairs: dict[str, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        match = _KEY.match(key)
        if match is None:
            raise UsageError(
                f"The adapter {folder} holds {key}, which is no part of a plain LoRA. Merge it with peft "
                "(merge_and_unload) and load the result as hf:FOLDER."
            )
        pairs.setdefault(match["layer"], {})[match["side"]] = tensor
    if incomplete := [layer for layer, sides in pairs.items() if len(sides) < 2]:
        raise UsageError(f"The adapter {folder} is damaged: {incomplete[0]} lacks one of its two factors.")
    return pairs
