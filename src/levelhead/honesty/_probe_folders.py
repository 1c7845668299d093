"""Probe runs as the source of a build: several of them, for several tasks, of one model."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from levelhead.errors import UsageError
from levelhead.honesty._label_noise import OtherProbe
from levelhead.honesty._prompts import PromptFormat, format_from_json
from levelhead.honesty._rows import ProbeRow, rows_from
from levelhead.running import Run, json_text, read_run

_EYES = "+ocr"


class ProbeSource(BaseModel):
    """One probe run that a build was made of.

    Attributes:
        path: Where it lay.
        hash: Of its rows.
        questions: How many they are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    hash: str
    questions: int


@dataclass(frozen=True, slots=True)
class Probed:
    """What one model knows of the questions of one or several probe runs.

    Attributes:
        rows: All questions, each with an id of its own.
        form: The format that they were asked in; None if the runs differ in it.
        model: Name of the model.
        fingerprint: Its identity.
        sources: The runs.
    """

    rows: list[ProbeRow]
    form: PromptFormat | None
    model: str
    fingerprint: str
    sources: list[ProbeSource]


def read_probes(paths: Sequence[Path]) -> Probed:
    """Read finished probe runs.

    Where two runs use the same id, every id gets its task put before it.

    Args:
        paths: Run folders of `levelhead honesty probe`.

    Raises:
        UsageError: If there is none, one is no probe, the models differ, or ids are not unique within a task.
        RunFolderError: If a run has not finished or is damaged.
    """
    if not paths:
        raise UsageError("No probe run was given. Give the --out of: levelhead honesty probe")
    runs = [_read_probe(path) for path in paths]
    first = runs[0].manifest
    for run in runs[1:]:
        _require_same_model(runs[0], run)
    listed = [_rows(run) for run in runs]
    forms = [_form(run) for run in runs]
    sources = [
        ProbeSource(path=str(run.path), hash=_hash(rows), questions=len(rows))
        for run, rows in zip(runs, listed, strict=True)
    ]
    return Probed(
        _with_own_ids([row for rows in listed for row in rows]),
        forms[0] if all(form == forms[0] for form in forms) else None,
        first.model.name,
        first.model.fingerprint,
        sources,
    )


def read_other_probes(paths: Sequence[Path]) -> list[OtherProbe]:
    """Read further probes of the same questions, for the report on label noise.

    Raises:
        UsageError: If one is no probe.
        RunFolderError: If a run has not finished or is damaged.
    """
    others = []
    for path in paths:
        run = _read_probe(path)
        temperature = run.manifest.settings.get("temperature")
        others.append(
            OtherProbe(
                str(path), float(temperature) if isinstance(temperature, int | float) else None, _rows(run)
            )
        )
    return others


def tunable_base(probed: Probed, base: str | None) -> str:
    """The name of the model that is to be tuned.

    Args:
        probed: What was probed.
        base: A name that the user gave; None for the probed model.

    Raises:
        UsageError: If the probed model cannot be tuned here, or saw pictures through eyes of its own.
    """
    if probed.model.endswith(_EYES) and any(row.images for row in probed.rows):
        raise UsageError(
            f"The questions hold pictures, which {probed.model} was told of by its separate eyes; the model "
            "that is tuned, "
            f"{probed.model.removesuffix(_EYES)}, cannot see them. Probe a vision-language model, or "
            "questions without pictures."
        )
    name = base or probed.model.removesuffix(_EYES)
    if name.startswith("openai:"):
        raise UsageError(
            f"The probed model {name} stands behind a server and cannot be tuned here. Name the checkpoint "
            "that it serves: --base hf:<folder or hub id>."
        )
    return name


def _read_probe(path: Path) -> Run:
    run = read_run(path)
    settings = run.manifest.settings
    if (settings.get("suite"), settings.get("kind")) != ("honesty", "probe"):
        raise UsageError(
            f"{path} holds a run of another kind ({settings.get('suite', 'unnamed')} "
            f"{settings.get('kind', 'run')}). Give the --out of: levelhead honesty probe"
        )
    return run


def _rows(run: Run) -> list[ProbeRow]:
    return rows_from(ProbeRow, run.rows, str(run.path))


def _form(run: Run) -> PromptFormat:
    form = run.manifest.settings.get("format")
    if not isinstance(form, dict):
        raise UsageError(f"The probe in {run.path} does not say how it asked its questions. Probe again.")
    return format_from_json(dict(form))


def _hash(rows: Sequence[ProbeRow]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json_text(row.model_dump(mode="json")).encode())
    return digest.hexdigest()


def _require_same_model(first: Run, other: Run) -> None:
    if first.manifest.model.fingerprint != other.manifest.model.fingerprint:
        raise UsageError(
            f"{first.path} was probed with {first.manifest.model} and {other.path} with "
            f"{other.manifest.model}; what one model knows says nothing of another. Probe all with one model."
        )


def _with_own_ids(rows: list[ProbeRow]) -> list[ProbeRow]:
    if len({row.id for row in rows}) < len(rows):
        rows = [row.model_copy(update={"id": f"{row.task}/{row.id}"}) for row in rows]
    name, count = Counter(row.id for row in rows).most_common(1)[0] if rows else ("", 1)
    if count > 1:
        raise UsageError(
            f"The probe runs hold {name!r} {count} times (task and id). Give each run once; further probes "
            "of the same questions go to --compare."
        )
    return rows
