"""Merge an adapter into its base: a plain checkpoint that any server loads."""

from __future__ import annotations

from pathlib import Path

from levelhead.errors import RunFolderError, UsageError
from levelhead.training._loading import copy_picture_adapter, encoder_of, load_for_training, locate_base


def merge(name: str, out: Path) -> None:
    """Write the merged weights with tokenizer or processor.

    Args:
        name: `hf:BASE+ADAPTER`, or `embedded+ADAPTER`.
        out: A folder that is empty or does not exist yet.

    Raises:
        UsageError: If the name holds no adapter, or it does not fit the base.
        RunFolderError: If the folder is not empty or cannot be written.
    """
    checkpoint = locate_base(name)
    if not checkpoint.adapters:
        raise UsageError(f"{name} names no adapter, so there is nothing to merge. Give hf:BASE+ADAPTER.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        held = sorted(entry.name for entry in out.iterdir())
    except OSError as error:
        raise RunFolderError(
            f"The folder {out} cannot be used: {error.strerror}. Give another --out."
        ) from error
    if held:
        raise RunFolderError(f"{out} holds {held[0]!r}. Nothing was written. Give an --out that is empty.")
    load_for_training(checkpoint).save_pretrained(out)
    copy_picture_adapter(checkpoint, out)
    encoder_of(checkpoint).owner.save_pretrained(out)
