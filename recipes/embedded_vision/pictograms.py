"""Pictograms of named things, from several icon sets; one set is only ever measured.

`python -m embedded_vision.pictograms --icons DIR --out FILE` renders them once. DIR holds an unpacked
npm package `@iconify-json/SET` in a folder SET for each set.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from levelhead.illusion.pictures._svg import render_svg

TRAIN_SETS = (
    "noto",
    "twemoji",
    "fluent-emoji-flat",
    "fluent-emoji",
    "fluent-emoji-high-contrast",
    "emojione",
    "emojione-monotone",
    "streamline-emojis",
    "noto-v1",
    "fxemoji",
)
HELD_OUT_SETS = ("openmoji",)
SIDE = 128  # pixels of a rendering
_NAMES = Path(__file__).with_name("names.tsv")


@dataclass(frozen=True, slots=True)
class Pictograms:
    """Renderings of named things.

    Attributes:
        pixels: RGBA (N, SIDE, SIDE, 4).
        places: Where the renderings of each noun phrase ("an apple") stand, names sorted.
    """

    pixels: np.ndarray[Any, Any]
    places: tuple[tuple[str, tuple[int, ...]], ...]

    def draw(self, rng: random.Random) -> tuple[Image.Image, str]:
        """A rendering of a random name, and the name."""
        name, places = rng.choice(self.places)
        return Image.fromarray(self.pixels[rng.choice(places)]), name


def read_names() -> dict[str, list[str]]:
    """The icons that show each thing, by the thing's noun phrase."""
    lines = _NAMES.read_text(encoding="utf-8").splitlines()
    return {phrase: icons.split() for phrase, icons in (line.split("\t") for line in lines)}


def load_pictograms(file: Path, sets: tuple[str, ...]) -> Pictograms:
    """The renderings of some sets.

    Raises:
        FileNotFoundError: If they were not rendered yet.
    """
    if not file.is_file():
        raise FileNotFoundError(f"There are no pictograms in {file}; README.md tells how to render them.")
    with np.load(file) as archive:
        wanted = np.isin(archive["sets"], sets)
        names = archive["names"][wanted].tolist()
        pixels = archive["pixels"][wanted]
    places = {name: tuple(place for place, other in enumerate(names) if other == name) for name in set(names)}
    return Pictograms(pixels, tuple(sorted(places.items())))


def render_sets(folder: Path, file: Path) -> None:
    """Render every named icon of every set into one file."""
    pixels, names, sets = [], [], []
    for icon_set in (*TRAIN_SETS, *HELD_OUT_SETS):
        data = json.loads((folder / icon_set / "icons.json").read_text(encoding="utf-8"))
        for phrase, icon, body in _named_bodies(data):
            rendering = _render(body, data)
            if rendering is None:
                print(f"{icon_set}: {icon} is empty")
                continue
            pixels.append(rendering)
            names.append(phrase)
            sets.append(icon_set)
    np.savez_compressed(file, pixels=np.stack(pixels), names=np.array(names), sets=np.array(sets))
    print(f"{len(names)} renderings of {len(set(names))} names in {len(set(sets))} sets")


def _named_bodies(data: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Phrase, icon name and SVG body of each icon that a set has of the named things."""
    # Sets spell names with and without hyphens.
    parents = {
        alias.replace("-", ""): entry["parent"].replace("-", "")
        for alias, entry in data.get("aliases", {}).items()
        if set(entry) <= {"parent", "hidden"}
    }
    bodies = {name.replace("-", ""): icon["body"] for name, icon in data["icons"].items()}
    found = []
    for phrase, icons in read_names().items():
        for icon in icons:
            plain = icon.replace("-", "")
            plain = plain if plain in bodies else parents.get(plain, plain)
            if plain in bodies:
                found.append((phrase, icon, bodies[plain]))
    return found


def _render(body: str, data: dict[str, Any]) -> np.ndarray[Any, Any] | None:
    """RGBA pixels of an icon, cut to its ink and set in a square; None if there is no ink."""
    width, height = data.get("width", 16), data.get("height", 16)
    picture = render_svg(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width} {height}" width="{SIDE}" height="{SIDE}">{body}</svg>',
        SIDE,
    )
    return None if picture is None else np.asarray(picture)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--icons", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    render_sets(arguments.icons, arguments.out)


if __name__ == "__main__":
    main()
