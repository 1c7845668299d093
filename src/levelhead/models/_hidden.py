"""The hidden states of a causal language model's first layers, averaged over a part of each row.

Nothing above the highest layer that is asked for is loaded or run. Each layer's states are averaged where
they arise, so no more than one layer of them is held. This module does not know what the averages are for.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from levelhead.errors import ModelError, UsageError

if TYPE_CHECKING:
    from levelhead.models._checkpoint import Checkpoint


class HiddenStates:
    """The first layers of a checkpoint.

    Args:
        checkpoint: A causal language model of text.
        layers: After which layers the states are read: 1 is the first one.

    Attributes:
        width: Numbers in a state.
        layers: How many layers are read.

    Raises:
        UsageError: If it is no such model, or has fewer layers.
        ModelError: If its weights are missing or damaged.
    """

    def __init__(self, checkpoint: Checkpoint, layers: Sequence[int]) -> None:
        require_layers(checkpoint, layers)
        self._device, self._read_after = checkpoint.device, tuple(layers)
        self._model = _load(checkpoint, max(layers)).to(checkpoint.device).eval()
        self._blocks = _blocks(self._model, checkpoint.location, max(layers))
        self.width, self.layers = int(self._model.config.hidden_size), len(layers)

    def means(self, rows: Sequence[Sequence[int]], spans: Sequence[tuple[int, int]]) -> Any:
        """The mean state of a span of each row. What stands outside of the span is read and not averaged.

        Args:
            rows: Token ids; none is empty.
            spans: Beginning and end of the part that counts. An empty one gives NaN.

        Returns:
            A float32 tensor in the memory of the processor. Shape (rows, layers, width).
        """
        import torch

        longest = max(len(row) for row in rows)
        ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])  # (rows, tokens)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        share = torch.zeros(len(rows), 1, longest)
        for place, (begin, end) in enumerate(spans):
            share[place, 0, begin:end] = 1
        share = (share / share.sum(-1, keepdim=True)).to(self._device)
        found: dict[int, Any] = {}

        def keep(layer: int) -> Any:
            def hook(module: Any, given: Any, made: Any) -> None:
                states = made[0] if isinstance(made, tuple) else made  # (rows, tokens, width)
                found[layer] = torch.bmm(share, states.float()).squeeze(1)

            return hook

        hooks = [self._blocks[layer - 1].register_forward_hook(keep(layer)) for layer in self._read_after]
        try:
            with torch.inference_mode():
                self._model(
                    input_ids=ids.to(self._device), attention_mask=mask.to(self._device), use_cache=False
                )
        finally:
            for hook in hooks:
                hook.remove()
        return torch.stack([found[layer] for layer in self._read_after], dim=1).cpu()


def require_layers(checkpoint: Checkpoint, layers: Sequence[int]) -> None:
    """Check that a checkpoint is a model of text with these layers. Its weights are not loaded.

    Raises:
        UsageError: If it is not.
    """
    if checkpoint.is_vision:
        raise UsageError(f"{checkpoint.name} takes pictures. Give a causal language model of text.")
    count = int(checkpoint.config.num_hidden_layers)
    if wrong := [layer for layer in layers if not 1 <= layer <= count]:
        raise UsageError(
            f"{checkpoint.name} has {count} layers, and layer {wrong[0]} cannot be read. Give layers from 1 "
            f"to {count}."
        )


def _load(checkpoint: Checkpoint, layers: int) -> Any:
    """The model up to a layer."""
    import transformers

    config = copy.deepcopy(checkpoint.config)
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None) is not None:  # of models whose layers are of several kinds
        config.layer_types = config.layer_types[:layers]
    # The layers above are in the file and nowhere in the model: meant so, and no reason for a report.
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        model, info = transformers.AutoModel.from_pretrained(
            checkpoint.location, config=config, dtype=checkpoint.dtype, output_loading_info=True
        )
    except Exception as error:  # torch, safetensors and transformers raise many kinds
        raise ModelError(
            f"The weights in {checkpoint.location} cannot be loaded ({str(error).strip().splitlines()[0]}). "
            "Give a causal language model; if it is one, copy it again."
        ) from error
    if info["missing_keys"]:
        raise ModelError(
            f"The checkpoint {checkpoint.location} lacks {min(info['missing_keys'])}: it would be filled "
            "with random numbers. Copy it again."
        )
    return model


def _blocks(model: Any, location: str, count: int) -> Any:
    """The model's layers in their order: its only list of so many modules, whatever the family calls it."""
    from torch.nn import ModuleList

    lists = [module for module in model.children() if isinstance(module, ModuleList) and len(module) == count]
    if len(lists) != 1:
        raise UsageError(
            f"The layers of {location} cannot be told from its other parts. Give a causal language model of "
            "the usual build, such as Llama, Qwen or GPT-2."
        )
    return lists[0]
