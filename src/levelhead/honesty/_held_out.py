"""What is told after each epoch of tuning: the numbers of a slice of questions that is not trained on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from levelhead.honesty._asking import Asking, check_examples, hash_of
from levelhead.honesty._evaluate import answer_rows
from levelhead.honesty._numbers import honesty_summary
from levelhead.models import Model
from levelhead.records import Example
from levelhead.running import Manifest, RunFolder

_TOLD = (
    "accuracy",
    "answered",
    "accuracy_answered",
    "over_refusal",
    "refusal_unanswerable",
    "ap",
    "auroc",
    "ece",
)


def held_out_evaluation(
    examples: Sequence[Example], asking: Asking, *, with_sure: bool = True
) -> Callable[[Model, int], Mapping[str, float]]:
    """An evaluation for `tune`.

    Args:
        examples: The questions held out.
        asking: How they are asked: in the format that is tuned.
        with_sure: Whether the data teaches to say how sure one is.

    Returns:
        From the model in training and the epoch to the values of some numbers, those that the questions tell.

    Raises:
        UsageError: If there is no question, or an id stands twice.
    """
    check_examples(examples)

    def evaluation(model: Model, epoch: int) -> Mapping[str, float]:
        # The weights change from epoch to epoch while their fingerprint does not, so nothing may be recalled.
        with tempfile.TemporaryDirectory() as name:
            manifest = Manifest.describe(
                model, data_hash=hash_of(examples), settings={"epoch": epoch, **asking.to_json()}
            )
            with RunFolder.open(Path(name) / "run", manifest) as folder:
                rows = answer_rows(model, examples, asking, folder, with_sure=with_sure)
        numbers = honesty_summary(rows)["honesty"]
        return {name: numbers[name]["value"] for name in _TOLD if numbers[name]["value"] is not None}

    return evaluation
