"""`detector.json`: what stands beside the weights of a detector and is checked before they are used."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from levelhead.errors import ModelError, UsageError
from levelhead.guard.detector._format import TextFormat

DETECTOR_FILE = "detector.json"


class SavedFormat(BaseModel):
    """A `TextFormat` as it is saved."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    question: bool
    picture_text: bool

    def restore(self) -> TextFormat:
        """The format.

        Raises:
            UsageError: If this release writes another version.
        """
        return TextFormat(self.version, self.question, self.picture_text)


class SavedDetector(BaseModel):
    """What a trained detector needs besides its weights.

    Attributes:
        schema_version: Of this file.
        kind: Which class serves it.
        format: What of a pair it reads, and in which wording.
        window: Longest row, in tokens.
        head_share: Largest share of a window that a long question takes.
        high_means: What a high logit says: harm, or (the paper's detectors) that the answer is safe.
        categories: Kinds of harm that it tells apart, in the order of the further logits; may be empty.
        base_hash: Of an adapter: hash of the weights that it was made on.
        files: SHA-256 of each file that the scores depend on, by its name in the folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    kind: Literal["encoder", "llm"]
    format: SavedFormat
    window: Annotated[int, Field(ge=16)]
    head_share: Annotated[float, Field(gt=0, lt=1)] = 0.25
    high_means: Literal["harm", "safe"] = "harm"
    categories: list[str] = []
    base_hash: str | None = None
    files: dict[str, str]

    @classmethod
    def read(cls, folder: Path, *, kind: str) -> Self:
        """Read the file of a folder and check every other file against it.

        Raises:
            UsageError: If there is no such folder or file, or it holds a detector of another kind.
            ModelError: If a file is missing or damaged.
        """
        path = folder / DETECTOR_FILE
        try:
            saved = cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise UsageError(
                f"There is no detector in {folder}: {DETECTOR_FILE} cannot be read ({error.strerror}). Give "
                "a folder that training wrote."
            ) from error
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            raise ModelError(
                f"{path} is damaged or of another release ({'.'.join(map(str, first['loc']))}: "
                f"{first['msg']}). Copy or train the detector again."
            ) from error
        if saved.kind != kind:
            raise UsageError(
                f"{folder} holds a detector of the kind {saved.kind}. Name it {saved.kind}:{folder}"
            )
        saved._check_files(folder)
        return saved

    def fingerprint(self) -> str:
        """Identity of weights and settings: the file names the hashes of all others."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def _check_files(self, folder: Path) -> None:
        for name, expected in self.files.items():
            if Path(name).name != name:
                raise ModelError(f"{folder / DETECTOR_FILE} names a file outside of its folder: {name!r}.")
            if not (folder / name).is_file():
                raise ModelError(f"The detector in {folder} lacks its file {name}. Copy or train it again.")
            if file_hash(folder / name) != expected:
                raise ModelError(
                    f"The file {name} of the detector in {folder} is not the one that was saved: its hash "
                    "differs. It is damaged or was replaced. Copy or train the detector again."
                )


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
