"""Each guard into a virtual environment of its own, at a fixed version; what does not install says why."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORD = "installed.json"
REQUIREMENTS: Mapping[str, tuple[Sequence[str], str]] = {
    "levelhead": ([f"{ROOT}[serve]"], "levelhead"),
    "levelhead-ocr": ([f"{ROOT}[serve,ocr]"], "levelhead"),
    "nemo": (["nemoguardrails[server]==0.24.1"], "nemoguardrails"),
    "litellm": (["litellm[proxy]==1.106.2"], "litellm"),
    "llm-guard": (["llm-guard==0.3.16", "torch==2.13.0", "starlette", "uvicorn", "httpx"], "llm-guard"),
}
"""By environment: what pip is given, and the distribution whose version counts."""
_NOT_OURS = ("nemo", "litellm", "llm-guard")
_DETECTOR = f"{ROOT}[guard]"
"""What an environment needs for T2 to run our detector inside another guard."""
_LAST_WORDS = 400


@dataclass(frozen=True)
class Installed:
    """What became of one environment.

    Attributes:
        version: Of the guard; None if it is not there.
        megabytes: What the installation added to an empty environment, in 10^6 bytes.
        seconds: How long it took.
        failure: Why it is not there; None if it is.
        detector_failure: Why our detector cannot run in it; None if it can.
    """

    version: str | None
    megabytes: float | None
    seconds: float
    failure: str | None = None
    detector_failure: str | None = None


def python_of(folder: Path, name: str) -> Path:
    """The interpreter of an environment."""
    return folder / name / "bin" / "python"


def install(folder: Path, names: Sequence[str] = tuple(REQUIREMENTS)) -> None:
    """Make environments from nothing, and write what became of them beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    record = read_record(folder) if (folder / RECORD).is_file() else {}
    for name in names:
        print(f"{name} ...", flush=True)
        record[name] = _install_one(folder, name)
        written = {one: asdict(found) for one, found in record.items()}
        (folder / RECORD).write_text(json.dumps(written, indent=2) + "\n")
        print(f"{name}: {record[name].failure or record[name].version}")


def read_record(folder: Path) -> dict[str, Installed]:
    """What `install` wrote.

    Raises:
        FileNotFoundError: If it was not run for this folder.
    """
    written = json.loads((folder / RECORD).read_text())
    return {name: Installed(**fields) for name, fields in written.items()}


def _install_one(folder: Path, name: str) -> Installed:
    requirements, distribution = REQUIREMENTS[name]
    shutil.rmtree(folder / name, ignore_errors=True)
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
    empty = _bytes_in(folder / name)
    failure = _pip(folder, name, requirements)
    seconds = round(time.monotonic() - began, 1)
    if failure is not None:
        return Installed(None, None, seconds, failure)
    megabytes = round((_bytes_in(folder / name) - empty) / 1e6, 1)
    asked = f"import importlib.metadata as m; print(m.version({distribution!r}))"
    version = subprocess.run(
        [str(python_of(folder, name)), "-c", asked], capture_output=True, text=True, check=True
    ).stdout.strip()
    # After the size was taken: it is no part of that guard.
    detector_failure = _pip(folder, name, [_DETECTOR]) if name in _NOT_OURS else None
    return Installed(version, megabytes, seconds, None, detector_failure)


def _pip(folder: Path, name: str, requirements: Sequence[str]) -> str | None:
    """Install; returns what pip says last if it cannot."""
    command: list[str | Path] = [python_of(folder, name), "-m", "pip", "install", "--quiet", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip()[-_LAST_WORDS:] if done.returncode else None


def _bytes_in(folder: Path) -> int:
    return sum(one.lstat().st_size for one in folder.rglob("*") if not one.is_dir())
