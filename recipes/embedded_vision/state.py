"""The states of the stages: weights, optimizer and step, and the files that hold them between sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from embedded_vision.muon import Muon, Optimizers, inner_matrices
from embedded_vision.pictograms import read_names
from embedded_vision.reader import Reader
from embedded_vision.session import SHARE
from embedded_vision.signs import ACROSS, Signs
from embedded_vision.targets import Aim
from embedded_vision.tower import SIZES, Eyes, llava_config, with_places

_DECAY = 0.05
_PROJECTOR_SHARE = 1.0
_FIRST_SCALE = 0.1
_BETAS = (0.9, 0.98)
State = dict[str, Any]
HEADS = Path(__file__).with_name("heads.safetensors")
"""What training needs beside the eyes that ship to go on from them."""
OWN_LAYERS, WHOLE_LAYERS = "base_model.model.model.layers.", "base_model.model.model.language_model.layers."
"""Where peft finds a layer in the language model alone, and in the whole model."""


@dataclass(slots=True)
class ReaderTraining:
    """Signs and the language model's adapter that reads them.

    Attributes:
        signs: What perfect eyes would say.
        reader: The language model.
        optimizer: Over both.
        step: Batches done.
    """

    signs: Signs
    reader: Reader
    optimizer: torch.optim.AdamW
    step: int = 0

    @classmethod
    def begin(cls, signs: Signs, reader: Reader) -> ReaderTraining:
        """An untrained adapter."""
        return cls(signs, reader, _adamw([*signs.parameters(), *reader.trained]))

    def save(self, file: Path) -> None:
        """Write a checkpoint."""
        state = {
            "step": self.step,
            "signs": self.signs.state_dict(),
            "adapter": self.reader.adapter(),
            "optimizer": self.optimizer.state_dict(),
        }
        write_state(file, state)

    def start_from(self, state: State) -> None:
        """Take over signs and adapter of what ships."""
        self.signs.load_state_dict({name: state["aim"][f"signs.{name}"] for name in self.signs.state_dict()})
        self.reader.load_adapter(state["adapter"])

    def resume(self, file: Path) -> None:
        """Go on from a checkpoint."""
        state = read_state(file)
        self.signs.load_state_dict(state["signs"])
        self.reader.load_adapter(state["adapter"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]


@dataclass(slots=True, kw_only=True)
class EyesTraining:
    """Tower and projector.

    Attributes:
        eyes: Tower and projector.
        aim: The losses, with the letters' head and the signs.
        size: Name of the tower's size.
        optimizer: Over the eyes and the weights of the losses.
        step: Batches done.
    """

    eyes: Eyes
    aim: Aim
    size: str
    optimizer: Optimizers
    step: int = 0

    @classmethod
    def begin(cls, eyes: Eyes, aim: Aim, size: str) -> EyesTraining:
        """A stage that has not begun."""
        return cls(eyes=eyes, aim=aim, size=size, optimizer=_of_eyes(eyes, aim))

    def state(self) -> State:
        """All that a later session needs to go on."""
        return {
            "size": self.size,
            "step": self.step,
            "eyes": self.eyes.state_dict(),
            "aim": self.aim.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def save(self, file: Path) -> None:
        """Write a checkpoint."""
        write_state(file, self.state())

    def start_from(self, state: State) -> None:
        """Take over the weights of an earlier stage.

        Raises:
            ValueError: If its tower has another size.
        """
        if state["size"] != self.size:
            raise ValueError(f"The checkpoint has a tower of size {state['size']}; give it as --size.")
        self.eyes.load_state_dict(with_places(state["eyes"], ACROSS))
        self.aim.load_state_dict(state["aim"])

    def resume(self, file: Path) -> None:
        """Go on from a checkpoint of the same stage."""
        state = read_state(file)
        self.start_from(state)
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]


@dataclass(slots=True, kw_only=True)
class TogetherTraining(EyesTraining):
    """Tower and projector together with the language model's adapter.

    Attributes:
        reader: The language model.
    """

    reader: Reader

    @classmethod
    def together(cls, eyes: Eyes, aim: Aim, size: str, reader: Reader) -> TogetherTraining:
        """A stage that has not begun."""
        optimizer = _of_eyes(eyes, aim, reader.trained)
        return cls(eyes=eyes, aim=aim, size=size, optimizer=optimizer, reader=reader)

    def state(self) -> State:
        """All that a later session needs to go on."""
        return {**EyesTraining.state(self), "adapter": self.reader.adapter()}

    def start_from(self, state: State) -> None:
        """Take over the weights of an earlier stage; not all have an adapter."""
        EyesTraining.start_from(self, state)
        if "adapter" in state:
            self.reader.load_adapter(state["adapter"])


def embedded_folder() -> Path:
    """The language model's checkpoint."""
    from levelhead.models._embedded import embedded_checkpoint

    return embedded_checkpoint()


def untrained_eyes(size: str, signs: Signs, seed: int = 0) -> tuple[Eyes, Aim]:
    """A new tower and its losses."""
    from transformers import AutoConfig

    torch.manual_seed(seed)
    text = AutoConfig.from_pretrained(embedded_folder())
    eyes = Eyes(llava_config(SIZES[size], text, image_token_id=0))
    eyes.to(memory_format=torch.channels_last)
    with torch.no_grad():
        # Else the first embeddings would be several times longer than any real one.
        eyes.multi_modal_projector.linear_2.weight.mul_(_FIRST_SCALE)
    return eyes, Aim(signs, SIZES[size].width, SIZES[size].channels[1], len(read_names()))


def write_state(file: Path, state: State) -> None:
    """Write a checkpoint; one that was there is replaced only when the new one is whole."""
    partial = file.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(file)


def read_state(file: Path) -> State:
    """Read a checkpoint."""
    state: State = torch.load(file, weights_only=True)
    return state


def averaged(states: Sequence[State]) -> State:
    """The mean of the eyes and heads of sessions that went on from each other.

    Weights that lie in one valley of the loss may be averaged, and the mean often does a little better on
    what neither has seen (Izmailov et al. 2018, arXiv 1803.05407).

    Args:
        states: Checkpoints of stage 2 or 3; what they hold beside eyes and heads is that of the first.

    Raises:
        ValueError: If their towers differ in size.
    """
    first = states[0]
    if sizes := {state["size"] for state in states} - {first["size"]}:
        raise ValueError(f"The checkpoints have towers of size {first['size']} and {', '.join(sizes)}.")
    means = {
        part: {
            name: torch.stack([state[part][name] for state in states]).mean(dim=0)
            if weight.is_floating_point()
            else weight
            for name, weight in first[part].items()
        }
        for part in ("eyes", "aim")
    }
    return {**first, **means}


def write_heads(state: State, file: Path) -> None:
    """Write the signs and the heads of the losses, as fp16."""
    from safetensors.torch import save_file

    heads = {name: weight.detach().half().contiguous() for name, weight in state["aim"].items()}
    save_file(heads, file, metadata={"size": state["size"]})


def exported_state(eyes: Path, heads: Path | None = None) -> State:
    """The weights of all stages as they were exported, to go on from.

    Args:
        eyes: Folder that `export` wrote.
        heads: File that it wrote beside it; those of this recipe if None.

    Raises:
        FileNotFoundError: If a file is missing.
    """
    from safetensors import safe_open

    from levelhead.models._checkpoint import PICTURE_ADAPTER
    from levelhead.models._embedded_vision import EYES_FILE

    def read(file: Path) -> State:
        with safe_open(file, "pt") as weights:
            names = weights.keys()
            tensors = {name: weights.get_tensor(name) for name in names}
        return {name: one.float() if one.is_floating_point() else one for name, one in tensors.items()}

    heads = HEADS if heads is None else heads
    adapter = read(eyes / PICTURE_ADAPTER / "adapter_model.safetensors")
    with safe_open(heads, "pt") as file:
        size = file.metadata()["size"]
    return {
        "size": size,
        "eyes": read(eyes / EYES_FILE),
        "aim": read(heads),
        "adapter": {name.replace(WHOLE_LAYERS, OWN_LAYERS): weight for name, weight in adapter.items()},
    }


def _of_eyes(eyes: Eyes, aim: Aim, adapter: Iterable[torch.Tensor] = ()) -> Optimizers:
    """Muon for convolutions and matrices of the tower, AdamW for all else that learns.

    At the tower's rate the projector overshoots: embeddings are short vectors.
    """
    matrices, others = inner_matrices(eyes.vision_tower)
    heads = [weight for weight in aim.parameters() if weight.requires_grad]
    adamw = _adamw([*heads, *adapter, *others])
    projector = [*eyes.multi_modal_projector.parameters()]
    adamw.add_param_group({"params": projector, "weight_decay": _DECAY, SHARE: _PROJECTOR_SHARE})
    return Optimizers(Muon(matrices, weight_decay=_DECAY), adamw)


def _adamw(weights: Iterable[torch.Tensor]) -> torch.optim.AdamW:
    tables: list[torch.Tensor] = []
    vectors: list[torch.Tensor] = []
    for weight in weights:
        (tables if weight.dim() > 1 else vectors).append(weight)
    return torch.optim.AdamW(
        [{"params": tables, "weight_decay": _DECAY}, {"params": vectors, "weight_decay": 0.0}], betas=_BETAS
    )
