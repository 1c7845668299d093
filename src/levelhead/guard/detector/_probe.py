"""A linear probe (Alain & Bengio, arXiv 1610.01644): a logistic regression on what a language model thinks.

The base reads question and answer, its states after one layer are averaged over the tokens of the answer, and
a line through them says how probable harm is. The base stays as it is; only its first layers are loaded.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levelhead.errors import ModelError, UsageError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._format import formatted
from levelhead.guard.detector._judgement import Judgement
from levelhead.guard.detector._saved import SavedDetector, SavedProbe
from levelhead.guard.detector._windows import MarkedRow, TokenWindows
from levelhead.models._batching import plan_batches
from levelhead.records import JSONValue

if TYPE_CHECKING:
    from levelhead.models._checkpoint import Checkpoint

PROBE_FILE, TOKENIZER_FILE = "probe.safetensors", "tokenizer.json"
_BATCH_TOKENS, _BATCH_ROWS = 1024, 32
"""On two cores larger batches are slower: their activations leave the cache of the processor."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearProbe:
    """From the mean state of an answer to the logit of harm, in float64.

    Attributes:
        mean: Of each number of a state, over the rows trained on. Shape (width,).
        scale: Its standard deviation. Shape (width,).
        weight: Of the standardised numbers. Shape (width,).
        bias: Added to their sum. Shape (1,).
    """

    mean: Any
    scale: Any
    weight: Any
    bias: Any

    def logits(self, states: Any) -> Any:
        """The logits of states, as a tensor; both in float64. Shapes (rows, width) and (rows,)."""
        return ((states.double() - self.mean) / self.scale) @ self.weight + self.bias

    def save(self, path: Path) -> None:
        """Write the four tensors as safetensors."""
        from safetensors.torch import save

        # Written here and not by the library, which makes files that others may not read.
        path.write_bytes(save({name: getattr(self, name).contiguous() for name in self.__slots__}))

    @classmethod
    def load(cls, path: Path, *, width: int) -> LinearProbe:
        """Read them.

        Raises:
            ModelError: If the file is damaged or its probe reads states of another width.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            probe = cls(**{name: tensor.double() for name, tensor in load_file(path).items()})
        except (OSError, SafetensorError, TypeError) as error:
            raise ModelError(f"The probe {path} cannot be read ({error}). Copy or train it again.") from error
        if any(tuple(one.shape) != (width,) for one in (probe.mean, probe.scale, probe.weight)):
            raise ModelError(
                f"The probe {path} reads states of {tuple(probe.weight.shape)} numbers, and those of its "
                f"base have {width}. Copy or train it again."
            )
        return probe


class ProbeDetector(Detector):
    """A linear probe on a causal language model.

    Args:
        folder: With `probe.safetensors`, `tokenizer.json` and `detector.json`.
        base: Name, folder or hub id of its base; None for the one that the folder names.
        threads: Threads of torch; None leaves torch's own choice.
        name: What stands in reports.

    Raises:
        UsageError: If there is no such detector, or the base is not the one that it was made on.
        MissingExtraError: If torch or transformers is not installed.
        ModelError: If its weights are missing or damaged.
    """

    def __init__(
        self, folder: Path, *, base: str | None = None, threads: int | None = None, name: str | None = None
    ) -> None:
        self._saved = SavedDetector.read(folder, kind="probe")
        self._form = self._saved.format.restore()
        place = self._saved.probe
        if place is None:
            raise ModelError(f"The detector in {folder} does not say what it reads. Train it again.")
        self._place: SavedProbe = place
        self._checkpoint = _located(folder, base or place.base, self._saved.base_hash, threads)
        self.name = name or f"probe:{folder}"
        self.reads_picture_text = self._form.picture_text
        from levelhead.models._hidden import HiddenStates

        self._states = HiddenStates(self._checkpoint, [place.layer])
        self._probe = LinearProbe.load(folder / PROBE_FILE, width=self._states.width)
        self._windows = TokenWindows(
            _tokenizer(folder), window=self._saved.window, head_share=self._saved.head_share
        )
        identity = f"{self._saved.fingerprint()}/{self._checkpoint.fingerprint()}"
        self.fingerprint = hashlib.sha256(identity.encode()).hexdigest()

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        return [Judgement.of_logit(logit) for logit in self.logits(pairs)]

    def logits(self, pairs: Sequence[Pair]) -> list[float]:
        """The logit of harm of each pair: that of its most harmful window."""
        texts = [self._windows.marked_rows(formatted(pair, self._form)) for pair in pairs]
        rows = [row for windows in texts for row in windows]
        found: dict[int, float] = {}
        for places in row_batches(rows):
            states = mean_states(self._states, [rows[place] for place in places])[:, 0]
            found.update(zip(places, self._probe.logits(states).tolist(), strict=True))
        logits = iter(found[place] for place in range(len(rows)))
        return [highest([next(logits) for _ in windows]) for windows in texts]

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return {
            "kind": "probe",
            "layer": self._place.layer,
            "window": self._saved.window,
            **self._checkpoint.details(),
        }


def highest(windows: Sequence[float]) -> float:
    """The logit of a text: that of its most harmful window, or one that is no number if there is one."""
    broken = next((logit for logit in windows if not math.isfinite(logit)), None)
    return max(windows) if broken is None else broken


def row_batches(rows: Sequence[MarkedRow]) -> Iterator[list[int]]:
    """Places of rows of like length, batch by batch, the longest first."""
    return plan_batches([len(row.ids) for row in rows], max_tokens=_BATCH_TOKENS, max_rows=_BATCH_ROWS)


def mean_states(states: Any, rows: Sequence[MarkedRow]) -> Any:
    """What a probe sees of rows, in training as in serving: the mean states of their answers.

    Args:
        states: A `HiddenStates`.
        rows: A batch.

    Returns:
        A float32 tensor of shape (rows, layers, width).
    """
    return states.means([row.ids for row in rows], [(row.answer_begin, row.answer_end) for row in rows])


def with_beginning(tokenizer: Any, location: str) -> Any:
    """The `tokenizers.Tokenizer` of a base, made to begin each row with a token that is no part of the text.

    The first token of a row draws attention for all others, and its state is a hundred times as long as
    theirs (Xiao et al., arXiv 2309.17453). Were it one of the answer's, it would drown the rest of the mean.

    Args:
        tokenizer: As transformers wraps it.
        location: Where it was loaded from, for errors.

    Raises:
        UsageError: If it has no token that could stand there.
    """
    from tokenizers.processors import TemplateProcessing

    core = tokenizer.backend_tokenizer
    if core.encode("a", add_special_tokens=True).special_tokens_mask[0]:
        return core  # it writes one of its own accord
    token = tokenizer.bos_token or tokenizer.eos_token
    if token is None:
        raise UsageError(
            f"The tokenizer of {location} has no token for the beginning of a text and none for its end, "
            "one of which a probe needs before each row. Give another base."
        )
    place = tokenizer.convert_tokens_to_ids(token)
    core.post_processor = TemplateProcessing(single=f"{token} $A", special_tokens=[(token, place)])
    return core


def _located(folder: Path, base: str, base_hash: str | None, threads: int | None) -> Checkpoint:
    from levelhead.models._classifier import locate_base

    try:
        # In float32 wherever it runs: a mean of rounded states is another one than that of training.
        checkpoint = locate_base(base, dtype="float32", threads=threads)
    except UsageError as error:
        raise UsageError(f"{error} The detector in {folder} needs it: probe:BASE+{folder}") from error
    if checkpoint.weights_hash() != base_hash:
        raise UsageError(
            f"The detector in {folder} was made on other weights than those of {base}. Give the base that it "
            f"was trained on: probe:BASE+{folder}"
        )
    return checkpoint


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    except Exception as error:  # the library raises bare Exceptions
        raise ModelError(
            f"The tokenizer in {folder} cannot be loaded ({error}). Copy or train the detector again."
        ) from error
