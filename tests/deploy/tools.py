"""Programs that read the files of `deploy/`. Where one is missing, the test is skipped and says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
_PLACES = (str(Path(sys.executable).parent), "/usr/sbin", os.environ.get("PATH", os.defpath))


def program(name: str) -> str:
    """Where a program is; the test is skipped if it is nowhere."""
    found = shutil.which(name, path=os.pathsep.join(_PLACES))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def said_by(command: Sequence[str | Path]) -> str:
    """What a program prints; the test fails if it finds fault."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rendered(folder: Path) -> dict[str, dict[str, Any]]:
    """The objects that a folder of kustomize makes, by their kind."""
    found = yaml.safe_load_all(said_by([program("kubectl"), "kustomize", folder]))
    return {one["kind"]: one for one in found}


def seconds(written: str) -> float:
    """A time as nginx, HAProxy and compose write it."""
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0)):
        if written.endswith(unit):
            return float(written.removesuffix(unit)) * factor
    raise AssertionError(written)
