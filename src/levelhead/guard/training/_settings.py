"""How detectors are trained: what holds for every kind, for those trained in steps, and for the encoder."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from levelhead.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSettings:
    """What holds for every kind.

    Attributes:
        window: Longest row, in tokens; of longer answers a window is drawn.
        head_share: Largest share of a window that a long question takes.
        picture_text: Whether text found in pictures is read.
        drop_question: Probability that the question is left out, so that one detector serves with and
            without.
        held_out: Share of the goals that are kept apart to choose the best weights.
        max_held_out: Most rows that are kept apart.
        seed: Of all that is drawn.

    Raises:
        UsageError: If a value is out of range.
    """

    window: int = 256
    head_share: float = 0.25
    picture_text: bool = True
    drop_question: float = 0.5
    held_out: float = 0.1
    max_held_out: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least_one("max_held_out", self.max_held_out)
        require_share("drop_question", self.drop_question)
        for name in ("head_share", "held_out"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be above 0 and below 1.")
        if self.window < 16:
            raise UsageError(f"window is {self.window}; it must be at least 16 tokens.")

    def to_json(self) -> dict[str, object]:
        """The settings as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings(DetectorSettings):
    """What holds for the kinds that are trained step by step; a long answer gets another window each time.

    Attributes:
        swap_question: Probability that a harmless row gets the question of another goal.
        lead_in: Probability that an answer gets another beginning, see `Augmentation`.
        cut_answer: Probability that an answer ends early.
        epochs: How often every row of the larger class is seen, at most.
        batch_size: Rows per step; half of them harmful on average.
        learning_rate: At its highest.
        warmup: Share of the steps in which the rate rises; then it falls to 0 in a line.
        weight_decay: Of AdamW.
        evaluate_steps: The held-out rows are scored every so many steps.
        patience: Training stops after so many evaluations without a better one.
        save_steps: A checkpoint is written every so many steps.

    Raises:
        UsageError: If a value is out of range.
    """

    swap_question: float = 0.0
    lead_in: float = 0.0
    cut_answer: float = 0.0
    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 5e-5
    warmup: float = 0.06
    weight_decay: float = 0.01
    evaluate_steps: int = 200
    patience: int = 5
    save_steps: int = 100

    def __post_init__(self) -> None:
        DetectorSettings.__post_init__(self)  # super() does not work in a dataclass with slots
        for name in ("epochs", "batch_size", "evaluate_steps", "patience", "save_steps"):
            require_at_least_one(name, getattr(self, name))
        for name in ("swap_question", "lead_in", "cut_answer", "warmup", "weight_decay"):
            require_share(name, getattr(self, name))
        if not 0 < self.learning_rate < 1:
            raise UsageError(f"learning_rate is {self.learning_rate}; it must be above 0 and below 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSettings(LoopSettings):
    """How an encoder detector is trained. The usual values suit some ten thousand answers on two cores.

    Attributes:
        categories: Kinds of harm to tell apart, as they stand in the metadata under `category`; may be empty.
        layers: Only the first so many layers of the base are kept; None for all.
        read_layers: After which layers the head reads, from 1; None for the last two thirds.
        head_rate: How many times the learning rate the head gets, which begins from nothing.
        pairwise_weight: How much a harmful and a harmless answer to one question are compared, beside what
            each is by itself; at 0 they are not.
        label_smoothing: Share of probability given to the other class.
        max_int8_loss: Largest loss of AUROC by int8 that is accepted.

    Raises:
        UsageError: If a value is out of range.
    """

    categories: tuple[str, ...] = ()
    layers: int | None = None
    read_layers: tuple[int, ...] | None = None
    head_rate: float = 20.0
    pairwise_weight: float = 0.0
    label_smoothing: float = 0.0
    max_int8_loss: float = 0.005

    def __post_init__(self) -> None:
        LoopSettings.__post_init__(self)
        for name in ("label_smoothing", "max_int8_loss"):
            require_share(name, getattr(self, name))
        if self.layers is not None and self.layers < 1:
            raise UsageError(f"layers is {self.layers}; it must be at least 1.")
        if len(set(self.categories)) < len(self.categories) or len(self.categories) == 1:
            raise UsageError("Give no category, or two or more that differ.")
        if not 0 < self.head_rate * self.learning_rate < 1:
            raise UsageError(
                f"head_rate is {self.head_rate} and learning_rate {self.learning_rate}; their product must "
                "be above 0 and below 1."
            )
        if not 0 <= self.pairwise_weight < 1000:
            raise UsageError(
                f"pairwise_weight is {self.pairwise_weight}; it must be 0 or more, and below 1000."
            )
        if self.pairwise_weight and self.batch_size < 2:
            raise UsageError("batch_size is 1, and no two answers can be compared. Give 2 or more.")

    def to_json(self) -> dict[str, object]:
        return {**asdict(self), "categories": list(self.categories)}


def require_at_least_one(name: str, value: int) -> None:
    """Refuse a number below 1.

    Raises:
        UsageError: If it is one.
    """
    if value < 1:
        raise UsageError(f"{name} is {value}; it must be at least 1.")


def require_share(name: str, value: float) -> None:
    """Refuse a value that is not between 0 and 1, both included.

    Raises:
        UsageError: If it is not.
    """
    if not 0 <= value <= 1:
        raise UsageError(f"{name} is {value}; it must lie between 0 and 1.")
