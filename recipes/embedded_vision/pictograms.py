"""Pictograms of named things, from several icon sets and fonts; one set is only ever measured.

`python -m embedded_vision.pictograms --icons DIR --out FILE` renders them once. DIR holds an unpacked
npm package `@iconify-json/SET` in a folder SET for each set, and `@fontsource/noto-emoji` in one of its name.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter, ImageFont, ImageOps

from embedded_vision.facts import bare
from embedded_vision.fonts import font
from embedded_vision.grounds import bright_color
from levelhead.illusion.pictures._svg import render_svg

_EMOJI_SETS = (
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
_THING_SETS = (
    "mdi",
    "hugeicons",
    "game-icons",
    "ph",
    "icon-park",
    "icon-park-solid",
    "lucide",
    "tabler",
    "boxicons",
    "fa6-solid",
    "iconoir",
    "solar",
    "mynaui",
    "streamline-color",
    "streamline-sharp-color",
    "streamline-plump-color",
    "streamline-kameleon-color",
    "streamline-ultimate-color",
    "flat-color-icons",
    "marketeq",
)
"""Icons of programs; each drawing of a thing that bears its very name, in some style, counts."""
_STYLES = ("", "-bold", "-duotone", "-fill", "-filled", "-solid", "-color", "-linear", "-flat", "-2")
_MEANT_OTHERWISE = ("mouse", "spade", "pin", "bug", "tie", "drop", "ram", "star", "wave", "cloud", "bath")
"""What such sets call by these names is another thing, or looks like any."""
_FONTS = {
    "noto-emoji": "noto-emoji/files/noto-emoji-emoji-400-normal.woff",
    "symbola": "Symbola_hint.ttf",
}
"""Fonts with a drawing of each emoji in one color: of the system, or in a folder of icons."""
TRAIN_SETS = (*_EMOJI_SETS, *_THING_SETS, *_FONTS)
HELD_OUT_SETS = ("openmoji",)
SIDE = 128  # pixels of a rendering
_EMOJI_SHARE = 0.6
_INK, _EDGE = 64, 40
"""From which opacity a pixel counts as drawn, from which change of a channel an edge counts as one."""
_WHITE_SHARE = 0.2
_UNDERLAY = (128, 90, 200)
"""A color that few pictograms have at their edges."""
_THIN_BELOW = 100
"""Pixels of a side from which on lines are thick."""
_NO_CHARACTER = "\U0010ffff"
_NAMES = Path(__file__).with_name("names.tsv")


@dataclass(frozen=True, slots=True)
class Pictograms:
    """Renderings of named things.

    Attributes:
        pixels: RGBA (N, SIDE, SIDE, 4).
        places: Where the renderings of each noun phrase ("an apple") stand, names sorted: those of emoji,
            and those of programs' icons.
    """

    pixels: np.ndarray[Any, Any]
    places: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]

    def draw(self, rng: random.Random) -> tuple[Image.Image, str]:
        """A rendering of a random name, and the name."""
        name, emoji, icons = rng.choice(self.places)
        # Of some names, programs have many drawings in black; emoji would get lost among them.
        is_emoji = rng.random() < _EMOJI_SHARE if emoji and icons else bool(emoji)
        return Image.fromarray(self.pixels[rng.choice(emoji if is_emoji else icons)]), name


def is_black(icon: Image.Image) -> bool:
    """Whether a pictogram is drawn in black alone."""
    return icon.convert("RGB").getextrema() == ((0, 0),) * 3


def painted(rng: random.Random, icon: Image.Image) -> Image.Image:
    """A pictogram of black lines, with colors in what they enclose, as in a coloring book.

    Args:
        rng: Draws the colors; some parts may stay white.
        icon: RGBA.
    """
    from scipy.ndimage import label

    parts, count = label(np.asarray(icon)[..., 3] < _INK)
    outside = {0, *np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])).tolist()}
    colors = [bright_color(rng) for _ in range(rng.randint(1, 3))]
    table = np.zeros((count + 1, 4), dtype=np.uint8)
    for number in range(count + 1):
        if number not in outside:
            color = (255, 255, 255) if rng.random() < _WHITE_SHARE else rng.choice(colors)
            table[number] = (*color, 255)
    # The color reaches under the lines, whose edges are half transparent.
    ground = Image.fromarray(table[parts]).filter(ImageFilter.MaxFilter(5))
    return Image.alpha_composite(ground, icon)


def outlined(icon: Image.Image) -> Image.Image:
    """A pictogram with black lines around it and where its colors meet.

    Args:
        icon: RGBA.
    """
    # Lines need room around what fills the square.
    icon = ImageOps.expand(icon, 3)
    flat = Image.new("RGB", icon.size, _UNDERLAY)
    flat.paste(icon, mask=icon)
    edges = (
        np.asarray(flat.filter(ImageFilter.GaussianBlur(1)).filter(ImageFilter.FIND_EDGES)).max(axis=2)
        > _EDGE
    )
    edges[[0, -1]] = edges[:, [0, -1]] = False  # the filter leaves the border as it was
    lines = Image.fromarray(edges.astype(np.uint8) * 255)
    if icon.width > _THIN_BELOW:
        lines = lines.filter(ImageFilter.MaxFilter(3))
    drawn = icon.copy()
    drawn.paste((0, 0, 0, 255), mask=lines)
    return drawn


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
        is_icon = np.isin(archive["sets"][wanted], _THING_SETS).tolist()
        pixels = archive["pixels"][wanted]
    emoji: dict[str, list[int]] = {name: [] for name in sorted(set(names))}
    icons: dict[str, list[int]] = {name: [] for name in emoji}
    for place, name in enumerate(names):
        (icons if is_icon[place] else emoji)[name].append(place)
    return Pictograms(pixels, tuple((name, tuple(emoji[name]), tuple(icons[name])) for name in emoji))


def render_sets(folder: Path, file: Path) -> None:
    """Render every named icon of every set into one file."""
    rendered = [
        (phrase, icon_set, pixels)
        for icon_set in (*TRAIN_SETS, *HELD_OUT_SETS)
        for phrase, pixels in _renderings(folder, icon_set)
        if pixels is not None
    ]
    phrases, sets, pixels = zip(*rendered, strict=True)
    np.savez_compressed(file, pixels=np.stack(pixels), names=np.array(phrases), sets=np.array(sets))
    print(f"{len(phrases)} renderings of {len(set(phrases))} names in {len(set(sets))} sets")


def _renderings(folder: Path, icon_set: str) -> Iterator[tuple[str, np.ndarray[Any, Any] | None]]:
    """Phrase and pixels of each icon that a set has of the named things."""
    if icon_set in _FONTS:
        characters = _emoji_characters(folder)
        name = _FONTS[icon_set]
        face = ImageFont.truetype(folder / name, SIDE) if "/" in name else font(name, SIDE)
        for phrase, icons in read_names().items():
            for icon in icons:
                yield phrase, _glyph(face, characters[icon]) if icon in characters else None
        return
    data = _read_json(folder / icon_set / "icons.json")
    wanted = _own_names() if icon_set in _THING_SETS else read_names()
    for phrase, body in _named_bodies(data, wanted):
        yield phrase, _render(body, data)


def _own_names() -> dict[str, list[str]]:
    """The names that an icon of each thing may have in a set of icons of programs."""
    return {
        phrase: [bare(phrase).lower().replace(" ", "-") + style for style in _STYLES]
        for phrase in read_names()
        if bare(phrase) not in _MEANT_OTHERWISE
    }


def _emoji_characters(folder: Path) -> dict[str, str]:
    """The character of each emoji, by the name of its icon; none that takes several."""
    return {
        name: chr(int(code, 16))
        for icon_set in ("twemoji", "noto")
        for code, name in _read_json(folder / icon_set / "chars.json").items()
        if "-" not in code
    }


def _read_json(file: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return data


def _named_bodies(data: dict[str, Any], wanted: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Phrase and SVG body of each icon of a set that has a wanted name."""
    # Sets spell names with and without hyphens.
    parents = {
        alias.replace("-", ""): entry["parent"].replace("-", "")
        for alias, entry in data.get("aliases", {}).items()
        if set(entry) <= {"parent", "hidden"}
    }
    bodies = {name.replace("-", ""): icon["body"] for name, icon in data["icons"].items()}
    found = []
    for phrase, icons in wanted.items():
        for icon in icons:
            plain = icon.replace("-", "")
            plain = plain if plain in bodies else parents.get(plain, plain)
            if plain in bodies:
                found.append((phrase, bodies[plain]))
    return found


def _glyph(face: ImageFont.FreeTypeFont, character: str) -> np.ndarray[Any, Any] | None:
    """RGBA pixels of a character in black, cut to its ink and set in a square; None if there is no ink."""
    mask = face.getmask(character, mode="L")
    box = mask.getbbox()
    if box is None or bytes(mask) == bytes(face.getmask(_NO_CHARACTER, mode="L")):
        return None
    ink = Image.frombytes("L", mask.size, bytes(mask)).crop(box)
    alpha = ImageOps.pad(ink, (SIDE, SIDE), color=0)
    picture = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    picture.putalpha(alpha)
    return np.asarray(picture)


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
