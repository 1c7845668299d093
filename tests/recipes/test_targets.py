"""What the eyes are trained towards, and the batches that they are shown."""

from __future__ import annotations

import pytest
import torch

from embedded_vision.data import TrainingBatches, drawn_ahead
from embedded_vision.facts import Writing
from embedded_vision.pictures import Studio
from embedded_vision.signs import ACROSS, LETTER_CLASSES, LETTERS_IN_PATCH, Phrases, Signs
from embedded_vision.targets import Aim
from embedded_vision.tower import POSITIONS

ROOM = LETTERS_IN_PATCH * LETTER_CLASSES


@pytest.fixture
def aim(signs: Signs) -> Aim:
    return Aim(signs, width=8)


@pytest.fixture
def said(phrases: Phrases) -> tuple[torch.Tensor, torch.Tensor]:
    """Phrases and letters of two pictures: a thing, and a sign with two letters in its first patch."""
    letters = torch.zeros(2, POSITIONS, LETTERS_IN_PATCH, dtype=torch.long)
    letters[1, 0, :2] = torch.tensor([40, 50])
    return torch.tensor([phrases.row("an apple"), phrases.row("a sign")]), letters


def states(width: int = 8) -> torch.Tensor:
    return torch.zeros(2, POSITIONS, width)


def test_the_right_signs_are_the_best_that_can_be_said(
    aim: Aim, said: tuple[torch.Tensor, torch.Tensor]
) -> None:
    phrases, letters = said
    with torch.no_grad():
        aim.log_sharpness.fill_(3.0)
        right = aim.signs(letters, phrases)
        exact = aim(right, states(), phrases, letters)
        longer = aim(1.5 * right, states(), phrases, letters)
        elsewhere = aim(right.roll(1, dims=1), states(), phrases, letters)
    assert exact["distance"] == 0
    assert longer["distance"] == pytest.approx(0.25)
    assert exact["phrases"] < 0.1 * elsewhere["phrases"]
    is_empty = (letters == 0).all(dim=-1)
    assert torch.equal(aim.scores(right).argmax(dim=-1)[is_empty], phrases[is_empty])


def test_every_token_of_the_phrases_is_nearest_to_itself(aim: Aim, phrases: Phrases) -> None:
    with torch.no_grad():
        assert aim.scores(aim.signs.spoken).argmax(dim=-1).tolist() == list(range(len(phrases)))


def test_phrases_are_not_asked_of_patches_with_letters(
    aim: Aim, said: tuple[torch.Tensor, torch.Tensor]
) -> None:
    emitted = torch.zeros(2, POSITIONS, aim.signs.blank.shape[0], requires_grad=True)
    aim(emitted, states(), *said)["phrases"].backward()
    assert emitted.grad is not None
    change = emitted.grad.norm(dim=-1)
    # Only the first patch of the second picture has letters; there the phrase's first token is not wanted.
    assert change[1, 0] == 0
    assert (change[:, 1] > 0).all()
    assert (change[1, ACROSS::ACROSS] > 0).all()


def test_where_letters_are_everywhere_no_phrase_is_asked_for(aim: Aim) -> None:
    letters = torch.full((1, POSITIONS, LETTERS_IN_PATCH), 40)
    emitted = torch.zeros(1, POSITIONS, aim.signs.blank.shape[0], requires_grad=True)
    losses = aim(emitted, states()[:1], torch.zeros(1, POSITIONS, dtype=torch.long), letters)
    assert losses["phrases"] == 0
    losses["phrases"].backward()
    assert emitted.grad is not None
    assert not emitted.grad.any()


def test_letters_are_told_at_their_place_in_their_patch(
    signs: Signs, said: tuple[torch.Tensor, torch.Tensor]
) -> None:
    _, letters = said
    aim = Aim(signs, width=ROOM)
    with torch.no_grad():
        aim.letters.weight.copy_(torch.eye(ROOM))
        aim.letters.bias.zero_()
    known = torch.nn.functional.one_hot(letters, LETTER_CLASSES).flatten(2).float() * 20
    assert torch.equal(aim.letters_told(known), letters)
    assert aim.letters_loss(known, letters) < 1e-6
    swapped = letters.clone()
    swapped[1, 0, :2] = torch.tensor([50, 40])
    assert aim.letters_loss(known, swapped) > 0.5


def test_letters_that_are_there_count_more_than_empty_places(
    aim: Aim, said: tuple[torch.Tensor, torch.Tensor]
) -> None:
    _, letters = said
    with torch.no_grad():
        aim.letters.weight.zero_()
        aim.letters.bias.zero_()
        aim.letters.bias.view(LETTERS_IN_PATCH, LETTER_CLASSES)[:, 0] = 20
    # Two letters of 512 places are missed; each weighs ten times as much as a place that is empty.
    assert aim.letters_loss(states(), letters).item() == pytest.approx(20 * 2 / (2 + 51), rel=0.01)


def test_the_eyes_alone_never_change_the_signs(aim: Aim) -> None:
    trained = {name for name, weight in aim.named_parameters() if weight.requires_grad}
    assert trained == {"log_sharpness", "letters.weight", "letters.bias"}
    assert {"signs.letters", "signs.blank"} < aim.state_dict().keys()


def test_a_batch_follows_from_its_number_in_whatever_process(studio: Studio, phrases: Phrases) -> None:
    batches = TrainingBatches(studio, phrases, rows=4, ramp=100)
    here = batches[5]
    there = next(iter(drawn_ahead(batches, 5, 7, workers=1)))
    assert all(torch.equal(one, other) for one, other in zip(here, there, strict=True))
    assert not torch.equal(here[0], batches[6][0])


def test_some_pictures_of_training_are_pages_full_of_letters(studio: Studio, phrases: Phrases) -> None:
    pictures = [TrainingBatches(studio, phrases, rows=4, ramp=0)._picture(drawn, 1.0) for drawn in range(60)]
    pages = [one for one in pictures if isinstance(one.facts, Writing) and len(one.facts.text.split()) > 4]
    assert 4 <= len(pages) <= 24
