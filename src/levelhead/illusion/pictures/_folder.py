"""The user's own photographs: a folder for each answer, and a table that says where they come from."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageOps

from levelhead.errors import ImageError, UsageError
from levelhead.illusion.pictures._kind import Order, Outcome, Picture, PictureKind, blank_photo, encode_photo
from levelhead.records import Image

SOURCES = "sources.csv"
"""Table beside the folders: columns `file` (relative, with forward slashes), `license`, `source`."""
BLANK = "blank"
"""Folder of photographs that have to do with no question; without it a plain ground stands for them."""
_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
_MAX_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Origin:
    license: str = ""
    source: str = ""


class Photographs(PictureKind):
    """Photographs from a folder. Where an answer has several, the seed chooses one.

    Args:
        root: `root/ANSWER/` holds the photographs of an answer; case, accents' encoding and underscores in
            its name do not matter.
        default_license: License of those that `sources.csv` does not name.

    Raises:
        UsageError: If there is no such folder, it holds no photograph, or `sources.csv` is malformed.
    """

    name = "folder"
    suffix = ".jpg"

    def __init__(self, root: Path, *, default_license: str = "") -> None:
        if not root.is_dir():
            raise UsageError(f"There is no folder {root}. Give one that holds a folder for each answer.")
        self._root = root
        self._origins = _read_sources(root)
        self._unnamed = _Origin(default_license)
        self._photos: dict[str, list[Path]] = {}
        for folder in sorted(path for path in root.iterdir() if path.is_dir()):
            photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS)
            if photos:
                self._photos.setdefault(_plain(folder.name), []).extend(photos)
        if not self._photos:
            raise UsageError(
                f"{root} holds no folder with photographs. Make one for each answer ({root}/lion/1.jpg); "
                f"known endings are {', '.join(sorted(_ENDINGS))}."
            )

    @property
    def identity(self) -> str:
        return f"{self.name}/{self._root}"

    def lacks(self, answer: str, category: str) -> bool:
        return bool(answer) and _plain(answer) not in self._photos

    def draw(self, orders: Sequence[Order]) -> Iterator[tuple[int, Outcome]]:
        for index, order in enumerate(orders):
            photos = self._photos.get(_plain(order.answer or BLANK))
            yield index, self._read(photos[order.seed % len(photos)]) if photos else blank_photo(order.seed)

    def _read(self, path: Path) -> Outcome:
        try:
            # Cameras store how they were held; without turning, a fourth of the photographs lies on its side.
            photo = ImageOps.exif_transpose(Image(path=path).decode())
        except ImageError as error:
            return error
        origin = self._origins.get(path.relative_to(self._root).as_posix(), self._unnamed)
        return Picture(encode_photo(photo), origin.license, origin.source)


def _plain(name: str) -> str:
    """A name as folders and answers are compared."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().replace("_", " ").split())


def _read_sources(root: Path) -> dict[str, _Origin]:
    """Where photographs come from, by their path below the root."""
    table = root / SOURCES
    if not table.is_file():
        return {}
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            missing = {"file", "license", "source"} - set(lines.fieldnames or ())
            if missing:
                raise UsageError(
                    f"{table} lacks the columns {', '.join(sorted(missing))}. Its first line must name file, "
                    "license and source."
                )
            rows = {
                line["file"].strip(): _Origin((line["license"] or "").strip(), (line["source"] or "").strip())
                for line in lines
            }
    except UnicodeDecodeError as error:
        raise UsageError(f"{table} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    strays = sorted(name for name in rows if not (root / name).is_file())
    if strays:
        more = f" and {len(strays) - _MAX_SHOWN} more" if len(strays) > _MAX_SHOWN else ""
        raise UsageError(
            f"{table} names photographs that are not there: {', '.join(strays[:_MAX_SHOWN])}{more}. Write "
            "them relative to the folder, as in lion/1.jpg."
        )
    return rows
