"""The training loop of the encoder detector and its state, which a checkpoint holds whole.

Everything that is random is drawn from seed, step and place, or (dropout) from a state that is saved, so a
training that was killed and goes on ends with the same weights.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from levelhead.errors import ModelError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._format import TextFormat, formatted
from levelhead.guard.detector._windows import TokenWindows
from levelhead.guard.training._data import Split, both_ways, epoch_batches, training_row
from levelhead.guard.training._folder import TrainingFolder
from levelhead.guard.training._settings import EncoderSettings
from levelhead.running import ProgressStyle, show_progress

if TYPE_CHECKING:
    from levelhead.guard.training._model import PooledClassifier

_EVALUATION_ROWS = 64


class Training:
    """The loop and its state.

    Args:
        split: Rows to learn from, and rows to choose the best weights by.
        settings: How.
        base: Folder or hub id of the encoder.
        folder: Where checkpoints go.

    Attributes:
        tokenizer: That of the base.
        step: Steps that were made.
        best_step: The step with the best average precision on the held-out rows, as far.
        history: That precision by step.
    """

    def __init__(self, split: Split, settings: EncoderSettings, base: str, folder: TrainingFolder) -> None:
        import torch

        from levelhead.guard.training._model import build_model, fast_tokenizer

        torch.manual_seed(settings.seed)
        self.split, self.settings, self.folder = split, settings, folder
        self.form = TextFormat(picture_text=settings.picture_text)
        self.tokenizer = fast_tokenizer(base)
        self.windows = TokenWindows(self.tokenizer, window=settings.window, head_share=settings.head_share)
        self.model: PooledClassifier = build_model(
            base, outputs=1 + len(settings.categories), layers=settings.layers
        )
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model.to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.labels = [bool(pair.label) for pair in split.train]
        self.lengths = [len(self.windows.rows(formatted(pair, self.form))[0]) for pair in split.train]
        self.epoch_steps = len(self._batches(0))
        self.total_steps = self.epoch_steps * settings.epochs
        self.step, self.best_step, self.best, self.history = 0, 0, -1.0, dict[str, float]()

    def run(self, progress: ProgressStyle) -> None:
        """Train to the end, or until it gets no better."""
        self._resume()
        with show_progress("training", total=self.total_steps, held=self.step, style=progress) as advance:
            batches: list[list[int]] = []
            while self.step < self.total_steps and not self._stale():
                epoch, place = divmod(self.step, self.epoch_steps)
                if place == 0 or not batches:
                    batches = self._batches(epoch)
                self._learn(epoch, batches[place])
                self.step += 1
                advance(1)
                last = self.step == self.total_steps
                if last or self.step % self.settings.evaluate_steps == 0:
                    self._evaluate()
                if last or self.step % self.settings.save_steps == 0:
                    self._save()

    def _batches(self, epoch: int) -> list[list[int]]:
        return epoch_batches(
            self.labels,
            self.lengths,
            batch_size=self.settings.batch_size,
            seed=self.settings.seed,
            epoch=epoch,
        )

    def _learn(self, epoch: int, places: Sequence[int]) -> None:
        """One step on one batch."""
        import torch

        from levelhead.guard.training._model import detector_loss, padded

        chance = random.Random(f"{self.settings.seed}/row/{self.step}")
        pairs = [self.split.train[place] for place in places]
        rows = [
            training_row(
                pair, self.form, self.windows, drop_question=self.settings.drop_question, chance=chance
            )
            for pair in pairs
        ]
        ids, mask = (block.to(self.device) for block in padded(rows))
        labels = torch.tensor([float(bool(pair.label)) for pair in pairs], device=self.device)
        categories = torch.tensor([self._category(pair) for pair in pairs], device=self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * _rate(
                self.step, self.total_steps, self.settings.warmup
            )
        self.model.train()
        loss = detector_loss(
            self.model(ids, mask), labels, categories, label_smoothing=self.settings.label_smoothing
        )
        if not torch.isfinite(loss):
            raise ModelError(
                f"The loss is {loss.item()} at step {self.step} of epoch {epoch + 1}: the training has gone "
                "astray. Lower the learning rate."
            )
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def _category(self, pair: Pair) -> int:
        """Place of the category of a harmful pair; -1 where there is none."""
        named = pair.metadata.get("category")
        known = self.settings.categories
        return known.index(named) if pair.label and isinstance(named, str) and named in known else -1

    def _evaluate(self) -> None:
        """Rank the held-out rows, with and without questions; keep the weights if they are the best yet."""
        import numpy as np

        from levelhead.metrics import average_precision_statistic

        labels = [bool(pair.label) for pair in self.split.held_out]
        once = np.ones((1, len(labels)))
        found = [
            float(average_precision_statistic(self._scores(pairs), labels).under(once)[0])
            for pairs in both_ways(self.split.held_out)
        ]
        mean = sum(found) / len(found)
        self.history[str(self.step)] = mean
        if mean > self.best:
            self.best, self.best_step = mean, self.step
            self.folder.save("best", {"step": self.step, "model": self.model.state_dict()})

    def _scores(self, pairs: Sequence[Pair]) -> list[float]:
        """The highest logit of the windows of each pair."""
        import torch

        from levelhead.guard.training._model import padded

        texts = [self.windows.rows(formatted(pair, self.form)) for pair in pairs]
        flat = [row for rows in texts for row in rows]
        order = sorted(range(len(flat)), key=lambda place: len(flat[place]))
        found: dict[int, float] = {}
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(order), _EVALUATION_ROWS):
                places = order[start : start + _EVALUATION_ROWS]
                ids, mask = (block.to(self.device) for block in padded([flat[place] for place in places]))
                logits = self.model(ids, mask)[:, 0].tolist()
                found.update(zip(places, logits, strict=True))
        logits_in_order = iter(found[place] for place in range(len(flat)))
        return [max(next(logits_in_order) for _ in rows) for rows in texts]

    def _stale(self) -> bool:
        since = sum(1 for step in self.history if int(step) > self.best_step)
        return since >= self.settings.patience

    def _save(self) -> None:
        import torch

        cuda = torch.cuda.get_rng_state_all() if self.device == "cuda" else []
        state = {
            "step": self.step,
            "best_step": self.best_step,
            "best": self.best,
            "history": self.history,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": cuda,
        }
        self.folder.save("state", state)

    def _resume(self) -> None:
        import torch

        state = self.folder.load("state")
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.best_step, self.best = state["step"], state["best_step"], state["best"]
        self.history = dict(state["history"])
        torch.set_rng_state(state["random"])
        if self.device == "cuda":
            torch.cuda.set_rng_state_all(state["random_cuda"])


def _rate(step: int, total: int, warmup: float) -> float:
    """Share of the learning rate: up in a line, then down in a line.

    >>> [_rate(step, 10, 0.2) for step in (0, 1, 2, 6)]
    [0.5, 1.0, 1.0, 0.5]
    """
    rising = round(total * warmup)
    if step < rising:
        return (step + 1) / rising
    return (total - step) / max(1, total - rising)
