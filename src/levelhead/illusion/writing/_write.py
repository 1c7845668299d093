"""Have a model write questions, in rounds until there are enough that pass, into a run folder.

The paper had GPT-4 write its questions, by examples and detailed instructions, and released neither; here any
model writes, every question is checked, and a person reads what passed before it becomes a bank.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.illusion._questions import Question, load_questions
from levelhead.illusion.writing._checks import checked_rows, confirmed, without_repetitions
from levelhead.illusion.writing._desk import Desk
from levelhead.illusion.writing._rows import SUITE, Rejection
from levelhead.illusion.writing._settings import WritingSettings
from levelhead.illusion.writing._subjects import Subject
from levelhead.models import Model
from levelhead.running import Manifest, ObjectWriter, ProgressStyle, RunFolder


@dataclass(frozen=True, slots=True)
class WritingReport:
    """What a writing run brought.

    Attributes:
        wanted: Questions that were wanted, of all subjects.
        written: Rows: questions, and requests that brought none.
        passed: By category, questions that passed all checks.
        mended: Those among them that broke a rule at first and were mended by the model.
        rejected: By category and reason, rows that did not pass.
        requests: Requests for questions and repairs, second tries left out.
        no_answer: The first reason of a row that got no answer at all, if any: such rows are asked again when
            the command is started again.
    """

    wanted: int
    written: int
    passed: dict[str, int]
    mended: int
    rejected: dict[str, dict[str, int]]
    requests: int
    no_answer: str | None

    @property
    def reasons(self) -> dict[str, int]:
        """Rows that did not pass, by reason, the most frequent first."""
        counts: Counter[str] = Counter()
        for of_category in self.rejected.values():
            counts.update(of_category)
        return dict(counts.most_common())

    def to_json(self) -> dict[str, object]:
        """The counts as plain data."""
        return {
            "wanted": self.wanted,
            "written": self.written,
            "passed": self.passed,
            "mended": self.mended,
            "rejected": self.rejected,
            "requests": self.requests,
        }


def write_questions(
    model: Model,
    out: Path,
    settings: WritingSettings,
    subjects: Sequence[Subject],
    *,
    own_bank: Sequence[Question] = (),
    data_path: Path | None = None,
    progress: ProgressStyle | None = None,
) -> WritingReport:
    """Have a model write questions, check each, and fill a run folder.

    Args:
        model: Who writes, and who is asked the questions again.
        out: The run folder. A run that it holds is gone on with if model, settings and subjects are the same.
        settings: How much is asked for, and how.
        subjects: What about.
        own_bank: Questions that must not be asked again, beside those of the built-in bank.
        data_path: Where names were read from; noted in the manifest.
        progress: How progress is shown.

    Returns:
        What it brought; `rows.jsonl` has a row for everything that was written or failed.

    Raises:
        UsageError: If there is no subject, or two have one category.
        ModelError: If the model fails as a whole. What it wrote before is kept.
        RunFolderError: If the run folder cannot be used.
    """
    categories = [subject.category for subject in subjects]
    if not subjects or len(set(categories)) < len(categories):
        raise UsageError(f"Give one subject or several different ones, not {categories}.")
    bank = load_questions()
    known = [*bank, *own_bank]
    manifest = Manifest.describe(
        model,
        data_hash=_hash_of(subjects, known),
        settings={SUITE: settings.to_json()},
        data_path=data_path,
    )
    with RunFolder.open(out, manifest) as folder:
        writer = ObjectWriter(model, folder, settings.writing(), constrained=True, progress=progress)
        desk = Desk(subjects, settings, bank, known)
        for turn in range(settings.rounds):
            if not (requests := list(desk.requests(turn))):
                break
            drafts = desk.drafts_of(requests, writer, turn)
            rows = without_repetitions(
                checked_rows(drafts, writer), subjects, settings, known=known, written=desk.questions()
            )
            desk.add(confirmed(rows, model, settings, folder=folder, progress=progress))
        report = _report(desk, writer)
        folder.write_rows(row.model_dump(mode="json") for row in desk.rows)
        folder.write_summary({"schema": 1, "model": model.name, SUITE: report.to_json()})
    return report


def _report(desk: Desk, writer: ObjectWriter) -> WritingReport:
    categories = [subject.category for subject in desk.subjects]
    passed = Counter(row.category for row in desk.passed())
    rejected = {
        category: Counter(
            row.rejection.value for row in desk.rows if row.category == category and row.rejection
        )
        for category in categories
    }
    return WritingReport(
        wanted=desk.settings.count * len(categories),
        written=len(desk.rows),
        passed={category: passed[category] for category in categories},
        mended=sum(row.mended for row in desk.passed()),
        rejected={category: dict(sorted(counts.items())) for category, counts in rejected.items() if counts},
        requests=writer.asked,
        no_answer=next((row.why for row in desk.rows if row.rejection is Rejection.NO_ANSWER), None),
    )


def _hash_of(subjects: Sequence[Subject], known: Sequence[Question]) -> str:
    facts = [
        [[one.category, one.topic, *one.names] for one in subjects],
        [one.model_dump(mode="json") for one in known],
    ]
    return hashlib.sha256(json.dumps(facts).encode("ascii")).hexdigest()
