"""Training pictures with what they show, each following from its seed and number alone."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from embedded_vision.facts import Facts, Nothing, Thing, Writing
from embedded_vision.grounds import SIDE, Color, any_color, ink_on, near, plain, varied, weathered
from embedded_vision.lettering import Box, Letter, write, write_line
from embedded_vision.pictograms import Pictograms, is_black, outlined, painted
from embedded_vision.scenes import SCENES
from embedded_vision.shapes import draw_shapes
from embedded_vision.words import WordList

KINDS = {"words": 0.5, "scene": 0.12, "pictogram": 0.2, "shapes": 0.13, "nothing": 0.05}
"""Shares of the kinds in training."""
_PAINTED, _OUTLINED = 0.5, 0.4
"""Shares of black pictograms that are colored, and of the others that get lines."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and what is to be said of it.

    Attributes:
        image: RGB, SIDE x SIDE.
        facts: What it shows.
        letters: Every letter on it, in reading order.
        icons: The name of each pictogram on it and the box that it fills.
    """

    image: Image.Image
    facts: Facts
    letters: list[Letter]
    icons: tuple[tuple[str, Box], ...] = ()


@dataclass(frozen=True, slots=True)
class Studio:
    """What pictures are made from.

    Attributes:
        words: Words to write.
        fonts: Names of font files.
        pictograms: Renderings to show.
        seed: All pictures follow from it and their number.
    """

    words: WordList
    fonts: tuple[str, ...]
    pictograms: Pictograms
    seed: int

    def picture(self, number: int, *, difficulty: float = 1.0, kind: str | None = None) -> Picture:
        """Draw a picture.

        Args:
            number: Which one.
            difficulty: From 0 (one short large word in the middle of a plain ground) to 1 (everything).
            kind: One of `KINDS`; by their shares if None.
        """
        rng = random.Random(f"{self.seed}/{number}")
        drawn_kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        drawing = {
            "words": self._words,
            "scene": self._scene,
            "pictogram": self._pictogram,
            "shapes": self._shapes,
            "nothing": self._nothing,
        }[kind or drawn_kind]
        picture = drawing(rng, difficulty)
        return replace(picture, image=weathered(rng, picture.image, difficulty))

    def mosaic(self, number: int, *, difficulty: float = 1.0) -> Picture:
        """Draw a picture that is full of pictograms, to learn them from. Its facts tell of the first one.

        Args:
            number: Which one.
            difficulty: From 0 (four of one size on a plain ground) to 1 (up to sixteen, everything).
        """
        rng = random.Random(f"{self.seed}/mosaic/{number}")
        first = any_color(rng)
        image = varied(rng, first, near(rng, first)) if rng.random() < difficulty else plain(first)
        across = rng.choices((2, 3, 4), (1, 2 * difficulty, difficulty))[0]
        cell = SIDE // across
        shown = []
        for place in range(across**2):
            icon, name = self.pictograms.draw(rng)
            side = round(cell * rng.uniform(0.95 - 0.2 * difficulty, 1.0 + 0.15 * difficulty))
            left, top = (
                round(cell * (at + rng.gauss(0, 0.08) * difficulty) + (cell - side) / 2)
                for at in (place % across, place // across)
            )
            icon = _altered(rng, icon.resize((side, side)), difficulty, first)
            image.paste(icon, (left, top), mask=icon)
            shown.append((name, (left, top, left + icon.width, top + icon.height)))
        return Picture(weathered(rng, image, difficulty), Thing(shown[0][0]), [], tuple(shown))

    def page(self, number: int, *, difficulty: float = 1.0) -> Picture:
        """Draw a picture that is full of words, some forty letters, to learn letters from.

        Args:
            number: Which one.
            difficulty: From 0 (upright letters of one size, black on white) to 1 (everything).
        """
        rng = random.Random(f"{self.seed}/page/{number}")
        first = any_color(rng) if rng.random() < difficulty else (255, 255, 255)
        second = near(rng, first)
        image = varied(rng, first, second) if rng.random() < difficulty else plain(first)
        ink = ink_on(rng, (first, second), least=120 - 60 * difficulty)
        pixels = round(rng.uniform(32 - 12 * difficulty, 36 + 20 * difficulty))
        face = rng.choice(self.fonts)
        top, left = rng.randint(-pixels // 3, pixels // 3), rng.randint(-pixels // 3, pixels // 3)
        letters: list[Letter] = []
        texts = []
        while top < SIDE:
            texts.append(self.words.phrase(rng, 3, 12))
            letters += write_line(
                image, texts[-1], left=left, top=top, font_name=face, pixels=pixels, ink=ink
            )
            top += round(pixels * rng.uniform(1.1, 1.2 + 0.4 * difficulty))
        return Picture(weathered(rng, image, difficulty), Writing(" ".join(texts)), letters)

    def paragraph(self, number: int, *, difficulty: float = 1.0) -> Picture:
        """Draw a plain picture of several words that are all on it, to learn reading.

        Args:
            number: Which one.
            difficulty: From 0 (at most two words) to 1 (up to eight).
        """
        rng = random.Random(f"{self.seed}/paragraph/{number}")
        count = rng.randint(1 + round(2 * difficulty), 2 + round(6 * difficulty))
        image, text = plain((255, 255, 255)), self.words.phrase(rng, count, 12)
        letters = write(
            image,
            text,
            box=(4, 4, SIDE - 4, SIDE - 4),
            font_name=rng.choice(self.fonts),
            pixels=round(rng.uniform(22, 40)),
            ink=(0, 0, 0),
            rng=rng,
        )
        return Picture(image, Writing(text), letters)

    def _text(self, rng: random.Random, difficulty: float) -> str:
        longest = round(5 + 7 * difficulty)
        count = rng.choices((1, 2, 3, 4), (6, 3 * difficulty, difficulty, difficulty / 2))[0]
        return self.words.phrase(rng, count, longest)

    def _words(self, rng: random.Random, difficulty: float) -> Picture:
        first = any_color(rng)
        second = near(rng, first)
        busy = rng.random() < difficulty
        image = varied(rng, first, second) if busy else plain(first)
        text = self._text(rng, difficulty)
        margin = rng.randint(4, 16)
        letters = write(
            image,
            text,
            box=(margin, margin, SIDE - margin, SIDE - margin),
            font_name=rng.choice(self.fonts),
            pixels=round(rng.uniform(40 - 16 * difficulty, 64)),
            ink=ink_on(rng, (first, second), least=120 - 60 * difficulty),
            rng=rng,
            jitter=difficulty,
            angle=rng.gauss(0, 5) * difficulty if rng.random() < 0.3 else 0.0,
        )
        return Picture(image, Writing(text), letters)

    def _scene(self, rng: random.Random, difficulty: float) -> Picture:
        scene = rng.choice(list(SCENES))
        first = any_color(rng)
        image = varied(rng, first, near(rng, first))
        surface, color = SCENES[scene](ImageDraw.Draw(image), rng)
        text = self._text(rng, min(difficulty, 0.7))
        letters = write(
            image,
            text,
            box=surface,
            font_name=rng.choice(self.fonts),
            pixels=rng.randint(22, 44),
            ink=ink_on(rng, (color,)),
            rng=rng,
            jitter=difficulty,
        )
        return Picture(image, Writing(text, scene), letters)

    def _pictogram(self, rng: random.Random, difficulty: float) -> Picture:
        icon, name = self.pictograms.draw(rng)
        side = round(rng.uniform(150 - 86 * difficulty, 184))
        first: Color = any_color(rng)
        icon = _altered(rng, icon.resize((side, side)), difficulty, first)
        image = varied(rng, first, near(rng, first)) if rng.random() < difficulty else plain(first)
        x, y = ((SIDE - side) * (0.5 + difficulty * (rng.random() - 0.5)) for _ in range(2))
        left, top = round(x), round(y)
        image.paste(icon, (left, top), mask=icon)
        box = (left, top, left + icon.width, top + icon.height)
        return Picture(image, Thing(name), [], ((name, box),))

    def _shapes(self, rng: random.Random, difficulty: float) -> Picture:
        first = rng.choice(((255, 255, 255), (255, 255, 255), (235, 235, 235), (20, 20, 20)))
        image = varied(rng, first, near(rng, first, 12)) if rng.random() < difficulty else plain(first)
        return Picture(image, draw_shapes(image, rng, most=1 + round(4 * difficulty)), [])

    def _nothing(self, rng: random.Random, difficulty: float) -> Picture:
        first = any_color(rng)
        image = varied(rng, first, near(rng, first, 60))
        draw = ImageDraw.Draw(image)
        for _ in range(rng.randint(0, 6) if rng.random() < difficulty else 0):
            line: Box = (rng.randrange(SIDE), rng.randrange(SIDE), rng.randrange(SIDE), rng.randrange(SIDE))
            draw.line(line, fill=any_color(rng), width=rng.randint(1, 6))
        return Picture(image, Nothing(), [])


def _altered(rng: random.Random, icon: Image.Image, difficulty: float, ground: Color) -> Image.Image:
    """A pictogram mirrored, turned, recolored, squeezed or in gray, so that a drawer's style counts less.

    Some of black lines are colored, and some in colors get lines: sets that have both are few. One that is
    all black gets a color that is seen on its ground.
    """
    if is_black(icon):
        icon = painted(rng, icon) if rng.random() < _PAINTED else icon
    elif rng.random() < _OUTLINED:
        icon = outlined(icon)
    if is_black(icon):
        alpha = icon.getchannel("A")
        icon = Image.new("RGBA", icon.size, ink_on(rng, (ground,)))
        icon.putalpha(alpha)
    if rng.random() < 0.5:
        icon = ImageOps.mirror(icon)
    if rng.random() < 0.5 * difficulty:
        icon = icon.rotate(rng.uniform(-20, 20), Image.Resampling.BILINEAR)
    if rng.random() < 0.3 * difficulty:
        narrow = round(icon.width * rng.uniform(0.75, 1.0))
        icon = icon.resize((narrow, icon.height) if rng.random() < 0.5 else (icon.width, narrow))
    alpha = icon.getchannel("A")
    flat = icon.convert("RGB")
    if rng.random() < 0.5 * difficulty:
        flat = ImageEnhance.Color(flat).enhance(rng.choice((0.0, 0.4, 0.7, 1.4)))
        flat = ImageEnhance.Brightness(flat).enhance(rng.uniform(0.7, 1.3))
        flat = ImageEnhance.Contrast(flat).enhance(rng.uniform(0.7, 1.3))
    if rng.random() < 0.3 * difficulty:
        red, green, blue = flat.split()
        # Swapped channels change the hue and keep the drawing.
        flat = Image.merge("RGB", rng.sample((red, green, blue), 3))
    flat.putalpha(alpha)
    return flat
