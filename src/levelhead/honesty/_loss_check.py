"""Before anything is tuned: which tokens are learned from? The commonest silent fault is none, or all."""

from __future__ import annotations

from collections.abc import Sequence

from levelhead.errors import UsageError
from levelhead.honesty._build_folder import LossFacts
from levelhead.training import Dialogue, loss_share, loss_spans, show_loss


def measure_loss(base: str, dialogues: Sequence[Dialogue]) -> tuple[LossFacts, str]:
    """Measure how much of the text is in the loss.

    Args:
        base: Name of the model to be tuned; its tokenizer and chat template decide.
        dialogues: What it is tuned on, at least one.

    Returns:
        The share, and the first dialogue with its tokens in the loss marked.

    Raises:
        UsageError: If no token of the dialogues is in the loss, or the model cannot take them.
    """
    share = loss_share(base, dialogues)
    if share.in_loss == 0:
        raise UsageError(
            f"None of the {share.tokens:,} tokens of {len(dialogues):,} dialogues would be in the loss of "
            f"{base}, so nothing would be learned. Its chat template may drop the assistant's words: give a "
            "raw --style, such as completion."
        )
    facts = LossFacts(tokens=share.tokens, in_loss=share.in_loss, dialogues=len(dialogues))
    return facts, show_loss(loss_spans(base, dialogues[0]))
