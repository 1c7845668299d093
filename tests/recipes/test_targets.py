"""What the eyes are trained towards, and the batches that they are shown."""

from __future__ import annotations

import pytest
import torch

from embedded_vision.data import TrainingBatches, drawn_ahead
from embedded_vision.facts import Writing
from embedded_vision.grounds import SIDE
from embedded_vision.pictures import Studio
from embedded_vision.signs import ACROSS, LETTER_CLASSES, LETTERS_IN_PATCH, Phrases, Signs
from embedded_vision.targets import Aim, Batch
from embedded_vision.tower import CELLS_ACROSS, POSITIONS, Seen

NO_PIXELS = torch.zeros(0)
CELLS = CELLS_ACROSS**2
ROOM = LETTERS_IN_PATCH * LETTER_CLASSES


@pytest.fixture
def aim(signs: Signs) -> Aim:
    return Aim(signs, width=8, channels=5, names=3)


@pytest.fixture
def said(phrases: Phrases) -> Batch:
    """What is to be said of two pictures: a thing, and a sign with two letters in its first patch."""
    letters = torch.zeros(2, POSITIONS, LETTERS_IN_PATCH, dtype=torch.long)
    letters[1, 0, :2] = torch.tensor([40, 50])
    thing = phrases.over([("apple", (0, 0, SIDE, SIDE))])
    rows = torch.tensor([thing, phrases.row("a sign")])
    icons = torch.zeros(2, POSITIONS, dtype=torch.long)
    icons[0, :6] = 2
    cells = torch.zeros(2, CELLS, dtype=torch.long)
    cells[1, 0], cells[1, CELLS_ACROSS + 1] = 40, 50
    return Batch(NO_PIXELS, rows, letters, cells, icons)


def seen(emitted: torch.Tensor, states: torch.Tensor | None = None) -> Seen:
    """Eyes that say something, and know nothing unless told so."""
    rows = len(emitted)
    known = torch.zeros(rows, POSITIONS, 8) if states is None else states
    return Seen(emitted, known, torch.zeros(rows, CELLS, 5))


def test_the_right_signs_are_the_best_that_can_be_said(aim: Aim, said: Batch) -> None:
    phrases, letters = said.phrases, said.letters
    with torch.no_grad():
        aim.log_sharpness.fill_(3.0)
        right = aim.signs(letters, phrases)
        exact = aim(seen(right), said)
        longer = aim(seen(1.5 * right), said)
        elsewhere = aim(seen(right.roll(1, dims=1)), said)
    assert exact["distance"] == 0
    assert longer["distance"] == pytest.approx(0.25)
    assert exact["phrases"] < 0.1 * elsewhere["phrases"]
    assert exact["said"] < 0.1 * elsewhere["said"]
    is_empty = (letters == 0).all(dim=-1)
    assert torch.equal(aim.scores(right).argmax(dim=-1)[is_empty], phrases[is_empty])


def test_every_token_of_the_phrases_is_nearest_to_itself(aim: Aim, phrases: Phrases) -> None:
    with torch.no_grad():
        assert aim.scores(aim.signs.spoken).argmax(dim=-1).tolist() == list(range(len(phrases)))


def test_phrases_are_not_asked_of_patches_with_letters(aim: Aim, said: Batch) -> None:
    emitted = torch.zeros(2, POSITIONS, aim.signs.blank.shape[0], requires_grad=True)
    aim(seen(emitted), said)["phrases"].backward()
    assert emitted.grad is not None
    change = emitted.grad.norm(dim=-1)
    # Only the first patch of the second picture has letters; there the phrase's first token is not wanted.
    assert change[1, 0] == 0
    assert (change[:, 1] > 0).all()
    assert (change[1, ACROSS::ACROSS] > 0).all()


def test_a_letter_is_read_off_what_is_emitted_whatever_stands_beside_it(aim: Aim, said: Batch) -> None:
    with torch.no_grad():
        aim.log_sharpness.fill_(3.0)
        right = aim.signs(said.letters, said.phrases)
        exact = aim.said_loss(right, said.letters)
        for place, other in ((0, 41), (1, 51)):
            wrong = said.letters.clone()
            wrong[1, 0, place] = other
            # Of the two letters one is mistaken.
            mistaken = aim.said_loss(aim.signs(wrong, said.phrases), said.letters)
            assert mistaken > exact + 0.5, place
        elsewhere = right.clone()
        elsewhere[0] += 1
        elsewhere[1, 1:] += 1
        assert aim.said_loss(elsewhere, said.letters) == exact
        nothing = torch.zeros_like(said.letters)
        assert aim.said_loss(right, nothing) == 0


def test_where_letters_are_everywhere_no_phrase_is_asked_for(aim: Aim) -> None:
    letters = torch.full((1, POSITIONS, LETTERS_IN_PATCH), 40)
    emitted = torch.zeros(1, POSITIONS, aim.signs.blank.shape[0], requires_grad=True)
    blank = torch.zeros(1, POSITIONS, dtype=torch.long)
    empty = torch.zeros(1, CELLS, dtype=torch.long)
    losses = aim(seen(emitted), Batch(NO_PIXELS, blank, letters, empty, blank))
    assert losses["phrases"] == 0
    losses["phrases"].backward()
    assert emitted.grad is not None
    assert not emitted.grad.any()


def test_the_tower_tells_the_tokens_of_phrases_by_itself(aim: Aim, said: Batch) -> None:
    tokens, kinds = said.phrases.unique(return_inverse=True)
    known = torch.nn.functional.one_hot(kinds, 8).float()

    def loss(states: torch.Tensor) -> float:
        emitted = torch.zeros(2, POSITIONS, aim.signs.blank.shape[0])
        return float(aim(seen(emitted, states), said)["tokens"])

    with torch.no_grad():
        aim.tokens.weight.zero_()
        aim.tokens.bias.zero_()
        aim.tokens.weight[tokens, torch.arange(len(tokens))] = 30
        assert loss(known) < 1e-6
        assert loss(known.roll(1, dims=-1)) > 5


def test_pictograms_are_told_at_their_patches(aim: Aim, said: Batch) -> None:
    def loss(icons: torch.Tensor) -> float:
        emitted = torch.zeros(2, POSITIONS, aim.signs.blank.shape[0])
        return float(aim(seen(emitted, known), said._replace(icons=icons))["icons"])

    with torch.no_grad():
        aim.icons.weight.copy_(torch.eye(4, 8))
        aim.icons.bias.zero_()
        known = 20 * torch.nn.functional.one_hot(said.icons, 8).float()
        assert loss(said.icons) < 1e-6
        # Six patches show one; each weighs ten times as much as one that is empty.
        missed = torch.where(said.icons == 2, 3, 0)
        empty = 0.1 * (said.icons.numel() - 6)
        assert loss(missed) == pytest.approx(20 * 6 / (6 + empty), rel=0.01)


def test_letters_are_told_at_their_cells(aim: Aim, said: Batch) -> None:
    def loss(cells: torch.Tensor) -> float:
        emitted = torch.zeros(2, POSITIONS, aim.signs.blank.shape[0])
        knowing = seen(emitted)._replace(cells=known)
        return float(aim(knowing, said._replace(cells=cells))["cells"])

    with torch.no_grad():
        aim.cells.weight.copy_(torch.eye(LETTER_CLASSES, 5))
        aim.cells.weight[40, 1] = aim.cells.weight[50, 2] = 1
        aim.cells.bias.zero_()
        known = torch.zeros(2, CELLS, 5)
        known[..., 0] = 20
        known[1, 0], known[1, CELLS_ACROSS + 1] = 20 * torch.eye(5)[1], 20 * torch.eye(5)[2]
        aim.cells.weight[1:3] = 0
        assert loss(said.cells) < 1e-5
        # Two letters are taken for another; each weighs five times as much as an empty cell.
        other = torch.where(said.cells > 0, 60, 0)
        empty = 0.2 * (said.cells.numel() - 2)
        assert loss(other) == pytest.approx(20 * 2 / (2 + empty), rel=0.01)


def test_letters_are_told_at_their_place_in_their_patch(signs: Signs, said: Batch) -> None:
    letters = said.letters
    aim = Aim(signs, width=ROOM, channels=5, names=3)
    with torch.no_grad():
        aim.letters.weight.copy_(torch.eye(ROOM))
        aim.letters.bias.zero_()
    known = torch.nn.functional.one_hot(letters, LETTER_CLASSES).flatten(2).float() * 20
    assert torch.equal(aim.letters_told(known), letters)
    assert aim.letters_loss(known, letters) < 1e-6
    swapped = letters.clone()
    swapped[1, 0, :2] = torch.tensor([50, 40])
    # Both letters of the only patch that has some stand at the other's place.
    empty = 0.1 * (letters.numel() - 2)
    assert aim.letters_loss(known, swapped).item() == pytest.approx(20 * 2 / (2 + empty), rel=0.01)


def test_letters_that_are_there_count_more_than_empty_places(aim: Aim, said: Batch) -> None:
    letters = said.letters
    with torch.no_grad():
        aim.letters.weight.zero_()
        aim.letters.bias.zero_()
        aim.letters.bias.view(LETTERS_IN_PATCH, LETTER_CLASSES)[:, 0] = 20
    # Two letters are missed; each weighs ten times as much as a place that is empty.
    empty = 0.1 * (letters.numel() - 2)
    assert aim.letters_loss(torch.zeros(2, POSITIONS, 8), letters).item() == pytest.approx(
        20 * 2 / (2 + empty), rel=0.01
    )


def test_the_eyes_alone_never_change_the_signs(aim: Aim) -> None:
    trained = {name for name, weight in aim.named_parameters() if weight.requires_grad}
    assert trained == {
        "log_sharpness",
        "letters.weight",
        "letters.bias",
        "cells.weight",
        "cells.bias",
        "icons.weight",
        "icons.bias",
        "tokens.weight",
        "tokens.bias",
    }
    assert {"signs.letters", "signs.blank"} < aim.state_dict().keys()


def test_a_batch_follows_from_its_number_in_whatever_process(studio: Studio, phrases: Phrases) -> None:
    batches = TrainingBatches(studio, phrases, rows=4, ramp=100)
    here = batches[5]
    there = next(iter(drawn_ahead(batches, 5, 7, workers=1)))
    assert all(torch.equal(one, other) for one, other in zip(here, there, strict=True))
    assert not torch.equal(here[0], batches[6][0])


def test_some_pictures_of_training_are_full_of_letters_or_of_pictograms(
    studio: Studio, phrases: Phrases
) -> None:
    pictures = [TrainingBatches(studio, phrases, rows=4, ramp=0)._picture(drawn, 1.0) for drawn in range(60)]
    pages = [one for one in pictures if isinstance(one.facts, Writing) and len(one.facts.text.split()) > 4]
    assert 4 <= len(pages) <= 24
    assert 8 <= len([one for one in pictures if len(one.icons) > 1]) <= 30
