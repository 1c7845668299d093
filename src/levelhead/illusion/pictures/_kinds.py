"""The kinds of pictures by name, and the settings that some of them need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.illusion.pictures._diffusion import Diffusion, DiffusionSettings
from levelhead.illusion.pictures._folder import Photographs
from levelhead.illusion.pictures._images_api import ServedPictures, ServerSettings
from levelhead.illusion.pictures._kind import DrawnKind, PictureKind
from levelhead.illusion.pictures._pictogram import Pictogram
from levelhead.illusion.pictures._prompts import Prompts
from levelhead.illusion.pictures._scene import typographic_scene
from levelhead.illusion.pictures._typographic import typographic

KINDS = ("typographic", "typographic-scene", "pictogram", "diffusion", "api", "folder")
"""Names of all kinds; the first two draw any answer and need nothing else."""


@dataclass(frozen=True, slots=True)
class KindSettings:
    """What kinds need to know; each takes what is its own.

    Attributes:
        checkpoint: `diffusion`: folder or hub id of a pipeline.
        diffusion: `diffusion`: how it draws.
        server: `api`: as in `openai:MODEL@URL`.
        serving: `api`: how it is asked.
        photos: `folder`: where the photographs lie.
        license: `folder`: license of photographs whose table does not name one.
        prompts: `diffusion` and `api`: what is asked for.
    """

    checkpoint: str | None = None
    diffusion: DiffusionSettings = field(default_factory=DiffusionSettings)
    server: str | None = None
    serving: ServerSettings = field(default_factory=ServerSettings)
    photos: Path | None = None
    license: str = ""
    prompts: Prompts = field(default_factory=Prompts)


def make_kinds(names: Sequence[str], settings: KindSettings | None = None) -> list[PictureKind]:
    """Make kinds of pictures by name; a name that is given twice counts once.

    Raises:
        UsageError: If a name is unknown, none is given, or a kind lacks what it needs.
    """
    unknown = [name for name in names if name not in KINDS]
    if unknown or not names:
        raise UsageError(
            f"Unknown kinds of picture: {', '.join(unknown) or 'none given'}. Known are: {', '.join(KINDS)}."
        )
    return [_make(name, settings or KindSettings()) for name in dict.fromkeys(names)]


def _make(name: str, settings: KindSettings) -> PictureKind:
    match name:
        case "typographic":
            return DrawnKind(name, typographic)
        case "typographic-scene":
            return DrawnKind(name, typographic_scene)
        case "pictogram":
            return Pictogram()
        case "diffusion":
            checkpoint = _needed(settings.checkpoint, name, "--checkpoint with a folder or a hub id")
            return Diffusion(checkpoint, prompts=settings.prompts, settings=settings.diffusion)
        case "api":
            server = _needed(settings.server, name, "--server as in openai:MODEL@URL")
            return ServedPictures(server, prompts=settings.prompts, settings=settings.serving)
        case _:
            photos = _needed(settings.photos, name, "--photos with a folder that holds one for each answer")
            return Photographs(Path(photos), default_license=settings.license)


def _needed(value: str | Path | None, kind: str, what: str) -> str:
    if value is None:
        raise UsageError(f"The kind {kind} needs to know more: give {what}.")
    return str(value)
