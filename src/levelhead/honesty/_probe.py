"""Probing: what does a model know? One greedy answer per question, and if wanted N sampled ones.

The rows are a table of graded samples; how they become labels is left to the build. Rows are ordered like
the questions, and a question that failed stands among them with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from levelhead.honesty._asking import Asking, answer, check_examples, hash_of, judged, sample
from levelhead.honesty._rows import ProbeRow
from levelhead.metrics import mean, proportion
from levelhead.models import Model
from levelhead.records import Example
from levelhead.running import Manifest, RunFolder


def probe(
    model: Model, examples: Sequence[Example], out: Path, asking: Asking, *, data_path: Path | None = None
) -> list[ProbeRow]:
    """Ask a model every question and fill a run folder with what it knows.

    Args:
        model: Who is asked.
        examples: The questions. Those without an answer (`answers` None) are asked too.
        out: The run folder; a run that it holds is gone on with if model, questions and settings are the
            same.
        asking: How they are asked.
        data_path: Where the questions lie, for the manifest.

    Returns:
        The rows of `rows.jsonl`, in the order of the questions.

    Raises:
        UsageError: If there is no question, an id stands twice, or pictures go to a model that does not see.
        ModelError: If the model fails as a whole.
        RunFolderError: If the run folder cannot be used.
    """
    check_examples(examples)
    settings = {"suite": "honesty", "kind": "probe", **asking.to_json()}
    manifest = Manifest.describe(model, data_hash=hash_of(examples), settings=settings, data_path=data_path)
    with RunFolder.open(out, manifest) as folder:
        answers = answer(model, examples, asking, folder)
        samples = sample(model, examples, answers, asking, folder)
        rows = [
            ProbeRow(**judged(example, answered), samples=drawn)
            for example, answered, drawn in zip(examples, answers, samples, strict=True)
        ]
        folder.write_rows(row.model_dump() for row in rows)
        folder.write_summary(
            {"schema": 1, "model": model.name, "questions": len(rows), "probe": probe_numbers(rows)}
        )
    return rows


def probe_numbers(rows: Sequence[ProbeRow]) -> dict[str, Any]:
    """How much a model knows, each number with its interval, clustered by group.

    Returns:
        `known` and `known_paper` (share of questions answered right, by rule), `rules_disagree`, with samples
        `agreement`, `entropy` and `semantic_entropy` (means, entropies in nats), and the count `failed`.
        Numbers that no row bears on are left out.
    """
    graded = [row for row in rows if row.correct is not None]
    sampled = [(row, row.samples) for row in rows if row.samples is not None]
    numbers: dict[str, Any] = {"failed": sum(row.error is not None for row in rows)}
    if graded:
        groups = _clusters(graded)
        numbers["known"] = proportion([bool(row.correct) for row in graded], clusters=groups).to_json()
        numbers["known_paper"] = proportion(
            [bool(row.correct_paper) for row in graded], clusters=groups
        ).to_json()
        differing = [row.correct != row.correct_paper for row in graded]
        numbers["rules_disagree"] = proportion(differing, clusters=groups).to_json()
    if sampled:
        groups = _clusters([row for row, _ in sampled])
        for name in ("agreement", "entropy", "semantic_entropy"):
            numbers[name] = mean([getattr(facts, name) for _, facts in sampled], clusters=groups).to_json()
    return numbers


def _clusters(rows: Sequence[ProbeRow]) -> list[str]:
    return [row.group if row.group is not None else f"row {row.id}" for row in rows]
