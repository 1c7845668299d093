"""The state of a stage: weights, optimizer and step, and the file that holds them between sessions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from embedded_vision.captions import CaptionVocabulary
from embedded_vision.data import piece_embeddings
from embedded_vision.muon import Muon, Optimizers
from embedded_vision.targets import Aim
from embedded_vision.tower import SIZES, Eyes, llava_config

CHECKPOINT = "checkpoint.pt"
PARTS = ("all", "last", "projector")
"""What is trained: everything, the tower's last layer and the projector, or the projector alone."""
METHODS = ("muon", "adamw")
"""Muon for the matrices of tower and projector and AdamW for the rest, or AdamW for all."""
_MATRICES = ("vision_tower.encoder.", "multi_modal_projector.")
_DECAY = 0.05
_FIRST_SCALE = 0.1


@dataclass(slots=True)
class Training:
    """All that a session needs to go on.

    Attributes:
        eyes: Tower and projector.
        aim: The losses, with the letters' head.
        optimizer: Over the part of both that is trained.
        size: Name of the tower's size.
        method: Name of the optimizer, of `METHODS`.
        part: Name of the part, of `PARTS`.
        step: Batches done.
    """

    eyes: Eyes
    aim: Aim
    optimizer: Optimizers
    size: str
    method: str
    part: str = "all"
    step: int = 0

    @property
    def trained(self) -> list[torch.Tensor]:
        """The weights that the optimizer changes."""
        return [weight for group in self.optimizer.param_groups for weight in group["params"]]

    def save(self, file: Path) -> None:
        """Write a checkpoint; one that was there is replaced only when the new one is whole."""
        partial = file.with_suffix(".partial")
        torch.save(
            {
                "size": self.size,
                "method": self.method,
                "part": self.part,
                "step": self.step,
                "eyes": self.eyes.state_dict(),
                "aim": self.aim.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            },
            partial,
        )
        partial.replace(file)


def embedded_folder() -> Path:
    """The language model's checkpoint."""
    from levelhead.models._embedded import embedded_checkpoint

    return embedded_checkpoint()


def new_training(size: str, captions: CaptionVocabulary, method: str = "muon", seed: int = 0) -> Training:
    """An untrained tower."""
    from transformers import AutoConfig

    torch.manual_seed(seed)
    folder = embedded_folder()
    eyes = Eyes(llava_config(SIZES[size], AutoConfig.from_pretrained(folder), image_token_id=0))
    with torch.no_grad():
        # Else the first embeddings would be several times longer than any real one.
        eyes.multi_modal_projector.linear_2.weight.mul_(_FIRST_SCALE)
    aim = Aim(piece_embeddings(folder, captions), SIZES[size].width)
    return Training(eyes, aim, _optimizer(eyes, aim, "all", method), size, method)


def load_training(file: Path, captions: CaptionVocabulary) -> Training:
    """The state that a checkpoint holds."""
    saved: dict[str, Any] = torch.load(file, weights_only=True)
    training = _with_weights(saved, captions, saved["part"])
    training.optimizer.load_state_dict(saved["optimizer"])
    training.step = saved["step"]
    return training


def next_stage(file: Path, captions: CaptionVocabulary, part: str) -> Training:
    """A new stage from the weights that a checkpoint of an earlier one holds.

    Args:
        file: The checkpoint.
        captions: The caption pieces.
        part: What is trained from now on, of `PARTS`.
    """
    return _with_weights(torch.load(file, weights_only=True), captions, part)


def _with_weights(saved: dict[str, Any], captions: CaptionVocabulary, part: str) -> Training:
    training = new_training(saved["size"], captions, saved["method"])
    training.eyes.load_state_dict(saved["eyes"])
    training.aim.load_state_dict(saved["aim"])
    training.part, training.optimizer = part, _optimizer(training.eyes, training.aim, part, training.method)
    return training


def _optimizer(eyes: Eyes, aim: Aim, part: str, method: str) -> Optimizers:
    """An optimizer over a part; the other weights are frozen."""
    last_layer = f"vision_tower.encoder.layers.{len(eyes.vision_tower.encoder.layers) - 1}."
    beginnings = {
        "all": ("",),
        "last": (last_layer, "multi_modal_projector."),
        "projector": ("multi_modal_projector.",),
    }[part]
    matrices, tables, vectors = [], [], []
    for name, weight in [*eyes.named_parameters(), *aim.named_parameters()]:
        weight.requires_grad_(name.startswith(beginnings))
        if not weight.requires_grad:
            continue
        if weight.dim() <= 1:
            vectors.append(weight)
        elif method == "muon" and weight.dim() == 2 and name.startswith(_MATRICES):
            matrices.append(weight)
        else:
            tables.append(weight)
    adamw = torch.optim.AdamW(
        [{"params": tables, "weight_decay": _DECAY}, {"params": vectors, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
    )
    return Optimizers(Muon(matrices, weight_decay=_DECAY), adamw) if matrices else Optimizers(adamw)
