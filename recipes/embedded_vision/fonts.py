"""Fonts: which ones the tower learns from, and which are kept for measuring.

Whole families are held out, never single weights of one. All come from packages whose licenses allow
redistribution (README.md); no font file is copied anywhere.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

# The illusion bank is drawn with fonts of these packages.
_PYTHON_PACKAGES = (
    "font_amatic_sc",
    "font_caladea",
    "font_fredoka_one",
    "font_hanken_grotesk",
    "font_lato",
    "font_manrope",
)
_SYSTEM_FOLDER = Path("/usr/share/fonts")

TRAIN_FONTS = (
    "AmaticSC-Bold.ttf",
    "Caladea-Regular.ttf",
    "Caladea-Bold.ttf",
    "Caladea-Italic.ttf",
    "FredokaOne-Regular.ttf",
    "HankenGrotesk-Regular.otf",
    "HankenGrotesk-SemiBold.otf",
    "HankenGrotesk-Bold.otf",
    "Lato-Regular.ttf",
    "Lato-Bold.ttf",
    "Lato-Black.ttf",
    "Lato-Italic.ttf",
    "Manrope-Regular.ttf",
    "Manrope-Bold.ttf",
    "Manrope-ExtraBold.ttf",
    "AveriaSansGWF-Regular.ttf",
    "AveriaSansGWF-Bold.ttf",
    "YanoneKaffeesatz-Regular.otf",
    "YanoneKaffeesatz-Bold.otf",
    "Andika-Regular.ttf",
    "Andika-Bold.ttf",
    "FreeMonoBold.ttf",
    "FreeSans.ttf",
    "FreeSansBoldOblique.ttf",
    "FreeSerif.ttf",
    "FreeSerifBold.ttf",
    "Hack-Regular.ttf",
    "Hack-Bold.ttf",
    "Roboto-Regular.ttf",
    "Roboto-Bold.ttf",
    "Roboto-Light.ttf",
    "Roboto-BlackItalic.ttf",
    "Go-Regular.ttf",
    "Go-Bold.ttf",
    "Go-Mono.ttf",
    "Jura-Medium.otf",
    "Jura-Bold.otf",
    "Breip.ttf",
    "LinBiolinum_R.otf",
    "LinBiolinum_RB.otf",
    "LinLibertine_R.otf",
    "LinLibertine_RB.otf",
    "LinLibertine_RI.otf",
    "LiberationMono-Bold.ttf",
    "LiberationSans-Regular.ttf",
    "LiberationSans-Bold.ttf",
    "LiberationSans-Italic.ttf",
    "LiberationSerif-Regular.ttf",
    "LiberationSerif-BoldItalic.ttf",
    "Comfortaa-Regular.ttf",
    "Comfortaa-Bold.ttf",
    "Arapey-Regular.otf",
    "Arapey-Black.otf",
    "FiraCode-Regular.ttf",
    "FiraCode-Bold.ttf",
    "Gentium-R.ttf",
    "Gentium-I.ttf",
    "GoudyBookletter1911.otf",
    "DancingScript-Bold.otf",
    "Dosis-Medium.otf",
    "Dosis-Bold.otf",
    "B612-Regular.otf",
    "B612-Bold.otf",
    "Quicksand-Medium.ttf",
    "Quicksand-Bold.ttf",
    "Oxygen-Sans.ttf",
    "Oxygen-Sans-Bold.ttf",
    "Humor-Sans.ttf",
    "lobster.otf",
    "BebasNeue-Regular.otf",
    "NimbusMonoPS-Bold.otf",
    "NimbusRoman-Italic.otf",
    "Tuffy.ttf",
    "Tuffy_Bold.ttf",
    "PTF55F.ttf",
    "PTF75F.ttf",
    "PTS55F.ttf",
    "PTS75F.ttf",
    "PTN77F.ttf",
    "EBGaramond12-Regular.otf",
    "EBGaramond12-Bold.otf",
    "RobotoSlab-Regular.otf",
    "RobotoSlab-Bold.otf",
    "Inter-Regular.otf",
    "Inter-Bold.otf",
    "Inter-ExtraBoldItalic.otf",
    "LeagueSpartan-Bold.otf",
    "Cabin-Regular.otf",
    "Cabin-Bold.otf",
    "Cabin-Italic.otf",
    "C059-Roman.otf",
    "C059-BdIta.otf",
    "NimbusSans-Bold.otf",
    "P052-Roman.otf",
    "URWBookman-Demi.otf",
    "URWGothic-Book.otf",
    "Z003-MediumItalic.otf",
)
HELD_OUT_FONTS = (
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSerif.ttf",
    "OpenSans-Regular.ttf",
    "OpenSans-Bold.ttf",
    "OpenSans-Italic.ttf",
    "ComicNeue-Regular.otf",
    "ComicNeue-Bold.otf",
    "Karla-Regular.otf",
    "Karla-Bold.otf",
    "Vollkorn-Regular.ttf",
    "Vollkorn-Bold.ttf",
    "CharisSIL-Regular.ttf",
    "Carlito-Regular.ttf",
    "Carlito-Bold.ttf",
    "Cantarell-Bold.otf",
)


@lru_cache
def font_paths() -> dict[str, Path]:
    """Every font file of the packages, by its name."""
    folders = [_SYSTEM_FOLDER]
    for package in _PYTHON_PACKAGES:
        spec = find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            folders.append(Path(next(iter(spec.submodule_search_locations))) / "files")
    return {
        path.name: path for folder in folders for path in sorted(folder.rglob("*.[ot]tf")) if path.is_file()
    }


def missing_fonts() -> list[str]:
    """Names of the fonts that are not installed."""
    return [name for name in (*TRAIN_FONTS, *HELD_OUT_FONTS) if name not in font_paths()]


@lru_cache(maxsize=4096)
def font(name: str, pixels: int) -> ImageFont.FreeTypeFont:
    """A font at a size.

    Raises:
        FileNotFoundError: If it is not installed.
    """
    if name not in font_paths():
        raise FileNotFoundError(f"The font {name} is not installed. README.md has the command.")
    return ImageFont.truetype(font_paths()[name], pixels, layout_engine=ImageFont.Layout.BASIC)
