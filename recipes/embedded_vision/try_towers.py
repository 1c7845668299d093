"""How fast a tower learns letters: a few thousand pages, and the share of the letters that it then reads.

    python -m embedded_vision.try_towers --pictograms FILE --tower hybrid --rows 16 --pictures 12800

Each run prints one JSON object. Pages, letters and the held-out pages are the same for all. With
`--cells-weight 0` the convolutions of the hybrid tower are not taught directly. `--across 12` cuts a page
into 144 patches in place of 64: the tower sees more pixels, and the language model has more tokens to read.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import DPTModel, LlamaConfig, SiglipVisionConfig, SiglipVisionModel

from embedded_vision.data import drawn_ahead, pixels_of
from embedded_vision.grounds import SIDE
from embedded_vision.muon import Muon, Optimizers, inner_matrices
from embedded_vision.pictures import Picture, Studio
from embedded_vision.session import Schedule
from embedded_vision.signs import ACROSS, LETTER_CLASSES, LETTERS_IN_PATCH, cell_letters, patch_letters
from embedded_vision.stage import run_alone, training_studio
from embedded_vision.targets import EMPTY_CELL_WEIGHT, EMPTY_WEIGHT, mostly_empty
from embedded_vision.tower import PATCH_PIXELS, SIZES, TowerSize, llava_config, parameters_of, scaled
from levelhead.running import choose_style, show_progress

_SEED = 2
_HELD_OUT = 256
_WARMUP_PICTURES = 1600


class Pages(NamedTuple):
    """Pages full of words.

    Attributes:
        pixels: uint8 (B, 3, side, side).
        letters: In each patch (B, across², LETTERS_IN_PATCH).
        cells: In each cell (B, 4 * across²).
    """

    pixels: torch.Tensor
    letters: torch.Tensor
    cells: torch.Tensor


def hybrid(size: TowerSize, across: int) -> nn.Module:
    """The tower of the recipe."""
    return DPTModel(llava_config(size, LlamaConfig(), image_token_id=0, across=across).vision_config)


def patches(size: TowerSize, across: int) -> nn.Module:
    """A transformer over patches that see nothing of each other before, and nothing convolutional."""
    config = SiglipVisionConfig(
        hidden_size=size.width,
        intermediate_size=4 * size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        image_size=across * PATCH_PIXELS,
        patch_size=PATCH_PIXELS,
        vision_use_head=False,
    )
    return SiglipVisionModel(config)


TOWERS: dict[str, Callable[[TowerSize, int], nn.Module]] = {"hybrid": hybrid, "patches": patches}


class Letters(nn.Module):  # type: ignore[misc]
    """A tower, and heads that tell the letters in each patch and in each cell of its convolutions, if any."""

    def __init__(self, tower: nn.Module, size: TowerSize, across: int) -> None:
        super().__init__()
        self.positions = across**2
        self.tower = tower.to(memory_format=torch.channels_last)
        self.head = nn.Linear(size.width, LETTERS_IN_PATCH * LETTER_CLASSES)
        self.cells = nn.Linear(size.channels[1], LETTER_CLASSES)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Scores of the letters in the patches (B, across², LETTERS_IN_PATCH, LETTER_CLASSES) and cells."""
        seen = self.tower(scaled(pixels), output_hidden_states=True)
        # A class token, where there is one, comes first.
        scores: torch.Tensor = self.head(seen.hidden_states[-1][:, -self.positions :])
        maps = getattr(seen, "intermediate_activations", None)
        cells = None if maps is None else self.cells(maps[1].flatten(2).transpose(1, 2))
        return scores.unflatten(-1, (LETTERS_IN_PATCH, LETTER_CLASSES)), cells


class Batches(Dataset[Pages]):  # type: ignore[misc]
    """Batch number i of pages that grow from easy to everything over `ramp` pages."""

    def __init__(self, studio: Studio, rows: int, ramp: int, across: int) -> None:
        self.studio, self.rows, self.ramp, self.across = studio, rows, ramp, across

    def __getitem__(self, step: int) -> Pages:
        numbers = range(step * self.rows, (step + 1) * self.rows)
        return to_pages(
            [self.studio.page(number, difficulty=min(1.0, number / self.ramp)) for number in numbers],
            self.across,
        )


def to_pages(pages: list[Picture], across: int) -> Pages:
    """Tensors of some pages."""
    return Pages(
        pixels_of([page.image for page in pages], across * PATCH_PIXELS),
        torch.tensor([patch_letters(page.letters, across) for page in pages]),
        torch.tensor([cell_letters(page.letters, 2 * across) for page in pages]),
    )


def share_left_out(pages: list[Picture], across: int) -> float:
    """Share of the letters inside of the pages that no sign tells, because too many stand in one patch."""
    told = inside = 0
    for page in pages:
        told += sum(letter > 0 for patch in patch_letters(page.letters, across) for letter in patch)
        inside += sum(0 <= letter.x < SIDE and 0 <= letter.y < SIDE for letter in page.letters)
    return round(1 - told / inside, 4)


def shares_read(model: Letters, pages: Pages) -> dict[str, float]:
    """Letters told right at their place in their patch, and letters told where none is, as shares."""
    model.eval()
    with torch.inference_mode():
        told = torch.cat([model(some)[0].argmax(dim=-1) for some in pages.pixels.split(64)])
    model.train()
    there = pages.letters != 0
    right = (told[there] == pages.letters[there]).float().mean()
    invented = (told[~there] != 0).sum() / there.sum()
    return {"letters_read": round(float(right), 4), "letters_invented": round(float(invented), 4)}


def loss_of(model: Letters, pages: Pages, cells_weight: float) -> torch.Tensor:
    """The loss of a batch."""
    scores, cells = model(pages.pixels)
    loss = mostly_empty(scores, pages.letters, EMPTY_WEIGHT)
    if cells is None or not cells_weight:
        return loss
    return loss + cells_weight * mostly_empty(cells, pages.cells, EMPTY_CELL_WEIGHT)


def optimizer_of(model: Letters, name: str) -> Optimizers:
    """AdamW for all weights, or Muon for those that it is for."""
    settings: dict[str, Any] = {"betas": (0.9, 0.98), "weight_decay": 0.05}
    if name == "adamw":
        return Optimizers(torch.optim.AdamW(model.parameters(), **settings))
    matrices, others = inner_matrices(model.tower)
    heads = [*model.head.parameters(), *model.cells.parameters()]
    return Optimizers(Muon(matrices, weight_decay=0.05), torch.optim.AdamW([*heads, *others], **settings))


def learn(
    tower: nn.Module, size: TowerSize, studio: Studio, options: argparse.Namespace
) -> dict[str, object]:
    """Train a tower on pages.

    Returns:
        Millions of weights, shares of letters read, invented and left out, pictures a second without the
        drawing.
    """
    across: int = options.across
    model, steps = Letters(tower, size, across), options.pictures // options.rows
    schedule = Schedule(steps, options.learning_rate, _WARMUP_PICTURES // options.rows)
    optimizer = optimizer_of(model, options.optimizer)
    batches = Batches(studio, options.rows, ramp=2 * options.pictures // 3, across=across)
    spent = 0.0
    with show_progress("pages", total=steps, held=0, style=choose_style()) as advance:
        for step, pages in enumerate(drawn_ahead(batches, 0, steps, options.workers)):
            begin = time.process_time()
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            optimizer.zero_grad()
            loss_of(model, pages, options.cells_weight).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            spent += time.process_time() - begin
            advance(1)
    held_out = [studio.page(options.pictures + number) for number in range(_HELD_OUT)]
    return {
        "weights_millions": round(parameters_of(tower) / 1e6, 2),
        **shares_read(model, to_pages(held_out, across)),
        "letters_left_out": share_left_out(held_out, across),
        "pictures_per_second": round(options.pictures / spent, 1),
    }


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictograms", type=Path, required=True)
    parser.add_argument("--tower", choices=TOWERS, default="hybrid")
    parser.add_argument("--size", choices=SIZES, default="medium")
    parser.add_argument("--across", type=int, default=ACROSS, help="patches, and so image tokens, in a row")
    parser.add_argument("--rows", type=int, default=16, help="pages in a batch")
    parser.add_argument("--pictures", type=int, default=12_800)
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default="muon")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--cells-weight", type=float, default=1.0, help="of the loss of the convolutions")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    size = SIZES[options.size]
    studio = training_studio(options.pictograms, _SEED)
    found = learn(TOWERS[options.tower](size, options.across), size, studio, options)
    names = ("tower", "size", "across", "rows", "pictures", "optimizer", "learning_rate", "cells_weight")
    settings = {name: getattr(options, name) for name in names}
    print(json.dumps(settings | found))


if __name__ == "__main__":
    run_alone(main)
