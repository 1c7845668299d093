"""What would a model say after tuning? Tune a plain model on some questions and probe others with it.

The folds of `sure-crossfit` and the rehearsal of the conflict filter are both this. A model that is tuned
once stays in its folder, so a build that was killed goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from levelhead.errors import LevelheadError, RunFolderError, UsageError
from levelhead.honesty._labels import Labelled
from levelhead.honesty._prompts import PromptFormat
from levelhead.honesty._rows import ProbeRow
from levelhead.honesty._targets import dialogue_of
from levelhead.records import Example
from levelhead.running import json_text, write_whole
from levelhead.training import Dialogue, TuningSettings, tune

_ADAPTER, _DONE = "adapter", "tuned.json"


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
        raise UsageError("sure-crossfit and the conflict filter ask tuned models: give build a probe_model.")
    lessons = [
        dialogue_of(Labelled(row, None), "vanilla", workshop.form, workshop.seed)
        for row in taught
        if row.answers
    ]
    workshop.say(f"{label}: tuning on {len(lessons):,} questions")
    name = _tune_once(lessons, folder, workshop)
    workshop.say(f"{label}: asking {len(asked):,} questions")
    examples = [row.to_example() for row in asked]
    found = {row.id: row for row in workshop.probe(name, examples, folder / "probe", workshop.form)}
    if missing := [row.id for row in asked if row.id not in found]:
        raise LevelheadError(
            f"The probe of {name} left out {len(missing):,} of {len(asked):,} questions, such as "
            f"{missing[0]!r}. Remove {folder / 'probe'} and start the same command again."
        )
    return found


def _tune_once(dialogues: Sequence[Dialogue], folder: Path, workshop: Workshop) -> str:
    """Tune, unless the folder holds what it would make; the name of the tuned model."""
    settings = workshop.tuning or TuningSettings()
    made_of = {"base": workshop.base, "settings": asdict(settings), "dialogues": _hash(dialogues)}
    done = folder / _DONE
    if done.is_file():
        _require_same(done, made_of)
    else:
        tune(workshop.base, dialogues, folder / _ADAPTER, settings)
        write_whole(done, [json_text(made_of, indent=2), "\n"])
    return f"{workshop.base}+{folder / _ADAPTER}"


def _require_same(done: Path, made_of: Mapping[str, object]) -> None:
    try:
        earlier = json.loads(done.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"{done} cannot be read ({error}). Remove {done.parent} and start again."
        ) from error
    # By way of JSON, so that a tuple equals the list that is read back.
    if earlier != json.loads(json_text(made_of)):
        raise RunFolderError(
            f"{done.parent} holds a model that was tuned on another base, with other settings or on other "
            "questions. Remove it to tune anew, or give another --out."
        )


def _hash(dialogues: Sequence[Dialogue]) -> str:
    facts = [[dialogue.id, dialogue.prompt.to_json()] for dialogue in dialogues]
    return hashlib.sha256(json_text(facts).encode()).hexdigest()
