"""The default detector: a small encoder, served by onnxruntime alone. No torch, no transformers.

Rows are run one at a time, each on one thread, several at once. That keeps all cores busy without padding,
and a score does not depend on what else is in the batch: the scale of int8 activations is taken over
everything that runs together, so a batch would let one answer change the score of another.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levelhead.errors import MissingExtraError, ModelError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._format import formatted
from levelhead.guard.detector._judgement import Judgement
from levelhead.guard.detector._saved import SavedDetector
from levelhead.guard.detector._windows import MarkedRow, TokenWindows
from levelhead.records import JSONValue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS_FILE, TOKENIZER_FILE = "model.onnx", "tokenizer.json"


class EncoderDetector(Detector):
    """A fine-tuned encoder.

    Args:
        folder: With `model.onnx`, `tokenizer.json` and `detector.json`.
        threads: Rows run at once; None for one on each core that the process may use.
        name: What stands in reports; None for `encoder:FOLDER`.

    Raises:
        UsageError: If there is no encoder detector in the folder, or it reads another format.
        MissingExtraError: If onnxruntime or tokenizers is not installed.
        ModelError: If a file is missing or damaged.
    """

    def __init__(self, folder: Path, *, threads: int | None = None, name: str | None = None) -> None:
        self._saved = SavedDetector.read(folder, kind="encoder")
        self._form = self._saved.format.restore()
        self.name = name or f"encoder:{folder}"
        self.fingerprint = self._saved.fingerprint()
        self.reads_picture_text = self._form.picture_text
        self._session, tokenizer = _load(folder)
        self._reads_answer = "answer_mask" in {one.name for one in self._session.get_inputs()}
        self._outputs = 1 + len(self._saved.categories)
        self._windows = TokenWindows(tokenizer, window=self._saved.window, head_share=self._saved.head_share)
        self._threads = threads or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="detector")
        self._run(self._windows.marked_rows(formatted(Pair("", "hello"), self._form)))

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        texts = [self._windows.marked_rows(formatted(pair, self._form)) for pair in pairs]
        logits = iter(self._run([row for rows in texts for row in rows]))
        return [self._judgement([next(logits) for _ in rows]) for rows in texts]

    def _run(self, rows: Sequence[MarkedRow]) -> list[NDArray[np.float32]]:
        """The logits of each row. Shape of each (1 + categories,)."""
        # The longest go first, so that no core is left with a long one at the end.
        order = sorted(range(len(rows)), key=lambda place: -len(rows[place].ids))
        found = dict(zip(order, self._pool.map(lambda place: self._run_one(rows[place]), order), strict=True))
        return [found[place] for place in range(len(rows))]

    def _run_one(self, row: MarkedRow) -> NDArray[np.float32]:
        import numpy as np

        ids = np.array([row.ids], dtype=np.int64)  # (1, tokens)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        if self._reads_answer:
            given["answer_mask"] = np.zeros_like(ids)
            given["answer_mask"][:, row.answer_begin : row.answer_end] = 1
        try:
            (logits,) = self._session.run(None, given)
        except Exception as error:  # onnxruntime raises classes of its own
            raise ModelError(f"The detector {self.name} failed to run: {error}") from error
        if logits.shape != (1, self._outputs):
            raise ModelError(
                f"The detector {self.name} gives {logits.shape} numbers for a text and {(1, self._outputs)} "
                "are expected: its weights do not belong to its settings. Train it again."
            )
        found: NDArray[np.float32] = logits[0]
        return found

    def _judgement(self, windows: Sequence[NDArray[np.float32]]) -> Judgement:
        """The most harmful window speaks for the text; one that has no score leaves it without."""
        broken = next((row for row in windows if not math.isfinite(row[0])), None)
        row = broken if broken is not None else max(windows, key=lambda one: float(one[0]))
        logit = float(row[0])
        category = self._saved.categories[int(row[1:].argmax())] if len(row) > 1 and logit > 0 else None
        return Judgement.of_logit(logit, category=category)

    @property
    def details(self) -> Mapping[str, JSONValue]:
        import onnxruntime

        return {
            "kind": "encoder",
            "format": self._form.version,
            "window": self._saved.window,
            "threads": self._threads,
            "onnxruntime": onnxruntime.__version__,
        }

    def close(self) -> None:
        self._pool.shutdown()


def _load(folder: Path) -> tuple[Any, Any]:
    """The session of onnxruntime and the tokenizer."""
    try:
        import onnxruntime
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtraError(
            "Encoder detectors", extra="guard", module=error.name or "onnxruntime"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            folder / WEIGHTS_FILE, options, providers=["CPUExecutionProvider"]
        )
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    except Exception as error:  # both libraries raise classes of their own, or bare Exceptions
        raise ModelError(
            f"The weights or the tokenizer in {folder} cannot be loaded ({str(error).splitlines()[0]}). Copy "
            "or train the detector again."
        ) from error
    return session, tokenizer
