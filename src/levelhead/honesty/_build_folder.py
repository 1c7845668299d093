"""The folder of a build, and what it says about itself.

train.jsonl       the dialogues; the last file to appear, so that a folder with it is complete
build.json        how they were made
label_noise.json  how far the labels hang on the way of asking
folds, rehearsal  models that were tuned on the way, kept for a build that is gone on with

A build goes on in a folder that it began, and is refused in one that holds something else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from levelhead.errors import RunFolderError, UsageError
from levelhead.honesty._crossfit import FOLDS
from levelhead.honesty._probe_folders import ProbeSource
from levelhead.honesty._prompts import PromptFormat, format_from_json
from levelhead.running import json_text, write_whole

TRAIN, BUILD, NOISE, LOCK = "train.jsonl", "build.json", "label_noise.json", "build.lock"
REHEARSAL = "rehearsal"
_DRAFT = f".{TRAIN}.draft"
_BEFORE_BUILD = {FOLDS, REHEARSAL, LOCK}


class TaskCounts(BaseModel):
    """What became of the questions of one task.

    Attributes:
        questions: As probed.
        sure: Kept as sure.
        unsure: Kept as unsure.
        unlabelled: Kept without a label (`vanilla`).
        dropped: Left out, by reason.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    questions: int
    sure: int
    unsure: int
    unlabelled: int
    dropped: dict[str, int]

    @property
    def kept(self) -> int:
        """Questions of the task that are taught."""
        return self.sure + self.unsure + self.unlabelled


class LossFacts(BaseModel):
    """How much of the text is learned from.

    Attributes:
        tokens: Tokens of all dialogues, pictures left out.
        in_loss: Those in the loss.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: int
    in_loss: int

    @property
    def share(self) -> float:
        """Share of tokens in the loss, 0..1."""
        return self.in_loss / self.tokens


class OwnCounts(BaseModel):
    """How the models of one partition answered; right, wrong and failed ones are all of its questions.

    Attributes:
        right: Answers that are right.
        wrong: Answers that are not.
        empty: Of the wrong ones, those without a word; there is nothing to quote.
        repeated: Of the wrong ones, those that an earlier partition gave too; they are quoted once.
        failed: Questions that the model failed to answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    right: int
    wrong: int
    empty: int
    repeated: int
    failed: int


class OwnFacts(BaseModel):
    """What tuned models answered, and how much of it is taught.

    Attributes:
        partitions: Counts of all questions, by partition, before any is taken away for the mix.
        quoted: Dialogues that quote a wrong answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    partitions: dict[str, OwnCounts]
    quoted: int


class BuildFacts(BaseModel):
    """The content of `build.json`.

    Attributes:
        schema_version: Version of this form; `schema` in the file.
        method: The method, for quick reading; it stands in the settings too.
        settings: `BuildSettings`.
        format: The format that the model is tuned in, and has to be evaluated in.
        base: Name of the model to be tuned.
        fingerprint: Identity of the model that was probed.
        probes: The runs that the dialogues were made of.
        tuning: Settings of the models that were tuned on the way; None if none was.
        tasks: Counts, by task.
        loss: How much of the text is learned from.
        crossfit: `sure-crossfit`: how the labels of tuned models differ from those of the base.
        own_answers: `sure-own`: what tuned models answered.
        static_conflicts: Conflict filter: unsure questions that are nearly the same as a sure one.
        data_hash: SHA-256 of `train.jsonl`.
        version: Of Levelhead.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = Field(1, alias="schema")
    method: str
    settings: dict[str, JsonValue]
    format: dict[str, Any]
    base: str
    fingerprint: str
    probes: list[ProbeSource]
    tuning: dict[str, JsonValue] | None
    tasks: dict[str, TaskCounts]
    loss: LossFacts
    crossfit: dict[str, JsonValue] | None
    own_answers: OwnFacts | None = None
    static_conflicts: int | None
    data_hash: str
    version: str

    @property
    def form(self) -> PromptFormat:
        """`format` as an object."""
        return format_from_json(self.format)

    @property
    def dialogues(self) -> int:
        """Dialogues in all."""
        quoting = 0 if self.own_answers is None else self.own_answers.quoted
        return sum(task.kept for task in self.tasks.values()) + quoting


def read_build(path: Path) -> BuildFacts:
    """Read what a finished build says about itself.

    Raises:
        UsageError: If there is no build at this place.
        RunFolderError: If it has not finished, or its files do not belong together.
    """
    facts = _read_facts(path)
    if facts is None:
        raise UsageError(
            f"{path} holds no training data: {BUILD} is missing. Make some with: levelhead honesty build "
            f"PROBE --out {path}"
        )
    if not (path / TRAIN).is_file():
        raise RunFolderError(f"The build in {path} has not finished. Start its command again.")
    if _hash(path / TRAIN) != facts.data_hash:
        raise RunFolderError(
            f"{path / TRAIN} was changed after it was built: its hash is not the one in {BUILD}. Build again "
            "into another folder."
        )
    return facts


def check_folder(path: Path) -> None:
    """See that a folder is new, empty or one of ours: we never write into one of another kind.

    Raises:
        RunFolderError: If it is not.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        # A build that was killed may have left drafts.
        names = {entry.name for entry in path.iterdir() if entry.suffix != ".draft"}
    except OSError as error:
        raise RunFolderError(
            f"Cannot use the folder {path} ({error.strerror}). Check the path and its permissions, or give "
            "another --out."
        ) from error
    if BUILD in names:
        _read_facts(path)
    elif foreign := names - _BEFORE_BUILD:
        raise RunFolderError(
            f"{path} is no folder of training data: it holds {min(foreign)!r} but no {BUILD}. Nothing was "
            "written. Give an --out that is empty or does not exist yet."
        )


def write_build(
    path: Path,
    write_train: Callable[[Path], None],
    describe: Callable[[str], BuildFacts],
    noise: Mapping[str, Any],
) -> BuildFacts:
    """Write the files of a build, `train.jsonl` last.

    Args:
        path: The folder, which this process has locked.
        write_train: Writes the dialogues to a file.
        describe: From the hash of that file to the content of `build.json`.
        noise: The content of `label_noise.json`.

    Returns:
        What was written to `build.json`.

    Raises:
        RunFolderError: If the folder holds a build that was made otherwise, or cannot be written.
    """
    draft = path / _DRAFT
    try:
        write_train(draft)
        facts = describe(_hash(draft))
        _require_same(path, facts)
        write_whole(path / BUILD, [json_text(facts.model_dump(mode="json", by_alias=True), indent=2), "\n"])
        write_whole(path / NOISE, [json_text(noise, indent=2), "\n"])
        draft.replace(path / TRAIN)
    except OSError as error:
        raise RunFolderError(f"Cannot write to {path} ({error.strerror}). Free some space.") from error
    finally:
        draft.unlink(missing_ok=True)
    return facts


def _require_same(path: Path, facts: BuildFacts) -> None:
    earlier = _read_facts(path)
    if earlier is None:
        return
    there, now = _determining(earlier), _determining(facts)
    changed = [name for name in now if there.get(name) != now[name]]
    if changed:
        differences = [f"\n  {name}: {there.get(name, 'not set')} -> {now[name]}" for name in changed]
        raise RunFolderError(
            f"{path} holds training data that was made otherwise (there -> now):{''.join(differences)}\nGive "
            f"another --out. Tuned models can be taken along: copy {FOLDS} and {REHEARSAL} into it."
        )


def _determining(facts: BuildFacts) -> dict[str, str]:
    settings = {f"settings.{name}": str(value) for name, value in sorted(facts.settings.items())}
    return settings | {
        "format": json_text(facts.format),
        "base": facts.base,
        "probed model": facts.fingerprint,
        "probes": ", ".join(source.hash[:12] for source in facts.probes),
        "data": facts.data_hash[:12],
    }


def _read_facts(path: Path) -> BuildFacts | None:
    file = path / BUILD
    if not file.is_file():
        return None
    try:
        return BuildFacts.model_validate_json(file.read_bytes())
    except OSError as error:
        raise RunFolderError(f"Cannot read {file} ({error.strerror}). Check its permissions.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file as a whole"
        raise RunFolderError(
            f"{file} is damaged or not a build of this version of Levelhead ({place}: {first['msg']}). "
            "Nothing was changed. Give another folder."
        ) from error


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
