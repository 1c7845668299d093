"""The eyes: a convolutional tower with a small transformer behind it, and the projector of LLaVA.

All of it are transformers' own classes: DPT in its hybrid form, whose patches are seen by a ResNet. A tower
of patches alone (SigLIP) read far less after as many pictures, perhaps because each letter must be learned
anew for each place in a patch; `try_towers` compares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from transformers import DPTConfig, DPTModel, LlamaConfig, LlavaConfig, ResNetConfig
from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

from embedded_vision.grounds import SIDE

PATCH = 24
POSITIONS = (SIDE // PATCH) ** 2
"""Patches of a picture, each of which takes a position in the language model's prompt."""
INPUT_SIDE = 128
"""Pixels of width and height that the tower sees; pictures are drawn larger and made smaller."""
PATCH_PIXELS = 16
"""Pixels of the tower's input that make a patch: the ResNet halves four times."""
CELLS_ACROSS = 2 * SIDE // PATCH
"""The second of its three stages sees the picture as so many cells in a row, half as wide as a patch."""
FEATURE_LAYER = -1
"""Which hidden states go into the projector; the same in training and in `LlavaForConditionalGeneration`."""
_PLACES = "vision_tower.embeddings.position_embeddings"
MEAN, DEVIATION = 0.5, 0.5
"""Channels are scaled to -1..1."""


@dataclass(frozen=True, slots=True)
class TowerSize:
    """Channels and depths of the three stages of the ResNet; width, layers and heads of the transformer.

    Its inner width is four times the width.
    """

    stem: int
    channels: tuple[int, int, int]
    depths: tuple[int, int, int]
    width: int
    layers: int
    heads: int


SIZES = {
    "small": TowerSize(24, (48, 96, 192), (1, 1, 1), 192, 2, 3),
    "medium": TowerSize(32, (96, 160, 256), (1, 1, 1), 256, 2, 4),
    "large": TowerSize(32, (64, 128, 256), (2, 2, 1), 320, 4, 5),
}


def llava_config(
    size: TowerSize, text: LlamaConfig, image_token_id: int, across: int = INPUT_SIDE // PATCH_PIXELS
) -> LlavaConfig:
    """Settings of the whole model.

    Args:
        size: Of the tower.
        text: Settings of the language model.
        image_token_id: Token that stands for a patch.
        across: Patches in a row; the recipe's own number unless numbers are compared.
    """
    stages = ResNetConfig(
        embedding_size=size.stem,
        hidden_sizes=list(size.channels),
        depths=list(size.depths),
        layer_type="basic",
        out_features=["stage1", "stage2", "stage3"],
    )
    vision = DPTConfig(
        is_hybrid=True,
        backbone_config=stages,
        backbone_featmap_shape=[1, size.channels[-1], across, across],
        image_size=across * PATCH_PIXELS,
        patch_size=PATCH_PIXELS,
        hidden_size=size.width,
        intermediate_size=4 * size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        pooler_output_size=1,
    )
    return LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=image_token_id,
        image_seq_length=across**2,
        vision_feature_layer=FEATURE_LAYER,
        # The class token is left out.
        vision_feature_select_strategy="default",
    )


class Seen(NamedTuple):
    """What the eyes make of pictures.

    Attributes:
        emitted: Input embeddings for the language model (B, POSITIONS, embedding size).
        states: What the tower knows of each patch (B, POSITIONS, width).
        cells: What the second stage of the ResNet knows of each cell, row by row (B, CELLS_ACROSS²,
            channels of that stage).
    """

    emitted: torch.Tensor
    states: torch.Tensor
    cells: torch.Tensor


class Eyes(nn.Module):  # type: ignore[misc]
    """Tower and projector, without the language model. Weights are named as in the whole model."""

    def __init__(self, config: LlavaConfig) -> None:
        super().__init__()
        self.vision_tower = DPTModel(config.vision_config)
        self.multi_modal_projector = LlavaMultiModalProjector(config)

    def forward(self, pixels: torch.Tensor) -> Seen:
        """Look at pictures.

        Args:
            pixels: uint8 (B, 3, INPUT_SIDE, INPUT_SIDE).
        """
        seen = self.vision_tower(scaled(pixels), output_hidden_states=True)
        states = seen.hidden_states[FEATURE_LAYER][:, 1:]
        cells = seen.intermediate_activations[1].flatten(2).transpose(1, 2)
        return Seen(self.multi_modal_projector(states), states, cells)


def scaled(pixels: torch.Tensor) -> torch.Tensor:
    """Channels from 0..255 to -1..1, laid out as a CPU's convolutions are fastest."""
    return ((pixels.float() / 255 - MEAN) / DEVIATION).contiguous(memory_format=torch.channels_last)


def with_places(weights: dict[str, Any], across: int) -> dict[str, Any]:
    """Weights of eyes, with position embeddings for so many patches in a row: those there were, spread out.

    Args:
        weights: As `Eyes.state_dict` gives them.
        across: Patches in a row.
    """
    places = weights[_PLACES]
    first, grid = places[:, :1], places[:, 1:]
    side = math.isqrt(grid.shape[1])
    if side == across:
        return weights
    map_ = grid.unflatten(1, (side, side)).movedim(-1, 1)
    spread = F.interpolate(map_, size=(across, across), mode="bicubic", align_corners=False)
    return weights | {_PLACES: torch.cat([first, spread.flatten(2).transpose(1, 2)], dim=1)}


def parameters_of(module: nn.Module) -> int:
    """How many weights a module has."""
    return sum(weight.numel() for weight in module.parameters())


def tower_state(eyes: Eyes) -> dict[str, Any]:
    """The weights to ship, as fp16 on the CPU; what counts stays whole."""
    return {
        name: weight.detach().to("cpu", torch.float16 if weight.is_floating_point() else None).contiguous()
        for name, weight in eyes.state_dict().items()
    }
