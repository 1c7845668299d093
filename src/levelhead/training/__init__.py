"""Tune a model on dialogues: the only room that knows TRL and peft.

    report = tune("embedded", read_dialogues(Path("data/train.jsonl")), Path("adapter"))

This room knows nothing about what the dialogues teach or where they come from.
"""

from levelhead.training._classifier import AdaptedClassifier, AdapterSettings, require_peft
from levelhead.training._dialogues import Dialogue, read_dialogues, write_dialogues
from levelhead.training._merge import merge
from levelhead.training._processes import is_first_process
from levelhead.training._report import Evaluate, Goodness, TuningReport
from levelhead.training._settings import TuningSettings
from levelhead.training._tokens import LossShare, LossSpan, show_loss
from levelhead.training._tune import loss_share, loss_spans, tune

__all__ = [
    "AdaptedClassifier",
    "AdapterSettings",
    "Dialogue",
    "Evaluate",
    "Goodness",
    "LossShare",
    "LossSpan",
    "TuningReport",
    "TuningSettings",
    "is_first_process",
    "loss_share",
    "loss_spans",
    "merge",
    "read_dialogues",
    "require_peft",
    "show_loss",
    "tune",
    "write_dialogues",
]
