"""The eyes: a SigLIP tower of small size and the projector of LLaVA, built by transformers' own classes.

SigLIP rather than CLIP: it has no class token, so 64 patches are 64 positions and nothing is thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import LlamaConfig, LlavaConfig, SiglipVisionConfig, SiglipVisionModel
from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

from embedded_vision.grounds import SIDE

PATCH = 24
POSITIONS = (SIDE // PATCH) ** 2
"""Patches of a picture, each of which takes a position in the language model's prompt."""
FEATURE_LAYER = -1
"""Which hidden states go into the projector; the same in training and in `LlavaForConditionalGeneration`."""
MEAN, DEVIATION = 0.5, 0.5
"""Channels are scaled to -1..1."""


@dataclass(frozen=True, slots=True)
class TowerSize:
    """Width, depth and heads of a tower; its inner width is four times the width."""

    width: int
    layers: int
    heads: int


SIZES = {
    "small": TowerSize(192, 4, 3),
    "medium": TowerSize(256, 4, 4),
    "large": TowerSize(288, 6, 6),
}


def llava_config(size: TowerSize, text: LlamaConfig, image_token_id: int) -> LlavaConfig:
    """Settings of the whole model."""
    vision = SiglipVisionConfig(
        hidden_size=size.width,
        intermediate_size=4 * size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        image_size=SIDE,
        patch_size=PATCH,
        vision_use_head=False,
    )
    return LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=image_token_id,
        image_seq_length=POSITIONS,
        vision_feature_layer=FEATURE_LAYER,
        vision_feature_select_strategy="full",
    )


class Eyes(nn.Module):  # type: ignore[misc]
    """Tower and projector, without the language model. Weights are named as in the whole model."""

    def __init__(self, config: LlavaConfig) -> None:
        super().__init__()
        self.vision_tower = SiglipVisionModel(config.vision_config)
        self.multi_modal_projector = LlavaMultiModalProjector(config)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Look at pictures.

        Args:
            pixels: uint8 (B, 3, SIDE, SIDE).

        Returns:
            Input embeddings for the language model (B, POSITIONS, embedding size), and what the tower knows
            of each patch (B, POSITIONS, width).
        """
        states = self.vision_tower(scaled(pixels), output_hidden_states=True).hidden_states[FEATURE_LAYER]
        return self.multi_modal_projector(states), states


def middle_states(eyes: Eyes, pixels: torch.Tensor) -> torch.Tensor:
    """What the middle of the tower knows of each patch (B, POSITIONS, width), at half the cost.

    Args:
        eyes: The tower.
        pixels: uint8 (B, 3, SIDE, SIDE).
    """
    states: torch.Tensor = eyes.vision_tower.embeddings(scaled(pixels))
    layers = eyes.vision_tower.encoder.layers
    for layer in layers[: (len(layers) + 1) // 2]:
        states = layer(states, None)
    return states


def scaled(pixels: torch.Tensor) -> torch.Tensor:
    """Channels from 0..255 to -1..1."""
    return (pixels.float() / 255 - MEAN) / DEVIATION


def parameters_of(module: nn.Module) -> int:
    """How many weights a module has."""
    return sum(weight.numel() for weight in module.parameters())


def tower_state(eyes: Eyes) -> dict[str, Any]:
    """The weights to ship, as fp16 on the CPU."""
    return {
        name: weight.detach().to("cpu", torch.float16).contiguous()
        for name, weight in eyes.state_dict().items()
    }
