"""How well the eyes alone read and name: fixed pictures that training never draws.

python -m embedded_vision.measure --checkpoint FILE --pictograms FILE [--rows N]
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import torch
from PIL import Image

from embedded_vision.data import known_phrases, name_patterns, to_batch, tokenizer_vocabulary, untrained_signs
from embedded_vision.facts import Thing, Writing
from embedded_vision.fonts import HELD_OUT_FONTS, TRAIN_FONTS
from embedded_vision.grounds import SIDE
from embedded_vision.pictograms import HELD_OUT_SETS, TRAIN_SETS, load_pictograms
from embedded_vision.pictures import Picture, Studio
from embedded_vision.signs import ACROSS, Phrases
from embedded_vision.state import embedded_folder, read_state, untrained_eyes
from embedded_vision.targets import Aim
from embedded_vision.tower import Eyes
from embedded_vision.words import WordList, word_lists

VALIDATION_SEED = 20_000
SETS = (
    "known_words_unseen_fonts",
    "unseen_words",
    "pictograms_unseen_set",
    "pictograms_seen_sets",
    "shapes",
    "scenes",
    "bank",
)
_BATCH = 64


Trial = Picture
"""A picture that is only ever measured."""


def validation_sets(
    checkpoint: Path, pictograms: Path, rows: int, pictogram_rows: int | None = None
) -> dict[str, list[Trial]]:
    """The fixed sets. With more rows, a set begins with the same pictures.

    Args:
        checkpoint: Folder of the embedded model.
        pictograms: The rendered pictograms.
        rows: Pictures of each set.
        pictogram_rows: Pictures of the sets of pictograms, whose names are many; `rows` if None.
    """
    known, unseen = word_lists(tokenizer_vocabulary(checkpoint))
    held_out = load_pictograms(pictograms, HELD_OUT_SETS)
    seen = load_pictograms(pictograms, TRAIN_SETS)
    studios = {
        "known_words_unseen_fonts": (Studio(known, HELD_OUT_FONTS, seen, VALIDATION_SEED), "words"),
        "unseen_words": (Studio(unseen, TRAIN_FONTS, seen, VALIDATION_SEED + 1), "words"),
        "pictograms_unseen_set": (Studio(known, TRAIN_FONTS, held_out, VALIDATION_SEED + 2), "pictogram"),
        "pictograms_seen_sets": (Studio(known, TRAIN_FONTS, seen, VALIDATION_SEED + 3), "pictogram"),
        "shapes": (Studio(known, TRAIN_FONTS, seen, VALIDATION_SEED + 4), "shapes"),
        "scenes": (Studio(known, HELD_OUT_FONTS, seen, VALIDATION_SEED + 5), "scene"),
    }
    sets = {}
    for name, (studio, kind) in studios.items():
        count = pictogram_rows if kind == "pictogram" and pictogram_rows else rows
        sets[name] = [studio.picture(number, kind=kind) for number in range(count)]
    sets["bank"] = bank_trials(rows)
    return sets


def bank_trials(rows: int) -> list[Trial]:
    """Typographic pictures of the illusion bank, as the processor would resize them."""
    from levelhead.illusion import load_questions, picture_seed, typographic

    rng = random.Random(VALIDATION_SEED)
    answers = [
        (question.id, answer)
        for question in load_questions()
        for answer in (question.gold, *question.spurious)
        if answer.isascii()
    ]
    return [
        Trial(
            typographic(answer, picture_seed(0, identity, answer)).resize(
                (SIDE, SIDE), Image.Resampling.BICUBIC
            ),
            Writing(answer),
            [],
        )
        for identity, answer in rng.sample(answers, rows)
    ]


def bank_answers_in(words: WordList) -> tuple[int, int]:
    """How many different words of the bank's answers are in the training list, and how many there are."""
    from levelhead.illusion import load_questions

    found = {
        word.lower()
        for question in load_questions()
        for answer in (question.gold, *question.spurious)
        for word in answer.split()
        if word.isascii() and word.isalpha()
    }
    return sum(word in words for word in found), len(found)


def measure(eyes: Eyes, aim: Aim, phrases: Phrases, sets: dict[str, list[Trial]]) -> dict[str, float]:
    """Share right in each set: of letters where text is shown, else of the pictures' phrases or names.

    Sets of pictures whose letters' places are not known are left out.
    """
    numbers = {}
    patterns = name_patterns(phrases)
    eyes.eval()
    for name, trials in sets.items():
        facts = trials[0].facts
        shows_text = isinstance(facts, Writing)
        if shows_text and not trials[0].letters:
            continue
        right: list[float] = []
        with torch.inference_mode():
            for at in range(0, len(trials), _BATCH):
                batch = to_batch(trials[at : at + _BATCH], phrases)
                letters, wanted = batch.letters, batch.phrases
                seen = eyes(batch.pixels)
                if shows_text:
                    there = letters != 0
                    right += (aim.letters_told(seen.states)[there] == letters[there]).float().tolist()
                elif isinstance(facts, Thing):
                    found = named(aim, seen.emitted, batch.icons > 0, patterns)
                    right += (found == batch.icons.amax(dim=1)).float().tolist()
                else:
                    right += (said(aim, seen.emitted) == wanted[:, :ACROSS]).all(dim=1).float().tolist()
        numbers[name] = round(sum(right) / len(right), 4)
    eyes.train()
    return numbers


def said(aim: Aim, emitted: torch.Tensor) -> torch.Tensor:
    """The phrase of each picture, by all its rows together: (B, ACROSS)."""
    likelihood = aim.scores(emitted).log_softmax(dim=-1).unflatten(1, (ACROSS, ACROSS))
    return likelihood.sum(dim=1).argmax(dim=-1)


def named(aim: Aim, emitted: torch.Tensor, shown: torch.Tensor, patterns: torch.Tensor) -> torch.Tensor:
    """The number of the pictogram that each picture names, by all patches that show one: (B).

    Args:
        aim: Reads what is emitted.
        emitted: (B, POSITIONS, embedding size).
        shown: Which patches show the pictogram (B, POSITIONS).
        patterns: See `name_patterns`.
    """
    likelihood = aim.scores(emitted).log_softmax(dim=-1)
    of_names = likelihood.gather(2, patterns.T.expand(len(emitted), -1, -1))
    return (of_names * shown[..., None]).sum(dim=1).argmax(dim=-1) + 1


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--pictograms", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=400)
    arguments = parser.parse_args()
    folder, state = embedded_folder(), read_state(arguments.checkpoint)
    phrases = known_phrases(folder)
    eyes, aim = untrained_eyes(state["size"], untrained_signs(folder, phrases))
    eyes.load_state_dict(state["eyes"])
    aim.load_state_dict(state["aim"])
    sets = validation_sets(folder, arguments.pictograms, arguments.rows)
    print(json.dumps(measure(eyes, aim, phrases, sets), indent=2))
    known, _ = word_lists(tokenizer_vocabulary(folder))
    print("words of the bank's answers in the training list, of all:", *bank_answers_in(known))


if __name__ == "__main__":
    main()
