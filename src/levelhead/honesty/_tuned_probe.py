"""What would a model say after tuning? Tune a plain model on some questions and probe others with it.

The folds of `sure-crossfit` and `sure-own`, and the rehearsal of the conflict filter, are this. Both steps
keep what they did in their folder, so a build that was killed goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from levelhead.errors import LevelheadError, UsageError
from levelhead.honesty._labels import Labelled
from levelhead.honesty._prompts import PromptFormat
from levelhead.honesty._rows import ProbeRow
from levelhead.honesty._targets import dialogue_of
from levelhead.records import Example
from levelhead.training import TuningSettings, tune


class ProbeModel(Protocol):
    """Loads a model by its name and probes it in a format; a run that the folder holds is gone on with."""

    def __call__(
        self, model: str, examples: Sequence[Example], folder: Path, form: PromptFormat, /
    ) -> Sequence[ProbeRow]:
        """The rows of the questions, in order."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What tuning and probing on the way of a build need.

    Attributes:
        base: Name of the model to be tuned.
        form: The format that it is tuned and probed in.
        tuning: How it is tuned; None if nothing has to be.
        probe: Probes a tuned model.
        seed: Of the targets.
        say: Called with a sentence before each long step.
    """

    base: str
    form: PromptFormat
    tuning: TuningSettings | None = None
    probe: ProbeModel | None = None
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
        UsageError: If the workshop has no probe.
        RunFolderError: If the folder holds a model that was tuned otherwise.
        LevelheadError: If tuning or probing fails, or the probe leaves out a question.
    """
    if workshop.probe is None:
        raise UsageError(
            "sure-crossfit, sure-own and the conflict filter ask tuned models: give build a probe_model."
        )
    lessons = [
        dialogue_of(Labelled(row, None), "vanilla", workshop.form, workshop.seed)
        for row in taught
        if row.answers
    ]
    workshop.say(f"{label}: tuning on {len(lessons):,} questions")
    adapter = folder / "adapter"
    facts = {"method": "vanilla", "format": workshop.form.to_json()}
    # Tuning that is done, or was killed, is found in the folder.
    tune(workshop.base, lessons, adapter, workshop.tuning, facts=facts)
    whole = workshop.tuning is not None and workshop.tuning.method == "full"
    name = f"hf:{adapter}" if whole else f"{workshop.base}+{adapter}"
    workshop.say(f"{label}: asking {len(asked):,} questions")
    examples = [row.to_example() for row in asked]
    found = {row.id: row for row in workshop.probe(name, examples, folder / "probe", workshop.form)}
    if missing := [row.id for row in asked if row.id not in found]:
        raise LevelheadError(
            f"The probe of {name} left out {len(missing):,} of {len(asked):,} questions, such as "
            f"{missing[0]!r}. Remove {folder / 'probe'} and start the same command again."
        )
    return found
