"""What a training did, and the model card that lies beside the weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from levelhead.guard._pair import Pair
from levelhead.guard.training._base import base_name
from levelhead.guard.training._data import Split


@dataclass(frozen=True, slots=True)
class TrainingReport(ABC):
    """What a training of any kind did.

    Attributes:
        train: Rows trained on.
        held_out: Rows held out.
        average_precision: AP on the held-out rows of all that there was to choose from, averaged over with
            and without question.
        choices_are: What there was to choose from.
    """

    choices_are: ClassVar[str]
    train: int
    held_out: int
    average_precision: dict[str, float]

    @abstractmethod
    def choice(self) -> str:
        """What was chosen by the held-out rows, as a sentence."""

    @abstractmethod
    def numbers(self) -> str:
        """What the weights reach on the held-out rows, as a sentence."""

    def to_json(self) -> dict[str, object]:
        """The report as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LoopReport(TrainingReport):
    """What a training in steps did; `average_precision` is by step.

    Attributes:
        steps: Steps that were made.
        best_step: The step whose weights were kept.
    """

    choices_are: ClassVar[str] = "step"
    steps: int
    best_step: int

    def choice(self) -> str:
        return f"Best of {self.steps:,} steps: {self.best_step:,}."


@dataclass(frozen=True, slots=True)
class EncoderReport(LoopReport):
    """What a training of an encoder did.

    Attributes:
        auroc_fp32: On the held-out rows, served by onnxruntime.
        auroc_int8: The same of the int8 weights.
        mean_gap: Mean difference of their probabilities.
        int8_bytes: Size of the int8 weights.
    """

    auroc_fp32: float
    auroc_int8: float
    mean_gap: float
    int8_bytes: int

    def numbers(self) -> str:
        return (
            f"AUROC {self.auroc_fp32:.4f} in float32, {self.auroc_int8:.4f} in int8; probabilities of the "
            f"two differ by {self.mean_gap:.4f} on average."
        )


@dataclass(frozen=True, slots=True)
class LLMReport(LoopReport):
    """What a training of a causal language model did.

    Attributes:
        left_out: Rows that were not trained on: blank, or longer than the window where such are dropped.
        auroc: On the held-out rows, as they are served.
        mean_gap: Mean difference of their probabilities in training and in serving.
        parameters: Numbers that were trained.
    """

    left_out: int
    auroc: float
    mean_gap: float
    parameters: int

    def numbers(self) -> str:
        return (
            f"AUROC {self.auroc:.4f} as served; {self.parameters:,} numbers were trained, and "
            f"{self.left_out:,} rows left out as blank or too long."
        )


@dataclass(frozen=True, slots=True)
class ProbeReport(TrainingReport):
    """What a training of a probe did; `average_precision` is by layer and penalty.

    Attributes:
        layer: After which layer the states are read.
        l2: The penalty.
        left_out: Rows that were not trained on: blank to the eye or to the tokenizer.
        auroc: On the held-out rows, as they are.
        largest_gap: Largest difference of logits in training and in serving, on some held-out rows.
    """

    choices_are: ClassVar[str] = "layer and penalty"
    layer: int
    l2: float
    left_out: int
    auroc: float
    largest_gap: float

    def choice(self) -> str:
        return f"Best of {len(self.average_precision)} choices: layer {self.layer}, l2 {self.l2:g}."

    def numbers(self) -> str:
        return f"AUROC {self.auroc:.4f}; {self.left_out:,} rows were left out as blank."


def model_card(
    report: TrainingReport,
    split: Split,
    base: str,
    settings: Mapping[str, object],
    *,
    licences: Mapping[str, str],
    data_note: str = "",
    use: str = "",
) -> str:
    """The card, as Markdown with a head that hubs read.

    Args:
        report: What training did.
        split: The rows; only counted.
        base: Name of the base.
        settings: How it was trained.
        licences: Licence of each source, by the name that pairs have under `source` in their metadata.
        data_note: How the rows were chosen, as Markdown.
        use: How it is loaded, as Markdown.
    """
    sources = [
        (source, licences.get(source, "not stated"), *counts)
        for source, counts in _by_source(split.train, split.held_out).items()
    ]
    return "\n".join(
        [
            f"---\nbase_model: {base_name(base)}\ntags: [levelhead, harm-detection]",
            "pipeline_tag: text-classification\n---\n",
            "# A harm detector for answers of language models\n",
            "Made by `levelhead`. It reads an answer, with or without its question, and says how probable it "
            "is that the answer is harmful.\n",
            "## Intended use\n",
            "Behind a language model, as one of several guards, with a threshold calibrated on answers like "
            "yours (`levelhead guard calibrate`). It is no moderation of people and no judge of questions.\n",
            *([f"{use}\n"] if use else []),
            "## Limits\n",
            "English; single answers; no sight of pictures beyond the text in them; harm that shows only "
            "together with a picture is missed. Paraphrases and other languages lower its scores. It repeats "
            "the judgements in its data.\n",
            "## Data\n",
            _table(("source", "licence", "harmful", "harmless", "held out"), sources),
            "\nHeld-out rows share no goal with the rows trained on.\n",
            *([f"### How the rows were chosen\n\n{data_note}\n"] if data_note else []),
            "## Numbers\n",
            f"On {report.held_out:,} held-out rows: {report.numbers()} {report.choice()}\n",
            _table(
                (report.choices_are, "AP"),
                [(choice, f"{ap:.4f}") for choice, ap in report.average_precision.items()],
            ),
            "\n## Settings\n",
            _table(("setting", "value"), settings.items()),
            "",
        ]
    )


def _by_source(train: Sequence[Pair], held_out: Sequence[Pair]) -> dict[str, tuple[int, int, int]]:
    def source(pair: Pair) -> str:
        return str(pair.metadata.get("source", "not named"))

    trained = Counter((source(pair), bool(pair.label)) for pair in train)
    held = Counter(source(pair) for pair in held_out)
    names = sorted({name for name, _ in trained} | set(held))
    return {name: (trained[name, True], trained[name, False], held[name]) for name in names}


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )
