"""Identity of a model that lies in a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

_FILES = frozenset({".json", ".safetensors", ".bin", ".txt", ".model"})
_BLOCK_BYTES = 1 << 20


def hash_checkpoint(folder: Path) -> str:
    """Hash of all files in a folder that what a model does depends on."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _FILES and path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()
