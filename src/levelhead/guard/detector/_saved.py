"""`detector.json`: what stands beside the weights of a detector and is checked before they are used."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

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


class SavedProbe(BaseModel):
    """What a probe reads.

    Attributes:
        base: Name of the model that it reads: `embedded`, a folder, or a hub id.
        layer: After which layer, from 1.
        pooling: What becomes of the states: the mean over the tokens of the answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str
    layer: Annotated[int, Field(ge=1)]
    pooling: Literal["answer-mean"] = "answer-mean"


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
        base_hash: Of an adapter or a probe: hash of the weights that it was made on.
        probe: Of a probe alone: what it reads.
        files: SHA-256 of each file that the scores depend on, by its name in the folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    kind: Literal["encoder", "llm", "probe"]
    format: SavedFormat
    window: Annotated[int, Field(ge=16)]
    head_share: Annotated[float, Field(gt=0, lt=1)] = 0.25
    high_means: Literal["harm", "safe"] = "harm"
    categories: list[str] = []
    base_hash: str | None = None
    probe: SavedProbe | None = None
    files: dict[str, str]

    @model_validator(mode="after")
    def _require_probe(self) -> Self:
        if (self.kind == "probe") != (self.probe is not None):
            raise ValueError("a detector of the kind probe says what it reads, and no other does")
        return self

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
                f"{path} is damaged or of another release ({'.'.join(map(str, first['loc'])) or 'kind'}: "
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
        # Detectors and their calibrations are older than probes: what they lack must not change their hash.
        written = self.model_dump_json(exclude={"probe"} if self.probe is None else None)
        return hashlib.sha256(written.encode()).hexdigest()

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
