"""A sentence encoder: texts to directions, so that texts of like meaning point the same way.

The token vectors of the last layer are averaged, as sentence encoders such as all-MiniLM-L6-v2 are trained
for. A text that is longer than the encoder reads is averaged over windows; nothing of it is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levelhead.errors import MissingExtraError, UsageError
from levelhead.guard.detector._format import FormattedText, whole_characters
from levelhead.guard.detector._windows import TokenWindows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOW = 256
"""Longest row, in tokens: what all-MiniLM-L6-v2 was trained on."""


class SentenceEncoder:
    """An encoder on transformers.

    Args:
        folder: Folder or hub id of a BERT-like sentence encoder.
        window: Longest row, in tokens.

    Raises:
        MissingExtraError: If torch or transformers is not installed.
        UsageError: If there is no encoder with a fast tokenizer, or it does not read rows of that length.
    """

    def __init__(self, folder: Path | str, *, window: int = WINDOW) -> None:
        try:
            import transformers
        except ImportError as error:
            raise MissingExtraError(
                "Sentence encoders", extra="local", module=error.name or "transformers"
            ) from error
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            self._encoder: Any = transformers.AutoModel.from_pretrained(folder, dtype="float32").eval()
        except (OSError, ValueError) as error:
            raise UsageError(
                f"No sentence encoder can be loaded from {str(folder)!r} "
                f"({str(error).strip().splitlines()[0]}). Give a folder or hub id such as all-MiniLM-L6-v2."
            ) from error
        if not tokenizer.is_fast:
            raise UsageError(f"The tokenizer in {folder} has no fast form (tokenizer.json). Save it as one.")
        if window > (most := self._encoder.config.max_position_embeddings):
            raise UsageError(f"The window is {window} tokens; the encoder in {folder} reads {most}.")
        self._windows = TokenWindows(
            tokenizer.backend_tokenizer, window=window, head_share=0.5
        )  # no heads here

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of the texts, in order. Shape (texts, hidden).

        Raises:
            UsageError: If a text is blank: it has no meaning to compare.
        """
        import numpy as np

        if blank := [place for place, text in enumerate(texts) if not text.strip()]:
            raise UsageError(f"Text {blank[0]} is blank, so it has no meaning to compare. Leave it out.")
        if not texts:
            return np.zeros((0, self._encoder.config.hidden_size), dtype=np.float32)
        return np.stack([self._embed_one(text) for text in texts])

    def _embed_one(self, text: str) -> NDArray[np.float32]:
        import numpy as np
        import torch

        rows = self._windows.rows(FormattedText("", whole_characters(text)))
        with torch.inference_mode():
            hidden = [self._encoder(torch.tensor([row])).last_hidden_state[0] for row in rows]
        whole = torch.cat(hidden).mean(dim=0).numpy()  # (hidden,); overlaps count twice
        unit: NDArray[np.float32] = whole / np.linalg.norm(whole)
        return unit
