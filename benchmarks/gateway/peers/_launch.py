"""How a guard is started, or why it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

Tier: TypeAlias = Literal["T0", "T1", "T2", "T3"]

KEY = "sk-a-key-for-this-machine-only-4f0c2b9e7d"
APPS = Path(__file__).parents[1] / "apps"
"""Code that runs inside the other guards."""


@dataclass(frozen=True)
class Setting:
    """What a guard is set up for.

    Attributes:
        tier: What it is to look at.
        environments: Folder of the virtual environments.
        folder: For its config; its own.
        upstream: Base address of the model server, with /v1.
        port: Where it is to listen, on 127.0.0.1.
        detector: Name of the detector of T2, as `load_detector` takes it; None if there is none.
    """

    tier: Tier
    environments: Path
    folder: Path
    upstream: str
    port: int
    detector: str | None


@dataclass(frozen=True)
class Launch:
    """A guard that can be started.

    Attributes:
        command: What is run.
        environ: Variables on top of those of this process.
        notes: What a reader of the figures must know of its settings.
    """

    command: Sequence[str | Path]
    environ: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""


@dataclass(frozen=True)
class Skipped:
    """A guard that has no figures at a tier."""

    reason: str


NO_PICTURES = Skipped("It hands pictures on without looking at them, so there is nothing to measure.")
NO_DETECTOR = Skipped("No detector was given (--detector FOLDER).")
