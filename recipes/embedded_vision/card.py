"""Write the model card of a folder of eyes from what was measured.

`python -m embedded_vision.card --eyes DIR --measured measured.json`

A card without its numbers is not written.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from string import Template
from typing import Any

from embedded_vision.pictograms import read_names
from embedded_vision.tower import INPUT_SIDE
from levelhead.models._checkpoint import PICTURE_ADAPTER
from levelhead.models._embedded_vision import EYES_FILE

CARD = "README.md"
_TEMPLATE = Path(__file__).with_name("card.md")
_RECIPE = Path(__file__).with_name("README.md")
MEASURES = {
    "known_words_unseen_fonts/word": "one known word in an unseen font, every letter right",
    "known_words_unseen_fonts/word_any_case": "the same, large and small letters taken as alike",
    "unseen_words/word": "one unseen word, every letter right",
    "unseen_words/word_any_case": "the same, large and small letters taken as alike",
    "known_words_unseen_fonts/read": "one to four known words in an unseen font, all letters right",
    "unseen_words/read": "one to four unseen words, all letters right",
    "scenes/read": "words on drawn things, unseen fonts",
    "bank/read": "answers of the illusion bank, drawn by Levelhead",
    "bank/read_any_case": "the same, large and small letters taken as alike",
    "pictograms_unseen_set/name": "pictograms of an unseen set named",
    "pictograms_seen_sets/name": "pictograms of the trained sets named",
    "shapes/color": "color of shapes",
    "shapes/count": "number of shapes",
    "shapes/place": "place of shapes",
    "known_words_unseen_fonts/read_unseen_wording": "one to four known words, question in an unseen wording",
    "pictograms_unseen_set/name_unseen_wording": "pictograms, question in an unseen wording",
    "shapes/color_unseen_wording": "color, question in an unseen wording",
    "shapes/count_unseen_wording": "number, question in an unseen wording",
    "shapes/place_unseen_wording": "place, question in an unseen wording",
}


def card(eyes: Path, measured: dict[str, Any]) -> str:
    """The text of the card.

    Args:
        eyes: Folder of eyes.
        measured: What `measure_answers` wrote.

    Raises:
        KeyError: If a number is missing.
        FileNotFoundError: If the eyes or their adapter are missing.
    """
    rows = [(label, measured["right"][name]) for name, label in MEASURES.items()]
    seconds, plain = measured["seconds"], measured["without_picture"]
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        weights_millions=_millions(eyes / EYES_FILE),
        adapter_millions=_millions(eyes / PICTURE_ADAPTER / "adapter_model.safetensors"),
        pictogram_names=measured["pictogram_names"],
        table="\n".join(
            ["| what | right | 95% interval | questions |", "|---|---|---|---|", *map(_row, rows)]
        ),
        plain_tokens=plain["tokens"],
        plain_difference=f"{plain['largest_difference']:.1g}",
        one_question=seconds["one_question"],
        one_read=seconds["one_read"],
        one_name=seconds["one_name"],
        batched_question=seconds["batched_question"],
        load=seconds["load"],
        threads=measured["threads"],
        side=INPUT_SIDE,
        names=len(read_names()),
        licenses="\n".join(_licenses()),
    )


def _millions(weights: Path) -> str:
    """How many weights a file holds, in millions."""
    from safetensors import safe_open

    with safe_open(weights, "np") as file:
        count = sum(file.get_tensor(name).size for name in file.keys())  # noqa: SIM118  # no mapping
    return f"{count / 1e6:.1f}"


def _row(row: tuple[str, dict[str, float]]) -> str:
    label, share = row
    return f"| {label} | {share['value']:.1%} | {share['low']:.1%} to {share['high']:.1%} | {share['n']} |"


def _licenses() -> list[str]:
    """The rows of the recipe's table of licenses, with what each is used for."""
    lines = _RECIPE.read_text(encoding="utf-8").partition("## Licenses")[2].splitlines()
    table = [line for line in lines if line.startswith("|")]
    return [f"{line} {'measuring' if 'measured on only' in line else 'training'} |" for line in table[2:]]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eyes", type=Path, required=True)
    parser.add_argument("--measured", type=Path, required=True)
    arguments = parser.parse_args()
    text = card(arguments.eyes, json.loads(arguments.measured.read_text(encoding="utf-8")))
    (arguments.eyes / CARD).write_text(text, encoding="utf-8")
    print(arguments.eyes / CARD)


if __name__ == "__main__":
    main()
