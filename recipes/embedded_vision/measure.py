"""How well a tower reads and names: fixed pictures that training never draws.

python -m embedded_vision.measure --checkpoint FILE --pictograms FILE [--rows N]
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from embedded_vision.captions import CaptionVocabulary, quoted
from embedded_vision.data import pixels_of, tokenizer_vocabulary
from embedded_vision.facts import Facts, Writing
from embedded_vision.fonts import HELD_OUT_FONTS, TRAIN_FONTS
from embedded_vision.grounds import SIDE
from embedded_vision.pictograms import HELD_OUT_SETS, TRAIN_SETS, load_pictograms
from embedded_vision.pictures import Studio
from embedded_vision.state import embedded_folder, load_training
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


@dataclass(frozen=True, slots=True)
class Trial:
    """A picture and what it shows."""

    image: Image.Image
    facts: Facts

    @property
    def caption(self) -> str:
        """The caption it should have."""
        return self.facts.caption


def validation_sets(checkpoint: Path, pictograms: Path, rows: int) -> dict[str, list[Trial]]:
    """The fixed sets, `rows` pictures each.

    Args:
        checkpoint: Folder of the embedded model.
        pictograms: The rendered pictograms.
        rows: Pictures of each set.
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
        pictures = [studio.picture(number, kind=kind) for number in range(rows)]
        sets[name] = [Trial(picture.image, picture.facts) for picture in pictures]
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


def read_captions(eyes: Eyes, aim: Aim, captions: CaptionVocabulary, images: list[Image.Image]) -> list[str]:
    """The nearest piece at each position, as text."""
    texts = []
    with torch.inference_mode():
        for at in range(0, len(images), _BATCH):
            emitted, _ = eyes(pixels_of(images[at : at + _BATCH]))
            texts += [captions.decode(row) for row in aim.scores(emitted).argmax(dim=-1).tolist()]
    return texts


def word_share(given: str, wanted: str) -> float:
    """Share of the wanted caption's quoted words that stand at their place in the given one."""
    words, found = (quoted(wanted) or "").split(), (quoted(given) or "").split()
    # Lengths may differ: a word that was split or left out counts as wrong, as do those it displaces.
    return sum(one == other for one, other in zip(words, found, strict=False)) / len(words)


def exact_share(given: str, wanted: str) -> float:
    """1 if the whole caption is right, else 0."""
    return float(given == wanted)


def measure(
    eyes: Eyes, aim: Aim, captions: CaptionVocabulary, sets: dict[str, list[Trial]]
) -> dict[str, float]:
    """Mean share of each set: words right at their place where text is quoted, whole captions elsewhere."""
    numbers = {}
    eyes.eval()
    for name, trials in sets.items():
        given = read_captions(eyes, aim, captions, [trial.image for trial in trials])
        judge: Callable[[str, str], float] = word_share if quoted(trials[0].caption) else exact_share
        shares = [judge(text, trial.caption) for text, trial in zip(given, trials, strict=True)]
        numbers[name] = round(sum(shares) / len(shares), 4)
    eyes.train()
    return numbers


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--pictograms", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--show", type=int, default=0, help="print so many captions of each set")
    arguments = parser.parse_args()
    folder = embedded_folder()
    captions = CaptionVocabulary(folder / "tokenizer.json")
    training = load_training(arguments.checkpoint, captions)
    sets = validation_sets(folder, arguments.pictograms, arguments.rows)
    for name, trials in sets.items() if arguments.show else ():
        shown = trials[: arguments.show]
        texts = read_captions(training.eyes, training.aim, captions, [trial.image for trial in shown])
        for text, trial in zip(texts, shown, strict=True):
            print(f"{name}: {trial.caption} -> {text}")
    print(json.dumps(measure(training.eyes, training.aim, captions, sets), indent=2))
    known, _ = word_lists(tokenizer_vocabulary(folder))
    print("words of the bank's answers in the training list, of all:", *bank_answers_in(known))


if __name__ == "__main__":
    main()
