"""The paper's detector: a causal language model with a head of one logit in place of its vocabulary.

`llm:FOLDER` is one that Levelhead trained: `detector.json` says what it reads. `llm-paper:FOLDER` is one of
the paper's own: no such file, the answer alone as input, and sigmoid(logit) is the probability that the
answer is *safe*.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from levelhead.errors import UsageError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._format import ANSWER_ONLY, TextFormat, formatted
from levelhead.guard.detector._judgement import Judgement
from levelhead.guard.detector._saved import DETECTOR_FILE, SavedDetector
from levelhead.guard.detector._windows import TokenWindows
from levelhead.records import JSONValue

if TYPE_CHECKING:
    from levelhead.models._checkpoint import Checkpoint

_PAPER_WINDOW = 512
_BATCH_TOKENS, _BATCH_ROWS = 8192, 32


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """How a detector is served.

    Attributes:
        form: What of a pair it reads.
        window: Longest row, in tokens.
        head_share: Largest share of a window that a long question takes.
        high_means: What a high logit says.
        base_hash: Hash of the weights that an adapter was made on; None if it is not known.
    """

    form: TextFormat
    window: int
    head_share: float
    high_means: Literal["harm", "safe"]
    base_hash: str | None = None

    @classmethod
    def read(cls, folder: Path) -> ServingSettings:
        """Those that stand beside the weights.

        Raises:
            UsageError: If there are none.
            ModelError: If a file is missing or damaged.
        """
        saved = SavedDetector.read(folder, kind="llm")
        return cls(saved.format.restore(), saved.window, saved.head_share, saved.high_means, saved.base_hash)


PAPER = ServingSettings(ANSWER_ONLY, _PAPER_WINDOW, 0.25, "safe")


class LLMDetector(Detector):
    """A causal language model with a one-logit head.

    Args:
        folder: A whole checkpoint, or an adapter with its head.
        base: Of an adapter: folder or hub id of its base; None for the one that the adapter names.
        paper: Whether it is one of the paper's own.
        threads: Threads of torch; None leaves torch's own choice.
        exact: Float32 and one row at a time.
        name: What stands in reports.

    Raises:
        UsageError: If there is no such detector, or the base is not the one that it was made on.
        MissingExtraError: If torch or transformers is not installed.
        ModelError: If its weights are missing or damaged.
    """

    def __init__(
        self,
        folder: Path,
        *,
        base: str | None = None,
        paper: bool = False,
        threads: int | None = None,
        exact: bool = False,
        name: str | None = None,
    ) -> None:
        if paper and (folder / DETECTOR_FILE).is_file():
            raise UsageError(
                f"{folder} was trained by Levelhead and says what it reads. Name it llm:{folder}"
            )
        from levelhead.models._classifier import context_tokens

        self._settings = PAPER if paper else ServingSettings.read(folder)
        self.name = name or f"{'llm-paper' if paper else 'llm'}:{folder}"
        self.reads_picture_text = self._settings.form.picture_text
        self._rows = 1 if exact else _BATCH_ROWS
        self._checkpoint, self._model = _load(folder, base, self._settings, threads=threads, exact=exact)
        self._windows = TokenWindows(
            _tokenizer(folder, self._checkpoint.location),
            window=min(self._settings.window, context_tokens(self._checkpoint)),
            head_share=self._settings.head_share,
        )
        identity = f"{self._settings}/{_hash_of(folder)}/{self._checkpoint.fingerprint()}"
        self.fingerprint = hashlib.sha256(identity.encode()).hexdigest()

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        texts = [self._windows.rows(formatted(pair, self._settings.form)) for pair in pairs]
        logits = iter(self._logits([row for rows in texts for row in rows]))
        return [self._judgement([next(logits) for _ in rows]) for rows in texts]

    def _judgement(self, windows: Sequence[float]) -> Judgement:
        sign = -1 if self._settings.high_means == "safe" else 1
        broken = next((logit for logit in windows if not math.isfinite(logit)), None)
        return Judgement.of_logit(max(sign * logit for logit in windows) if broken is None else broken)

    def _logits(self, rows: Sequence[list[int]]) -> list[float]:
        from levelhead.models._batching import plan_batches

        found: dict[int, float] = {}
        lengths = [len(row) for row in rows]
        for places in plan_batches(lengths, max_tokens=_BATCH_TOKENS, max_rows=self._rows):
            batch = self._run([rows[place] for place in places])
            found.update(zip(places, batch, strict=True))
        return [found[place] for place in range(len(rows))]

    def _run(self, rows: Sequence[list[int]]) -> list[float]:
        import torch

        from levelhead.models._classifier import end_logits

        with torch.inference_mode():
            logits = end_logits(self._model, rows, self._checkpoint.device)
        return [float(logit) for logit in logits.float().tolist()]

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return {"kind": "llm", "window": self._settings.window, **self._checkpoint.details()}


def _load(
    folder: Path, base: str | None, settings: ServingSettings, *, threads: int | None, exact: bool
) -> tuple[Checkpoint, Any]:
    from levelhead.guard.detector._llm_adapter import adapter_config, load_adapted, load_whole
    from levelhead.models._classifier import locate_base
    from levelhead.models._load import ADAPTER_CONFIG

    if not (folder / ADAPTER_CONFIG).is_file():
        checkpoint = locate_base(str(folder), exact=exact, threads=threads)
        return checkpoint, load_whole(checkpoint)
    named = base or adapter_config(folder).get("base_model_name_or_path")
    if not named:
        raise UsageError(f"The adapter {folder} does not say its base. Give it: llm:BASE+{folder}")
    try:
        checkpoint = locate_base(str(named), exact=exact, threads=threads)
    except UsageError as error:
        raise UsageError(f"{error} The detector in {folder} needs it: llm:BASE+{folder}") from error
    if settings.base_hash not in (None, checkpoint.weights_hash()):
        raise UsageError(
            f"The detector in {folder} was made on other weights than those of {named}. Give the base that "
            f"it was trained on: llm:BASE+{folder}"
        )
    return checkpoint, load_adapted(checkpoint, folder)


def _tokenizer(folder: Path, location: str) -> Any:
    """The fast tokenizer beside the detector, else that of its base."""
    from levelhead.models._classifier import fast_tokenizer

    own = any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model"))
    return fast_tokenizer(str(folder) if own else location).backend_tokenizer


def _hash_of(folder: Path) -> str:
    """Hash of the adapter; empty for a whole checkpoint, which is hashed as such."""
    from levelhead.guard.detector._llm_adapter import adapter_weights
    from levelhead.guard.detector._saved import file_hash

    path = adapter_weights(folder)
    return file_hash(path) if path else ""
