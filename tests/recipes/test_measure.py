"""How the eyes alone are measured."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from embedded_vision.data import to_batch
from embedded_vision.facts import Writing
from embedded_vision.grounds import plain
from embedded_vision.measure import Trial, bank_trials, measure, said
from embedded_vision.pictures import Studio
from embedded_vision.signs import ACROSS, LETTER_CLASSES, LETTERS_IN_PATCH, Phrases, Signs
from embedded_vision.targets import Aim
from embedded_vision.tower import POSITIONS, Seen

ROOM = LETTERS_IN_PATCH * LETTER_CLASSES


class KnownPictures(nn.Module):  # type: ignore[misc]
    """Eyes that know some pictures by heart, and say and know nothing of any other."""

    def __init__(self, trials: list[Trial], phrases: Phrases, signs: Signs) -> None:
        super().__init__()
        batch = to_batch(trials, phrases)
        self.pixels = batch.pixels
        with torch.no_grad():
            self.emitted = signs(batch.letters, batch.phrases)
        self.states = nn.functional.one_hot(batch.letters, LETTER_CLASSES).flatten(2).float()

    def forward(self, pixels: torch.Tensor) -> Seen:
        emitted = torch.zeros(len(pixels), *self.emitted.shape[1:])
        states = torch.zeros(len(pixels), *self.states.shape[1:])
        for row, seen in enumerate(pixels):
            for place in (self.pixels == seen).flatten(1).all(dim=1).nonzero()[:, 0]:
                emitted[row], states[row] = self.emitted[place], self.states[place]
        return Seen(emitted, states, torch.zeros(0))


@pytest.fixture
def aim(signs: Signs) -> Aim:
    aim = Aim(signs, width=ROOM, channels=5, names=3)
    with torch.no_grad():
        aim.letters.weight.copy_(torch.eye(ROOM))
        aim.letters.bias.zero_()
    return aim


@pytest.fixture(scope="module")
def sets(studio: Studio) -> dict[str, list[Trial]]:
    kinds = {"unseen_words": "words", "shapes": "shapes", "scenes": "scene", "things": "pictogram"}
    return {name: [studio.picture(drawn, kind=kind) for drawn in range(4)] for name, kind in kinds.items()}


def test_perfect_eyes_have_all_right_and_half_of_them_half(
    aim: Aim, signs: Signs, phrases: Phrases, sets: dict[str, list[Trial]]
) -> None:
    every = [trial for trials in sets.values() for trial in trials]
    assert measure(KnownPictures(every, phrases, signs), aim, phrases, sets) == dict.fromkeys(sets, 1.0)
    some = [trial for trials in sets.values() for trial in trials[:2]]
    shares = measure(KnownPictures(some, phrases, signs), aim, phrases, sets)
    assert shares["shapes"] == shares["things"] == 0.5
    for name in ("unseen_words", "scenes"):
        letters = [len(trial.letters) for trial in sets[name]]
        assert shares[name] == pytest.approx(sum(letters[:2]) / sum(letters), abs=0.05)


def test_a_phrase_is_what_all_rows_say_together(aim: Aim, signs: Signs, phrases: Phrases) -> None:
    wanted, other = (torch.tensor([phrases.row(name)]) for name in ("a sign", "nothing"))
    nothing = torch.zeros(1, POSITIONS, LETTERS_IN_PATCH, dtype=torch.long)
    with torch.no_grad():
        emitted, wrong = signs(nothing, wanted), signs(nothing, other)
        emitted[:, : 2 * ACROSS] = wrong[:, : 2 * ACROSS]
        assert torch.equal(said(aim, emitted), wanted[:, :ACROSS])


def test_texts_whose_letters_places_are_not_known_are_left_out(
    aim: Aim, signs: Signs, phrases: Phrases, sets: dict[str, list[Trial]]
) -> None:
    trials = bank_trials(2)
    assert [isinstance(trial.facts, Writing) for trial in trials] == [True, True]
    eyes = KnownPictures(sets["shapes"], phrases, signs)
    assert measure(eyes, aim, phrases, {"bank": trials, "shapes": sets["shapes"]}) == {"shapes": 1.0}
    unknown = [Trial(plain((0, 0, 0)), sets["shapes"][0].facts, [])]
    assert measure(eyes, aim, phrases, {"shapes": unknown}) == {"shapes": 0.0}
