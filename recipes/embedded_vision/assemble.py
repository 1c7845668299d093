"""The whole model from the embedded language model and the eyes that ship.

A folder of eyes holds `eyes.safetensors` (tower and projector, fp16), `config.json` of the whole model,
`processor_config.json` and `chat_template.jinja`; the language model and the tokenizer come from the embedded
checkpoint. The assembled folder is a plain `LlavaForConditionalGeneration` checkpoint.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

EYES_FILE = "eyes.safetensors"
PROCESSOR_FILES = ("processor_config.json", "chat_template.jinja")
_ASSEMBLY = 1
"""Raised when the assembly changes, so that an old folder in a cache is not taken for a new one."""


def cached_model(eyes: Path, text: Path, cache: Path) -> Path:
    """The assembled model in a cache; assembled on first use, in about ten seconds.

    Args:
        eyes: Folder of eyes.
        text: Folder of the embedded checkpoint.
        cache: Folder that assembled models are kept in, one for each pair of eyes.

    Returns:
        Folder that transformers loads from.
    """
    digest = hashlib.sha256()
    for name in (EYES_FILE, "config.json", *PROCESSOR_FILES):
        digest.update((eyes / name).read_bytes())
    target = cache / f"{digest.hexdigest()[:16]}-{_ASSEMBLY}"
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    workplace = Path(tempfile.mkdtemp(prefix="assembling-", dir=cache))
    try:
        assemble(eyes, text, workplace)
        workplace.replace(target)
    except OSError:
        # Another process may have put the same folder there first.
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    return target


def assemble(eyes: Path, text: Path, target: Path) -> None:
    """Write the whole checkpoint.

    Args:
        eyes: Folder of eyes.
        text: Folder of the embedded checkpoint.
        target: Folder to write to.

    Raises:
        RuntimeError: If weights are missing or do not fit.
    """
    import torch
    from safetensors.torch import load_file
    from transformers import AutoTokenizer, GenerationConfig, LlavaConfig, LlavaForConditionalGeneration

    model = LlavaForConditionalGeneration(LlavaConfig.from_pretrained(eyes))
    weights = {f"model.{name}": weight.float() for name, weight in load_file(eyes / EYES_FILE).items()}
    for name, weight in load_file(text / "model.safetensors").items():
        weights[f"model.language_model.{name.removeprefix('model.')}"] = weight
    # Its output layer is the table of embeddings.
    weights["lm_head.weight"] = weights["model.language_model.embed_tokens.weight"]
    model.load_state_dict(weights)
    model.generation_config = GenerationConfig.from_pretrained(text)
    model.to(torch.float32).save_pretrained(target)
    AutoTokenizer.from_pretrained(text).save_pretrained(target)
    for name in PROCESSOR_FILES:
        shutil.copyfile(eyes / name, target / name)
