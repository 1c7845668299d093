"""Load a causal language model with a one-logit head: whole, or a base with an adapter that brings the head.

A head that is missing would be filled with random numbers by transformers, and so would every verdict: it is
refused instead (peft #577).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levelhead.errors import ModelError, UsageError
from levelhead.models._classifier import load_classifier
from levelhead.models._load import ADAPTER_CONFIG

if TYPE_CHECKING:
    from levelhead.models._checkpoint import Checkpoint

_PREFIX = "base_model.model."
_LAYER = re.compile(r"^(?P<layer>.+)\.lora_(?P<side>[AB])(?:\.default)?\.weight$")
_HEAD = re.compile(r"^(?P<head>score|classifier)(?:\.modules_to_save(?:\.default)?)?\.weight$")
_FOREIGN = ("use_dora", "fan_in_fan_out", "lora_bias", "rank_pattern", "alpha_pattern")
_WEIGHT_FILES = ("adapter_model.safetensors", "adapter_model.bin")


def load_whole(checkpoint: Checkpoint) -> Any:
    """Load a checkpoint that has its head.

    Raises:
        UsageError: If it has more than one logit.
        ModelError: If it cannot be loaded or has no head.
    """
    if checkpoint.config.num_labels != 1:
        raise UsageError(
            f"{checkpoint.location} tells {checkpoint.config.num_labels} classes apart; a detector has one "
            "logit (num_labels 1)."
        )
    model, missing = load_classifier(checkpoint)
    if missing:
        raise ModelError(
            f"The checkpoint {checkpoint.location} lacks {min(missing)}: it would be filled with random "
            "numbers. Give the detector's own folder, or an adapter that brings the head (llm:BASE+ADAPTER)."
        )
    return model.to(checkpoint.device).eval()


def load_adapted(checkpoint: Checkpoint, folder: Path) -> Any:
    """Load a base and merge the adapter and its head into it.

    Raises:
        UsageError: If the adapter is no plain LoRA, or does not fit the base.
        ModelError: If weights cannot be loaded, or nobody brings the head.
    """
    scale, tensors = _scale(folder), _tensors(folder)
    model, missing = load_classifier(checkpoint)
    modules = dict(model.named_modules())
    brought, pairs = set[str](), dict[str, dict[str, Any]]()
    for key, tensor in tensors.items():
        name = key.removeprefix(_PREFIX)
        if found := _HEAD.match(name):
            _module(modules, found["head"], tuple(tensor.shape), folder, checkpoint).weight.data.copy_(tensor)
            brought.add(f"{found['head']}.weight")
        elif found := _LAYER.match(name):
            pairs.setdefault(found["layer"], {})[found["side"]] = tensor
        else:
            raise UsageError(
                f"The adapter {folder} holds {key}, which is no part of a plain LoRA. Merge it with peft "
                "(merge_and_unload) and save the whole model."
            )
    if lacking := missing - brought:
        raise ModelError(
            f"Neither {checkpoint.location} nor the adapter {folder} holds {min(lacking)}: it would be "
            "filled with random numbers. Train again with the task type SEQ_CLS, which saves the head."
        )
    for layer, sides in pairs.items():
        if len(sides) < 2:
            raise ModelError(f"The adapter {folder} is damaged: {layer} lacks one of its two factors.")
        shape = (sides["B"].shape[0], sides["A"].shape[1])
        weight = _module(modules, layer, shape, folder, checkpoint).weight
        delta = (sides["B"].float() @ sides["A"].float()) * scale
        weight.data = (weight.data.float() + delta).to(weight.dtype)
    return model.to(checkpoint.device).eval()


def adapter_config(folder: Path) -> dict[str, Any]:
    """The settings of an adapter.

    Raises:
        ModelError: If they cannot be read.
    """
    try:
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"The adapter {folder} cannot be read ({error}). Copy it again.") from error
    if not isinstance(config, dict):
        raise ModelError(
            f"The adapter {folder} is damaged: its {ADAPTER_CONFIG} is no object. Copy it again."
        )
    return config


def adapter_weights(folder: Path) -> Path | None:
    """The file with the weights of an adapter; None if there is none."""
    return next((folder / name for name in _WEIGHT_FILES if (folder / name).is_file()), None)


def _scale(folder: Path) -> float:
    config = adapter_config(folder)
    foreign = [name for name in _FOREIGN if config.get(name)]
    if config.get("peft_type") != "LORA" or foreign or config.get("bias", "none") != "none":
        raise UsageError(
            f"The adapter {folder} is no plain LoRA ({', '.join([str(config.get('peft_type')), *foreign])}). "
            "Merge it with peft (merge_and_unload) and save the whole model."
        )
    rank = int(config["r"])
    return float(config["lora_alpha"]) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _tensors(folder: Path) -> Mapping[str, Any]:
    path = adapter_weights(folder)
    if path is None:
        raise ModelError(
            f"The adapter {folder} lacks its weights ({' or '.join(_WEIGHT_FILES)}). Copy it again."
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: Mapping[str, Any] = load_file(path)
        else:
            import torch

            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # safetensors and pickle raise many kinds
        raise ModelError(
            f"The weights of the adapter {folder} cannot be read ({error}). Copy it again."
        ) from error
    return found


def _module(
    modules: Mapping[str, Any], name: str, shape: tuple[int, ...], folder: Path, checkpoint: Checkpoint
) -> Any:
    module = modules.get(name)
    if module is None or tuple(module.weight.shape) != shape:
        has = "no such layer" if module is None else f"one of {tuple(module.weight.shape)}"
        raise UsageError(
            f"The adapter {folder} does not fit {checkpoint.location}: its layer {name} is {shape}, the base "
            f"has {has}. Give the base that it was made on: llm:BASE+{folder}"
        )
    return module
