"""What a run folder says about itself: who was asked, what, how, and with which software."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from levelhead._version import __version__
from levelhead.errors import RunFolderError
from levelhead.models import Model
from levelhead.running._json import cannot, json_text

_LIBRARIES = (
    "numpy",
    "pillow",
    "torch",
    "transformers",
    "accelerate",
    "trl",
    "peft",
    "datasets",
    "rapidocr",
    "onnxruntime",
    "openai",
)


class ModelFacts(BaseModel):
    """Which model answered. Only the fingerprint decides whether a run can go on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    fingerprint: str
    details: dict[str, JsonValue] = {}

    def __str__(self) -> str:
        return f"{self.name} (fingerprint {self.fingerprint[:12]})"


class DataFacts(BaseModel):
    """Which examples were asked. Only the hash decides whether a run can go on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hash: str
    path: str | None = None


class Manifest(BaseModel):
    """The content of `manifest.json`.

    Attributes:
        schema_version: Version of this form; `schema` in the file.
        model: Which model answered.
        data: Which examples were asked.
        settings: Whatever else determines the answers: sampling, prompt variant, seeds ...
        versions: Of Levelhead, Python and the libraries, at the latest start.
        earlier_versions: Those of earlier starts of this run that had others.
        command: The command line of the latest start.
        created: When the run was first started.
        finished: When its summary was written; None before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = Field(1, alias="schema")
    model: ModelFacts
    data: DataFacts
    settings: dict[str, JsonValue]
    versions: dict[str, str]
    earlier_versions: list[dict[str, str]] = []
    command: list[str]
    created: AwareDatetime
    finished: AwareDatetime | None = None

    @classmethod
    def describe(
        cls, model: Model, *, data_hash: str, settings: Mapping[str, object], data_path: Path | None = None
    ) -> Self:
        """The manifest of a run that starts now in this process.

        Args:
            model: The model that is asked.
            data_hash: Identity of the examples and their pictures.
            settings: What else determines the answers, as plain data.
            data_path: Where the examples lie.
        """
        return cls(
            model=ModelFacts(name=model.name, fingerprint=model.fingerprint, details=dict(model.details)),
            data=DataFacts(hash=data_hash, path=str(data_path) if data_path else None),
            # By way of JSON, so that a tuple equals the list that is read back.
            settings=json.loads(json_text(dict(settings))),
            versions=installed_versions(),
            command=list(sys.argv),
            created=datetime.now(UTC),
        )

    def data_of(self, suite: str) -> str:
        """Hash of what one suite asked: its own where the run has several parts, else that of the run."""
        parts = self.settings.get("parts")
        part = parts.get(suite) if isinstance(parts, dict) else None
        return str(part["data"]) if isinstance(part, dict) else self.data.hash

    def resuming(self, earlier: Manifest) -> Manifest:
        """This manifest as that of a run which `earlier` began."""
        versions = earlier.earlier_versions
        if earlier.versions != self.versions and earlier.versions not in versions:
            versions = [*versions, earlier.versions]
        return self.model_copy(update={"created": earlier.created, "earlier_versions": versions})

    def differences(self, other: Manifest) -> list[str]:
        """What would give other answers with `other`, each as ``name: here -> there``; else empty."""
        here, there = self._determining(), other._determining()
        found = [
            f"{name}: {here.get(name, 'not set')} -> {there.get(name, 'not set')}"
            for name in dict.fromkeys([*here, *there])
            if here.get(name) != there.get(name)
        ]
        if self.model.fingerprint != other.model.fingerprint:
            found.insert(0, f"model: {self.model} -> {other.model}")
        return found

    def _determining(self) -> dict[str, str]:
        """All that determines answers, apart from the model."""
        return {"data": self.data.hash} | dict(_flat("settings", self.settings))

    def to_text(self) -> str:
        """The text of `manifest.json`."""
        return json_text(self.model_dump(mode="json", by_alias=True), indent=2) + "\n"


def read_manifest(path: Path) -> Manifest:
    """Read a `manifest.json`.

    Raises:
        RunFolderError: If it cannot be read or does not have the form of a manifest.
    """
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise cannot("read", path, error) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file as a whole"
        raise RunFolderError(
            f"{path} is damaged or not a manifest of this version of Levelhead ({place}: {first['msg']}). "
            "Nothing was changed. Move the folder away or give another --out."
        ) from error


def installed_versions() -> dict[str, str]:
    """Versions of Levelhead, Python, the platform and the installed libraries, none of which is imported."""
    versions = {
        "levelhead": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    installed = {name: _installed_version(name) for name in _LIBRARIES}
    return versions | {name: version for name, version in installed.items() if version is not None}


def _installed_version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _flat(name: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    """The leaves of nested settings, each under its dotted name."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    else:
        yield name, json_text(value)
