"""The encoder detector as the training loop sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from levelhead.guard._pair import Pair
from levelhead.guard.detector._windows import MarkedRow, TokenWindows
from levelhead.guard.training._data import couples_of, target_of
from levelhead.guard.training._learner import Learner
from levelhead.guard.training._settings import EncoderSettings

if TYPE_CHECKING:
    from levelhead.guard.training._model import PooledClassifier

_EVALUATION_ROWS = 64


class EncoderLearner(Learner):
    """An encoder with its head, all of whose weights are trained.

    Args:
        base: Folder or hub id of the encoder.
        settings: How.

    Attributes:
        tokenizer: That of the base.

    Raises:
        UsageError: If the base is none.
    """

    def __init__(self, base: str, settings: EncoderSettings) -> None:
        import torch

        from levelhead.guard.training._model import build_model, fast_tokenizer

        torch.manual_seed(settings.seed)
        self._settings = settings
        self.tokenizer = fast_tokenizer(base)
        self.windows = TokenWindows(self.tokenizer, window=settings.window, head_share=settings.head_share)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model: PooledClassifier = build_model(
            base,
            outputs=1 + len(settings.categories),
            layers=settings.layers,
            read_layers=settings.read_layers,
        ).to(self.device)
        self.pairwise = settings.pairwise_weight > 0

    def parameters(self) -> list[Any]:
        return list(self._model.parameters())

    def groups(self) -> list[tuple[list[Any], float]]:
        times = self._settings.head_rate
        return [(list(self._model.encoder.parameters()), 1.0), (list(self._model.head.parameters()), times)]

    def loss(self, rows: Sequence[MarkedRow], pairs: Sequence[Pair]) -> Any:
        import torch

        from levelhead.guard.training._model import detector_loss

        labels = torch.tensor([target_of(pair) for pair in pairs], device=self.device)
        categories = torch.tensor([self._category(pair) for pair in pairs], device=self.device)
        self._model.train()
        return detector_loss(
            self._logits(rows),
            labels,
            categories,
            couples_of(pairs) if self.pairwise else [],
            label_smoothing=self._settings.label_smoothing,
            pairwise_weight=self._settings.pairwise_weight,
        )

    def scores(self, rows: Sequence[MarkedRow]) -> list[float]:
        import torch

        order = sorted(range(len(rows)), key=lambda place: len(rows[place].ids))
        found: dict[int, float] = {}
        self._model.eval()
        with torch.inference_mode():
            for start in range(0, len(order), _EVALUATION_ROWS):
                places = order[start : start + _EVALUATION_ROWS]
                logits = self._logits([rows[place] for place in places])[:, 0].tolist()
                found.update(zip(places, logits, strict=True))
        return [found[place] for place in range(len(rows))]

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._model.state_dict()
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        self._model.load_state_dict(state)

    def _logits(self, rows: Sequence[MarkedRow]) -> Any:
        """Of shape (rows, outputs)."""
        from levelhead.guard.training._model import padded

        return self._model(*(block.to(self.device) for block in padded(rows)))

    def _category(self, pair: Pair) -> int:
        """Place of the category of a harmful pair; -1 where there is none."""
        named = pair.metadata.get("category")
        known = self._settings.categories
        return known.index(named) if pair.label and isinstance(named, str) and named in known else -1
