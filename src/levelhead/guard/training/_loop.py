"""The training loop of detectors of every kind and its state, which a checkpoint holds whole.

Everything that is random is drawn from seed, step and place, or (dropout) from a state that is saved, so a
training that was killed and goes on ends with the same weights.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from levelhead.errors import ModelError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._format import TextFormat, formatted
from levelhead.guard.training._augmentation import Augmentation
from levelhead.guard.training._data import Split, both_ways, epoch_batches, training_row
from levelhead.guard.training._folder import TrainingFolder
from levelhead.guard.training._learner import Learner
from levelhead.guard.training._settings import LoopSettings
from levelhead.running import ProgressStyle, show_progress


class Training:
    """The loop and its state.

    Args:
        split: Rows to learn from, and rows to choose the best weights by.
        settings: How.
        learner: What learns.
        folder: Where checkpoints go.

    Attributes:
        learner: What learns.
        step: Steps that were made.
        best_step: The step with the best average precision on the held-out rows, as far.
        history: That precision by step.
    """

    def __init__(
        self, split: Split, settings: LoopSettings, learner: Learner, folder: TrainingFolder
    ) -> None:
        import torch

        self.split, self.settings, self.learner, self.folder = split, settings, learner, folder
        self.form = TextFormat(picture_text=settings.picture_text)
        self.augmentation = Augmentation.of(
            split.train,
            swap_question=settings.swap_question,
            lead_in=settings.lead_in,
            cut_answer=settings.cut_answer,
        )
        self.optimizer = torch.optim.AdamW(
            [{"params": weights, "times": times} for weights, times in learner.groups()],
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        self.plan = self._plan()
        self.step, self.best_step, self.best, self.history = 0, 0, -1.0, dict[str, float]()

    def run(self, progress: ProgressStyle) -> None:
        """Train to the end, or until it gets no better."""
        self._resume()
        total = len(self.plan)
        with show_progress("training", total=total, held=self.step, style=progress) as advance:
            while self.step < total and not self._stale():
                self._learn(self.plan[self.step])
                self.step += 1
                advance(1)
                last = self.step == total
                if last or self.step % self.settings.evaluate_steps == 0:
                    self._evaluate()
                if last or self.step % self.settings.save_steps == 0:
                    self._save()

    def _plan(self) -> list[list[int]]:
        """The batches of all steps, as places in the rows to learn from."""
        rows = self.split.train
        lengths = [len(self.learner.windows.rows(formatted(pair, self.form))[0]) for pair in rows]
        return [
            batch
            for epoch in range(self.settings.epochs)
            for batch in epoch_batches(
                rows,
                lengths,
                batch_size=self.settings.batch_size,
                seed=self.settings.seed,
                epoch=epoch,
                pairwise=self.learner.pairwise,
            )
        ]

    def _learn(self, places: Sequence[int]) -> None:
        """One step on one batch."""
        import torch

        chance = random.Random(f"{self.settings.seed}/row/{self.step}")
        pairs = [self.augmentation.apply(self.split.train[place], chance) for place in places]
        rows = [
            training_row(
                pair,
                self.form,
                self.learner.windows,
                drop_question=self.settings.drop_question,
                chance=chance,
            )
            for pair in pairs
        ]
        rate = self.settings.learning_rate * _rate(self.step, len(self.plan), self.settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["times"]
        loss = self.learner.loss(rows, pairs)
        if not torch.isfinite(loss):
            raise ModelError(
                f"The loss is {loss.item()} at step {self.step + 1:,} of {len(self.plan):,}: the training "
                "has gone astray. Lower the learning rate."
            )
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.learner.parameters(), 1.0)
        self.optimizer.step()

    def _evaluate(self) -> None:
        """Rank the held-out rows, with and without questions; keep the weights if they are the best yet."""
        import numpy as np

        from levelhead.metrics import average_precision_statistic

        labels = [bool(pair.label) for pair in self.split.held_out]
        once = np.ones((1, len(labels)))
        found = [
            float(average_precision_statistic(self.scores(pairs), labels).under(once)[0])
            for pairs in both_ways(self.split.held_out)
        ]
        mean = sum(found) / len(found)
        self.history[str(self.step)] = mean
        if mean > self.best:
            self.best, self.best_step = mean, self.step
            self.folder.save("best", {"step": self.step, "model": self.learner.state()})

    def scores(self, pairs: Sequence[Pair]) -> list[float]:
        """The highest logit of the windows of each pair."""
        texts = [self.learner.windows.marked_rows(formatted(pair, self.form)) for pair in pairs]
        logits = iter(self.learner.scores([row for rows in texts for row in rows]))
        return [max(next(logits) for _ in rows) for rows in texts]

    def best_weights(self) -> dict[str, Any]:
        """The state of the learner at the best step.

        Raises:
            ModelError: If there was none.
        """
        best = self.folder.load("best")
        if best is None:
            raise ModelError(
                "No evaluation gave a number, so there are no best weights. Check the held-out rows."
            )
        weights: dict[str, Any] = best["model"]
        return weights

    def _stale(self) -> bool:
        since = sum(1 for step in self.history if int(step) > self.best_step)
        return since >= self.settings.patience

    def _save(self) -> None:
        import torch

        cuda = torch.cuda.get_rng_state_all() if self.learner.device == "cuda" else []
        state = {
            "step": self.step,
            "best_step": self.best_step,
            "best": self.best,
            "history": self.history,
            "model": self.learner.state(),
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
        self.learner.restore(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.best_step, self.best = state["step"], state["best_step"], state["best"]
        self.history = dict(state["history"])
        torch.set_rng_state(state["random"])
        if self.learner.device == "cuda":
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
