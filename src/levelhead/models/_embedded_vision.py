"""The embedded vision model: eyes of our own on the embedded language model.

A folder of eyes holds `eyes.safetensors` (vision tower and projector, fp16), the `config.json` of the whole
model, `processor_config.json`, `chat_template.jinja` and, if the language model needs it to read what the
eyes say, the folder `pictures` with an adapter for rows with a picture. Weights of the language model and
its tokenizer come from the embedded checkpoint. The two are put together once, in the user's cache, to a
plain `LlavaForConditionalGeneration` checkpoint. `recipes/embedded_vision` trains eyes.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from levelhead.errors import MissingExtraError, UsageError
from levelhead.models._checkpoint import PICTURE_ADAPTER
from levelhead.models._embedded_cache import build_once
from levelhead.user_cache import cache_folder

EYES_FILE = "eyes.safetensors"
PROCESSOR_FILES = ("processor_config.json", "chat_template.jinja")
_FILES = (EYES_FILE, "config.json", *PROCESSOR_FILES)
_SHIPPED = Path(__file__).with_name("eyes")
_ASSEMBLY = 3
"""Raised when the assembly changes, so that an old folder in a cache is not taken for a new one."""


def shipped_eyes() -> Path:
    """The folder of eyes that comes with the package.

    Raises:
        UsageError: If none does.
    """
    if not _SHIPPED.is_dir():
        raise UsageError(
            "The eyes of embedded-vision do not come with this version. Train them with the recipe in "
            "recipes/embedded_vision of the repository and name the folder that its export writes "
            "(embedded-vision:FOLDER), or take embedded+ocr, which reads the text in pictures."
        )
    return _SHIPPED


def embedded_vision_checkpoint(eyes: Path | None = None) -> Path:
    """The embedded vision model as a transformers checkpoint; put together on first use, in seconds.

    Args:
        eyes: Folder of eyes; None for those that come with the package.

    Raises:
        UsageError: If there are no eyes, or the weights of the language model are not installed.
        ModelError: If the cache cannot be written.
    """
    from levelhead.models._embedded import embedded_checkpoint

    eyes = shipped_eyes() if eyes is None else eyes
    missing = [name for name in _FILES if not (eyes / name).is_file()]
    if missing:
        raise UsageError(
            f"The folder {eyes} holds no eyes of embedded-vision: {', '.join(missing)} is missing. Give the "
            "folder that the export of recipes/embedded_vision wrote."
        )
    text = embedded_checkpoint()
    digest = hashlib.sha256(text.name.encode())
    for name in (*_FILES, *_adapter_files(eyes)):
        digest.update((eyes / name).read_bytes())
    target = cache_folder() / "embedded-vision" / f"{digest.hexdigest()[:16]}-{_ASSEMBLY}"
    build_once(
        target,
        lambda folder: assemble(eyes, text, folder),
        what="The embedded vision model",
        announcement="Putting eyes and language model together, once; about 10 s ...",
        megabytes=560,
    )
    return target


def _adapter_files(eyes: Path) -> list[str]:
    """The files of the adapter for rows with a picture, if the eyes come with one."""
    return sorted(f"{PICTURE_ADAPTER}/{path.name}" for path in (eyes / PICTURE_ADAPTER).glob("adapter_*"))


def assemble(eyes: Path, text: Path, target: Path) -> None:
    """Write the whole checkpoint.

    Args:
        eyes: Folder of eyes.
        text: Folder of the embedded checkpoint.
        target: Folder to write to.

    Raises:
        MissingExtraError: If torch or transformers is not installed.
        UsageError: If the eyes were made for another language model, or weights are missing.
    """
    try:
        import torch
        from safetensors.torch import load_file
        from transformers import AutoTokenizer, GenerationConfig, LlavaConfig, LlavaForConditionalGeneration
    except ImportError as error:
        raise MissingExtraError("Local models", extra="local", module=error.name or "transformers") from error
    config = LlavaConfig.from_pretrained(eyes)
    weights = {
        f"model.{name}": weight.float() if weight.is_floating_point() else weight
        for name, weight in load_file(eyes / EYES_FILE).items()
    }
    for name, weight in load_file(text / "model.safetensors").items():
        weights[f"model.language_model.{name.removeprefix('model.')}"] = weight
    # Its output layer is the table of embeddings.
    weights["lm_head.weight"] = weights["model.language_model.embed_tokens.weight"]
    with torch.device("meta"):
        model = LlavaForConditionalGeneration(config)
    try:
        model.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise UsageError(
            f"The eyes in {eyes} do not fit the embedded language model: {reason} Export them again."
        ) from error
    model.generation_config = GenerationConfig.from_pretrained(text)
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(text).save_pretrained(target)
    for name in PROCESSOR_FILES:
        shutil.copyfile(eyes / name, target / name)
    for name in _adapter_files(eyes):
        (target / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(eyes / name, target / name)
