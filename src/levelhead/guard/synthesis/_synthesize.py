"""Run the stages into a run folder.

The recipe is that of MLLM-Protector's Safe-Harm data (Pi et al. 2024): list scenarios, ask for questions in
each, then for an acceptable and an unacceptable answer to each. There one hosted model wrote all; here the
operator's own does, every reply is checked, and a person reads the pairs before they are used.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.guard.synthesis._replies import Failure
from levelhead.guard.synthesis._rows import SUITE, SynthesisRow
from levelhead.guard.synthesis._scenarios import Scenario
from levelhead.guard.synthesis._settings import SynthesisSettings
from levelhead.guard.synthesis._stages import (
    answer_acceptably,
    answer_unacceptably,
    different,
    questions_of,
    scenarios_of,
)
from levelhead.models import Model
from levelhead.running import Manifest, ObjectWriter, ProgressStyle, RunFolder

_SAME_WORDS = 1.0


@dataclass(frozen=True, slots=True)
class SynthesisReport:
    """What a synthesis brought.

    Attributes:
        scenarios: Scenarios that were worked on.
        questions: Questions that were written, duplicates among them.
        pairs: Questions with both answers.
        failed: By stage and reason, rows that ended there.
        requests: Requests to the model, second tries left out.
        repaired: Requests whose second try could be used.
        no_answer: The first reason of a row that got no answer at all, if any: such rows are asked again when
            the command is started again.
    """

    scenarios: int
    questions: int
    pairs: int
    failed: dict[str, dict[str, int]]
    requests: int
    repaired: int
    no_answer: str | None

    def to_json(self) -> dict[str, object]:
        """The counts as plain data."""
        return {
            "scenarios": self.scenarios,
            "questions": self.questions,
            "pairs": self.pairs,
            "failed": self.failed,
            "requests": self.requests,
            "repaired": self.repaired,
        }


def synthesize(
    model: Model,
    out: Path,
    settings: SynthesisSettings,
    *,
    scenarios: Sequence[Scenario] = (),
    topics: Sequence[str] = (),
    data_path: Path | None = None,
    progress: ProgressStyle | None = None,
) -> SynthesisReport:
    """Have a model write questions and two answers to each, and fill a run folder.

    Args:
        model: Who writes.
        out: The run folder. A run that it holds is gone on with if model, settings and scenarios are the
            same.
        settings: How much is asked for, and how.
        scenarios: What is asked about; or none, and
        topics: Topics to ask the model for scenarios.
        data_path: Where scenarios or topics were read from; noted in the manifest.
        progress: How progress is shown.

    Returns:
        What it brought; `rows.jsonl` has a row for everything that was written or failed.

    Raises:
        UsageError: If both scenarios and topics are given, or neither.
        ModelError: If the model fails as a whole. What it wrote before is kept.
        RunFolderError: If the run folder cannot be used.
    """
    if bool(scenarios) == bool(topics):
        raise UsageError("A synthesis starts from scenarios or from topics: give one of the two.")
    manifest = Manifest.describe(
        model,
        data_hash=_hash_of(scenarios, topics),
        settings={SUITE: settings.to_json()},
        data_path=data_path,
    )
    with RunFolder.open(out, manifest) as folder:
        writer = ObjectWriter(model, folder, settings.sampling(), progress=progress)
        started, rows = _start(scenarios, topics, settings, writer)
        rows += answer_unacceptably(
            answer_acceptably(questions_of(started, settings, writer), writer), writer
        )
        report = _report(started, rows, writer)
        folder.write_rows(row.model_dump(mode="json") for row in rows)
        folder.write_summary({"schema": 1, "model": model.name, SUITE: report.to_json()})
    return report


def _start(
    scenarios: Sequence[Scenario], topics: Sequence[str], settings: SynthesisSettings, writer: ObjectWriter
) -> tuple[list[Scenario], list[SynthesisRow]]:
    """The scenarios to work on, and a row for each topic without any and for each scenario said before."""
    if scenarios:
        # Two that a person wrote are two, unless their words are the same.
        return different(scenarios, _SAME_WORDS)
    written, failed = scenarios_of(list(dict.fromkeys(topics)), settings, writer)
    kept, repeated = different(written, settings.near_duplicate)
    return kept, [*failed, *repeated]


def _report(
    scenarios: Sequence[Scenario], rows: Sequence[SynthesisRow], writer: ObjectWriter
) -> SynthesisReport:
    failed: dict[str, Counter[str]] = {}
    for row in rows:
        if row.failure is not None:
            failed.setdefault(row.stage, Counter())[row.failure.value] += 1
    return SynthesisReport(
        scenarios=len(scenarios),
        questions=sum(row.question is not None for row in rows),
        pairs=sum(row.stage == "done" for row in rows),
        failed={stage: dict(sorted(counts.items())) for stage, counts in failed.items()},
        requests=writer.asked,
        repaired=writer.repaired,
        no_answer=next((row.why for row in rows if row.failure is Failure.NO_ANSWER), None),
    )


def _hash_of(scenarios: Sequence[Scenario], topics: Sequence[str]) -> str:
    facts = [[[one.category, one.text] for one in scenarios], list(topics)]
    return hashlib.sha256(json.dumps(facts).encode("ascii")).hexdigest()
