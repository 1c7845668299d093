"""A causal language model with a one-logit head and a low-rank adapter, both trained.

    classifier = AdaptedClassifier(locate_base("embedded", dtype="float32"), AdapterSettings(rank=8))
    loss = my_loss(classifier.logits(rows))

The loop, the loss and what the logit means belong to the caller: this module knows weights. The head is read
as `levelhead.models._classifier` reads it where the model is served.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levelhead.errors import MissingExtraError, UsageError
from levelhead.models._batching import plan_batches
from levelhead.models._classifier import end_logits, load_classifier
from levelhead.running import json_text, write_whole

if TYPE_CHECKING:
    from levelhead.models._checkpoint import Checkpoint

_HEAD = "score"
_BATCH_TOKENS, _BATCH_ROWS = 8192, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSettings:
    """Size and place of a low-rank adapter (LoRA, arXiv 2106.09685).

    Attributes:
        rank: Of the two factors.
        alpha: Scale of the adapter, usually twice the rank.
        dropout: On the input of the adapter.
        targets: `all-linear`, names of layers separated by commas, or None for those that peft takes for the
            family of the base.
        checkpointing: Compute activations again in the backward pass: less memory, a third slower.

    Raises:
        UsageError: If a value is out of range.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: str | None = "all-linear"
    checkpointing: bool = False

    def __post_init__(self) -> None:
        for name in ("rank", "alpha"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout is {self.dropout}; it must be at least 0 and below 1.")
        if self.targets is not None and not all(self.targets.split(",")):
            raise UsageError(f"targets is {self.targets!r}; give all-linear, or names separated by commas.")


class AdaptedClassifier:
    """The weights in training.

    Adapter and head start at random: seed torch before.

    Args:
        checkpoint: The base, in the precision that its frozen weights shall have.
        settings: Of the adapter.

    Attributes:
        device: Where the weights lie.

    Raises:
        MissingExtraError: If peft is not installed.
        UsageError: If the base has no such head, or the adapter finds no layers in it.
        ModelError: If the base cannot be loaded.
    """

    def __init__(self, checkpoint: Checkpoint, settings: AdapterSettings) -> None:
        require_peft()
        if checkpoint.adapters:
            raise UsageError(
                f"{checkpoint.name} has an adapter already, and a detector is served on a plain base. Merge "
                "it first (levelhead honesty merge) and give the folder."
            )
        model, missing = load_classifier(checkpoint)
        if not missing <= {f"{_HEAD}.weight"} or _HEAD not in dict(model.named_modules()):
            raise UsageError(
                f"{checkpoint.name} is no causal language model with a plain head over its last token "
                f"(a {type(model).__name__}, which lacks {', '.join(sorted(missing))}). Give one such as "
                "embedded."
            )
        self.device = checkpoint.device
        self._float32 = checkpoint.dtype == "float32"
        self._adapted = _adapted(model, settings, checkpoint.name)
        if settings.checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        self._model = self._adapted.to(self.device).get_base_model()
        self._trained: dict[str, Any] = {
            name: weight for name, weight in self._adapted.named_parameters() if weight.requires_grad
        }

    def parameters(self) -> list[Any]:
        """What is trained: adapter and head, in float32 whatever the base has."""
        return list(self._trained.values())

    def logits(self, rows: Sequence[Sequence[int]]) -> Any:
        """One batch with dropout and gradients: a float32 tensor of shape (rows,)."""
        self._model.train()
        return self._logits(rows)

    def scores(self, rows: Sequence[Sequence[int]]) -> list[float]:
        """The logit of each row without dropout, in the order of the rows, in batches of like lengths."""
        import torch

        self._model.eval()
        found: dict[int, float] = {}
        with torch.inference_mode():
            for places in plan_batches(
                [len(row) for row in rows], max_tokens=_BATCH_TOKENS, max_rows=_BATCH_ROWS
            ):
                logits = self._logits([rows[place] for place in places]).tolist()
                found.update(zip(places, logits, strict=True))
        return [found[place] for place in range(len(rows))]

    def state(self) -> dict[str, Any]:
        """What is trained, by name."""
        return {name: weight.detach() for name, weight in self._trained.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Set what is trained to an earlier state."""
        for name, weight in self._trained.items():
            weight.data.copy_(state[name])

    def save(self, folder: Path, base: str) -> tuple[str, ...]:
        """Write adapter and head into a folder, in the form of peft.

        Args:
            folder: It is there.
            base: What the folder says that its base is: `embedded`, a hub id, or a path.

        Returns:
            Names of the files.
        """
        workplace = folder / "saving"
        self._adapted.save_pretrained(workplace)
        weights, described = "adapter_model.safetensors", "adapter_config.json"
        (workplace / weights).replace(folder / weights)
        config = json.loads((workplace / described).read_text(encoding="utf-8"))
        config["base_model_name_or_path"] = base
        write_whole(folder / described, [json_text(config, indent=2), "\n"])
        for path in sorted(workplace.iterdir()):
            path.unlink()
        workplace.rmdir()
        return weights, described

    def _logits(self, rows: Sequence[Sequence[int]]) -> Any:
        import torch

        # A float32 adapter on a bfloat16 base: autocast brings the two together.
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=not self._float32):
            return end_logits(self._model, rows, self.device).float()


def require_peft() -> None:
    """Refuse to start without peft.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        import peft as _peft  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Low-rank adapters", extra="tune", module=error.name or "peft") from error


def _adapted(model: Any, settings: AdapterSettings, name: str) -> Any:
    """The model with an adapter and a head that are trained, all else frozen."""
    import warnings

    import peft

    names = settings.targets
    config = peft.LoraConfig(
        task_type="SEQ_CLS",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=names if names is None or names == "all-linear" else names.split(","),
        modules_to_save=[_HEAD],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # chatter about settings that are meant
        try:
            adapted = peft.get_peft_model(model, config)
        except ValueError as error:
            raise UsageError(
                f"No adapter can be put on {name}: {str(error).strip().splitlines()[0]} Set targets to names "
                "of its linear layers, or to all-linear."
            ) from error
    if adapted.peft_config["default"].fan_in_fan_out:
        raise UsageError(
            f"{name} has its layers transposed (as GPT-2 has), and a detector is served on plain ones. Give "
            "another base."
        )
    for weight in adapted.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    return adapted
