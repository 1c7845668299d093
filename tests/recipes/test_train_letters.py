"""Stage 0: pages full of letters, and the optimizer of the tower."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from embedded_vision.data import drawn_ahead, pixels_of
from embedded_vision.grounds import SIDE
from embedded_vision.muon import Muon, orthogonal
from embedded_vision.pictures import Studio
from embedded_vision.session import train_step
from embedded_vision.signs import Signs
from embedded_vision.state import EyesTraining, untrained_eyes
from embedded_vision.tower import middle_states, scaled
from embedded_vision.train_letters import Pages, losses_of, share_read


@pytest.fixture
def training(tiny: str, signs: Signs) -> EyesTraining:
    return EyesTraining.begin(*untrained_eyes(tiny, signs), tiny)


def test_a_page_has_many_letters_and_each_stands_where_it_is_said_to(studio: Studio) -> None:
    for number in range(8):
        page = studio.page(number, difficulty=0.0)
        inside = [one for one in page.letters if 12 < one.x < SIDE - 12 and 12 < one.y < SIDE - 12]
        assert len(inside) > 15
        pixels = np.asarray(page.image.convert("L"))
        for one in inside:
            around = pixels[round(one.y) - 12 : round(one.y) + 12, round(one.x) - 9 : round(one.x) + 9]
            assert (around < 128).any(), (number, one)


def test_a_page_follows_from_its_seed_and_number(studio: Studio) -> None:
    first, again = studio.page(3), studio.page(3)
    assert first.image.tobytes() == again.image.tobytes()
    assert first.letters == again.letters
    assert first.image.tobytes() != studio.page(4).image.tobytes()


def test_a_batch_of_pages_follows_from_its_number_in_whatever_process(studio: Studio) -> None:
    pages = Pages(studio, rows=2, ramp=10)
    for one, other in zip(pages[4], next(iter(drawn_ahead(pages, 4, 5, workers=1))), strict=True):
        assert torch.equal(one, other)


def test_the_middle_of_the_tower_is_the_same_by_both_ways(training: EyesTraining, studio: Studio) -> None:
    pixels = pixels_of([studio.page(1).image])
    with torch.no_grad():
        states = training.eyes.vision_tower(scaled(pixels), output_hidden_states=True).hidden_states
        assert len(states) == 3
        assert torch.allclose(middle_states(training.eyes, pixels), states[1], atol=1e-5)


def test_letters_of_a_page_are_learned_by_the_lower_half_alone(
    training: EyesTraining, studio: Studio
) -> None:
    before = {name: weight.clone() for name, weight in training.eyes.state_dict().items()}
    page = Pages(studio, rows=2, ramp=0)[0]
    share = share_read(training, page)
    losses = [train_step(training, losses_of(training, page), rate=4e-3) for _ in range(120)]
    assert losses[-1]["letters"] < 0.5 * losses[0]["letters"]
    assert share_read(training, page) > max(0.5, share)
    after = training.eyes.state_dict()
    changed = {name for name, weight in after.items() if not torch.equal(weight, before[name])}
    lower = ("vision_tower.embeddings.", "vision_tower.encoder.layers.0.")
    assert changed == {name for name in before if name.startswith(lower)}


@pytest.mark.parametrize("shape", [(8, 8), (24, 8), (8, 24)])
def test_an_update_has_singular_values_near_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_muon_goes_downhill_and_forgets_with_its_decay() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(6, 4))
    wanted = torch.randn(6, 4)
    optimizer = Muon([weight], lr=0.05, weight_decay=0.0)
    first = (weight - wanted).square().sum().item()
    for _ in range(200):
        optimizer.zero_grad()
        (weight - wanted).square().sum().backward()
        optimizer.step()
    assert (weight - wanted).square().sum().item() < 0.1 * first
    still = torch.nn.Parameter(torch.ones(3, 3))
    decaying = Muon([still], lr=0.1, weight_decay=0.5)
    still.grad = torch.zeros(3, 3)
    decaying.step()
    assert torch.allclose(still, torch.full((3, 3), 0.95))
