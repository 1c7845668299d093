"""A low-rank adapter that works for rows with a picture only.

A language model that was given eyes can read what they say through it, and without a picture it stays what it
was. The adapter lies beside the weights, in the folder `pictures` of a checkpoint, in the form of peft. It is
not merged: each batch tells by its image tokens which rows it is for, so rows of both kinds may be mixed, in
training as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from levelhead.errors import UsageError
from levelhead.models._adapter import read_adapter

if TYPE_CHECKING:
    import torch
    from torch import nn


def attach_picture_adapter(model: Any, folder: Path) -> None:
    """Put an adapter for rows with a picture into a loaded model, in place.

    Args:
        model: An image-text-to-text model of transformers whose prompts hold image tokens.
        folder: Of the adapter.

    Raises:
        UsageError: If it cannot be read, is no plain LoRA, or does not fit the model.
    """
    sight = _Sight(model.config.image_token_id)
    linear = _linear_class()
    for layer, (down, up) in read_adapter(folder).items():
        parent_name, _, name = layer.rpartition(".")
        try:
            parent = model.get_submodule(parent_name)
            fits = getattr(parent, name).weight.shape == (up.shape[0], down.shape[1])
        except AttributeError:
            fits = False
        if not fits:
            raise UsageError(
                f"The adapter {folder} does not fit the checkpoint around it: its layer {layer} is not there "
                "in this size. Export the eyes again, or remove the folder."
            )
        setattr(parent, name, linear.around(getattr(parent, name), down, up, sight))
    model.register_forward_pre_hook(sight, with_kwargs=True)


class _Sight:
    """Which rows of the batch at hand have a picture.

    Attributes:
        rows: None if no row has, True if all have, else (B, 1, 1).
    """

    def __init__(self, image_token_id: int) -> None:
        self._image_token_id = image_token_id
        self.rows: torch.Tensor | bool | None = None

    def __call__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Look at a batch before the model does; what follows from a cache belongs to the same rows."""
        cache = kwargs.get("past_key_values", kwargs.get("cache"))  # transformers 5.24 renamed it
        if cache is not None and cache.get_seq_length() > 0:
            return
        ids = kwargs.get("input_ids", args[0] if args else None)
        if ids is None:
            self.rows = True if kwargs.get("pixel_values") is not None else None
            return
        has_picture = (ids == self._image_token_id).any(dim=1)
        if has_picture.all():
            self.rows = True
        else:
            self.rows = has_picture[:, None, None] if has_picture.any() else None


def _linear_class() -> Any:
    """The class of an adapted layer; a function, because torch is loaded by need only."""
    from torch import nn

    class PictureLinear(nn.Linear):  # type: ignore[misc]
        """A linear layer with an adapter for rows with a picture. The adapter is no part of its state."""

        sight: _Sight

        @classmethod
        def around(cls, layer: nn.Linear, down: torch.Tensor, up: torch.Tensor, sight: _Sight) -> Self:
            """The same layer, its weights shared, with an adapter."""
            new: Self = cls(layer.in_features, layer.out_features, bias=False, device="meta")
            new.weight, new.bias, new.sight = layer.weight, layer.bias, sight
            for name, factor in (("down", down), ("up", up)):
                new.register_buffer(name, factor.to(layer.weight), persistent=False)
            return new

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            plain: torch.Tensor = super().forward(states)
            rows = self.sight.rows
            if rows is None:
                return plain
            change = states @ self.down.T @ self.up.T
            return plain + (change if rows is True else change * rows)

    return PictureLinear
