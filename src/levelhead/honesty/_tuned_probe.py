"""What would a model say after tuning? Tune a plain model on some questions and probe others with it.

The folds of `sure-crossfit` and the rehearsal of the conflict filter are both this. A model that is tuned
once stays in its folder, so a build that was killed goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from levelhead.errors import LevelheadError
from levelhead.honesty._labels import Labelled
from levelhead.honesty._prompts import PromptFormat
from levelhead.honesty._rows import ProbeRow
from levelhead.honesty._targets import dialogue_of
from levelhead.records import Example

if TYPE_CHECKING:
    from levelhead.training import Dialogue


class ProbeModel(Protocol):
    """Loads a model by its name and probes it in a format; a run that the folder holds is gone on with."""

    def __call__(
        self, model: str, examples: Sequence[Example], folder: Path, form: PromptFormat, /
    ) -> Sequence[ProbeRow]:
        """The rows of the questions, in order."""


class TuneModel(Protocol):
    """Tunes the base model on dialogues; tuning that the folder holds is gone on with, or is kept if done."""

    def __call__(self, dialogues: Sequence[Dialogue], folder: Path, /) -> str:
        """The name under which the tuned model is loaded."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What tuning and probing need.

    Attributes:
        tune: Tunes the base model.
        probe: Probes a tuned one.
        form: The format of both.
        seed: Of the targets.
        say: Called with a sentence before each long step.
    """

    tune: TuneModel
    probe: ProbeModel
    form: PromptFormat
    seed: int = 0
    say: Callable[[str], None] = lambda sentence: None


def probe_after_tuning(
    taught: Sequence[ProbeRow], asked: Sequence[ProbeRow], folder: Path, workshop: Workshop, *, label: str
) -> Mapping[str, ProbeRow]:
    """Tune a plain model (gold answers, no tail) on some questions and ask it others.

    Args:
        taught: The questions to tune on; those without an answer are left out.
        asked: The questions to ask.
        folder: Its `adapter` and `probe` folders hold what is made.
        workshop: How to tune and probe.
        label: What this is, for progress.

    Returns:
        The rows of the questions asked, by id.

    Raises:
        LevelheadError: If tuning or probing fails, or the probe leaves out a question.
    """
    lessons = [
        dialogue_of(Labelled(row, None), "vanilla", workshop.form, workshop.seed)
        for row in taught
        if row.answers
    ]
    workshop.say(f"{label}: tuning on {len(lessons):,} questions")
    name = workshop.tune(lessons, folder / "adapter")
    workshop.say(f"{label}: asking {len(asked):,} questions")
    examples = [row.to_example() for row in asked]
    found = {row.id: row for row in workshop.probe(name, examples, folder / "probe", workshop.form)}
    if missing := [row.id for row in asked if row.id not in found]:
        raise LevelheadError(
            f"The probe of {name} left out {len(missing):,} of {len(asked):,} questions, such as "
            f"{missing[0]!r}. Remove {folder / 'probe'} and start the same command again."
        )
    return found
