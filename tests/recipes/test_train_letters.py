"""Stage 0: pages full of letters, and the optimizer of the tower."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from embedded_vision.captions import CaptionVocabulary
from embedded_vision.data import pixels_of
from embedded_vision.grounds import SIDE
from embedded_vision.muon import Muon, orthogonal
from embedded_vision.pictures import Studio
from embedded_vision.session import train_step
from embedded_vision.state import CHECKPOINT, METHODS, load_training, new_training, next_stage
from embedded_vision.tower import SIZES, TowerSize, middle_states
from embedded_vision.train_letters import Pages, losses_of, share_read


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(SIZES, "tiny", TowerSize(width=64, layers=2, heads=2))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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


def test_the_middle_of_the_tower_is_the_same_by_both_ways(
    captions: CaptionVocabulary, studio: Studio
) -> None:
    training = new_training("tiny", captions)
    pixels = pixels_of([studio.page(1).image])
    with torch.no_grad():
        _, whole = training.eyes(pixels)
        assert torch.allclose(middle_states(training.eyes, pixels), whole, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_letters_of_a_page_are_learned(method: str, captions: CaptionVocabulary, studio: Studio) -> None:
    training = new_training("tiny", captions, method)
    page = Pages(studio, rows=2, ramp=0)[0]
    before = share_read(training, page)
    losses = [train_step(training, losses_of(training, page), rate=4e-3) for _ in range(120)]
    assert losses[-1]["letters"] < 0.5 * losses[0]["letters"]
    assert share_read(training, page) > max(0.5, before)


def test_the_next_stage_begins_where_the_letters_were_learned(
    captions: CaptionVocabulary, studio: Studio, tmp_path: Path
) -> None:
    training = new_training("tiny", captions)
    page = Pages(studio, rows=2, ramp=0)[0]
    train_step(training, losses_of(training, page), rate=1e-2)
    training.save(tmp_path / CHECKPOINT)
    started = next_stage(tmp_path / CHECKPOINT, captions, "all")
    assert started.step == 0
    assert share_read(started, page) == share_read(training, page)


def test_a_training_goes_on_with_the_state_of_its_optimizers(
    captions: CaptionVocabulary, studio: Studio, tmp_path: Path
) -> None:
    page = Pages(studio, rows=2, ramp=0)[0]
    training = new_training("tiny", captions)
    train_step(training, losses_of(training, page), rate=1e-3)
    training.save(tmp_path / CHECKPOINT)
    resumed = load_training(tmp_path / CHECKPOINT, captions)
    for one in (training, resumed):
        train_step(one, losses_of(one, page), rate=1e-3)
    for name, weight in training.eyes.state_dict().items():
        assert torch.equal(weight, resumed.eyes.state_dict()[name]), name


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
