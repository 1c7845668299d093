"""Listen to `generate` of transformers without holding more than one step of it.

Shapes: B rows, V vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class Recorder:
    """Watches `generate`: keeps the log-probability of every emitted token, and stops rows at stop strings.

    `generate` calls `see_logits` before a token is chosen, ahead of temperature and nucleus, and `see_tokens`
    after. Only one step's distribution is held, where its own `output_logits` would hold all of them.
    """

    def __init__(self, tokenizer: Any, width: int, stops: tuple[str, ...]) -> None:
        self._tokenizer = tokenizer
        self._width = width
        self._stops = stops
        self._distribution: torch.Tensor | None = None
        self._steps: list[torch.Tensor] = []

    def see_logits(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Keep the distribution of the next token; changes nothing."""
        self._distribution = scores.float().log_softmax(dim=-1)  # (B, V)
        return scores

    def see_tokens(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        """Keep the log-probability of the token just chosen; which rows are done, (B,)."""
        import torch

        if self._distribution is None:
            raise RuntimeError("generate did not show its logits before it chose a token.")
        self._steps.append(self._distribution.gather(1, input_ids[:, -1:])[:, 0])
        texts = (
            self._tokenizer.batch_decode(input_ids[:, self._width :], skip_special_tokens=True)
            if self._stops
            else [""] * len(input_ids)
        )
        done = [any(stop in text for stop in self._stops) for text in texts]
        return torch.tensor(done, device=input_ids.device)

    def log_probs(self) -> list[list[float]]:
        """For each row the log-probability of each token so far, tokens after its end included."""
        import torch

        rows: list[list[float]] = torch.stack(self._steps, dim=1).tolist()
        return rows
