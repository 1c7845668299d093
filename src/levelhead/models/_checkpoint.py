"""A transformers checkpoint, of text or of pictures too: finding, naming, precision."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levelhead.errors import MissingExtraError, UsageError
from levelhead.records import JSONValue

TUNING_FILE = "tuning.json"
"""Stands beside weights that Levelhead tuned, and says how."""
PICTURE_ADAPTER = "pictures"
"""Folder inside of a checkpoint's, of an adapter that works for rows with a picture only."""
_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".json", ".jinja", ".model", ".txt")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A transformers checkpoint, located and described, its weights not loaded yet.

    Attributes:
        name: What the user called it.
        location: Folder or hub id that transformers loads from.
        config: Its transformers configuration.
        dtype: `float32` or `bfloat16`.
        device: `cpu`, `cuda` or `mps`.
        exact: Whether prompts are asked one at a time.
        adapters: Folders of low-rank adapters that are merged into the weights, in this order.
    """

    name: str
    location: str
    config: Any
    dtype: str
    device: str
    exact: bool
    adapters: tuple[Path, ...] = ()

    @property
    def is_vision(self) -> bool:
        """Whether the checkpoint takes pictures."""
        from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

        return self.config.model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    def fingerprint(self) -> str:
        """Hash of all that answers depend on: weights, tokenizer, template, precision."""
        digest = hashlib.sha256(f"{self.dtype}/{self.exact}".encode())
        for folder in self._all_folders(self.adapters):
            _add_files(digest, folder)
        return digest.hexdigest()

    def weights_hash(self, adapters: int | None = None) -> str:
        """Hash of the weights alone: what an adapter is made for. Settings may be saved anew around them.

        Args:
            adapters: How many of the adapters count; None for all.
        """
        digest = hashlib.sha256()
        for folder in self._all_folders(self.adapters[:adapters]):
            _add_files(digest, folder, (".safetensors", ".bin"))
        return digest.hexdigest()

    def folder(self) -> Path:
        """Where the files lie on this machine."""
        from transformers.utils import cached_file

        folder = Path(self.location)
        return folder if folder.is_dir() else Path(cached_file(self.location, "config.json")).parent

    def picture_adapter(self) -> Path | None:
        """Folder of the adapter that rows with a picture are read through, if the checkpoint has one."""
        folder = self.folder() / PICTURE_ADAPTER
        return folder if (folder / "adapter_config.json").is_file() else None

    def _all_folders(self, adapters: tuple[Path, ...]) -> tuple[Path, ...]:
        own = self.picture_adapter()
        return (self.folder(), *([] if own is None else [own]), *adapters)

    def details(self) -> dict[str, JSONValue]:
        """Facts for the manifest."""
        import torch
        import transformers

        tuned = (Path(self.location), *self.adapters)[-1] / TUNING_FILE
        return {
            **({"adapters": "+".join(map(str, self.adapters))} if self.adapters else {}),
            **({"tuning": str(tuned)} if tuned.is_file() else {}),
            "architecture": (self.config.architectures or [self.config.model_type])[0],
            "device": self.device,
            "dtype": self.dtype,
            "exact": self.exact,
            "torch": torch.__version__,
            "torch_threads": torch.get_num_threads(),
            "transformers": transformers.__version__,
        }


def locate(
    name: str,
    location: str,
    *,
    dtype: str,
    exact: bool,
    threads: int | None,
    adapters: tuple[Path, ...] = (),
) -> Checkpoint:
    """Find a checkpoint and settle how it will run.

    Raises:
        MissingExtraError: If torch or transformers is not installed.
        UsageError: If there is no checkpoint at this place, or settings contradict each other.
    """
    # Threads that wait must sleep, not spin: on cores with other work, spinning ones make a step several
    # times slower. OpenMP reads this when torch is loaded; a value that the user has set stays.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtraError("Local models", extra="local", module=error.name or "torch") from error
    if exact and dtype == "bfloat16":
        raise UsageError("Exact mode computes in float32; leave out the dtype bfloat16.")
    if threads is not None:
        torch.set_num_threads(threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        config = transformers.AutoConfig.from_pretrained(location)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(
            f"No transformers checkpoint can be loaded from {location!r}: {reason} Give a folder with a "
            "config.json, or "
            "the id of a hub model (hf:OWNER/NAME)."
        ) from error
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if exact:
        dtype = "float32"
    elif dtype == "auto":
        dtype = "bfloat16" if device == "cuda" or cpu_computes_bfloat16() else "float32"
    return Checkpoint(name, location, config, dtype, device, exact, adapters)


def cpu_computes_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware; else it is much slower than float32."""
    flags = Path("/proc/cpuinfo")
    return flags.is_file() and any(flag in flags.read_text() for flag in ("avx512_bf16", "amx_bf16"))


def _add_files(digest: hashlib._Hash, folder: Path, suffixes: tuple[str, ...] = _WEIGHT_SUFFIXES) -> None:
    """Add the names and contents of the files in a folder that answers depend on."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in suffixes and path.name != TUNING_FILE:
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
