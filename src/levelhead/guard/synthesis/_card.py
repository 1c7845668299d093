"""The card of exported data: who wrote it, who read it, and what it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from levelhead.guard.synthesis._rows import SUITE, SynthesisRow
from levelhead.running import Run, json_text


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was exported.

    Attributes:
        pairs: The file of labelled answers, two for each row.
        rewrites: The file of rewrites, one for each row.
        card: The file that says where they come from.
        rows: Rows that were exported.
        unreviewed: Those among them that nobody decided on.
        swapped: Those among them whose answers changed places.
        dropped: Finished rows that a person dropped.
        undecided: Finished rows that were left out because nobody decided on them.
    """

    pairs: Path
    rewrites: Path
    card: Path
    rows: int
    unreviewed: int
    swapped: int
    dropped: int
    undecided: int


def data_card(
    run: Run, rows: Sequence[SynthesisRow], exported: Sequence[SynthesisRow], report: ExportReport
) -> str:
    """The card, as Markdown. It quotes no question and no answer.

    Args:
        run: The synthesis.
        rows: All of its rows.
        exported: Those that were exported.
        report: How they were chosen.
    """
    manifest = run.manifest
    finished = manifest.finished or manifest.created
    failed = Counter((row.stage, row.failure.value) for row in rows if row.failure is not None)
    categories = Counter(row.category for row in exported)
    return "\n".join(
        [
            "# Answers written by a model, acceptable and unacceptable\n",
            f"`{report.pairs.name}` holds {2 * report.rows:,} labelled answers to {report.rows:,} questions, "
            f"`{report.rewrites.name}` each unacceptable answer with the acceptable one as its rewriting. "
            "Made by `levelhead guard synthesise` after the recipe of MLLM-Protector's Safe-Harm data.\n",
            "## Who wrote it\n",
            f"- Model: `{_public_name(manifest.model.name)}` (fingerprint "
            f"`{manifest.model.fingerprint[:12]}`), {finished:%Y-%m-%d}. "
            "Whether its terms allow training on what it writes is for you to check.",
            f"- Scenarios: SHA-256 `{manifest.data.hash}`",
            f"- Settings: `{json_text(manifest.settings[SUITE])}`\n",
            "## Who read it\n",
            _review_sentence(report),
            "",
            "## What did not come through\n",
            _table(("stage", "reason", "rows"), [(*key, count) for key, count in sorted(failed.items())])
            if failed
            else "Nothing failed.",
            "\n## Questions by category\n",
            _table(("category", "questions"), sorted(categories.items())),
            "\n## Limits\n",
            "One model's idea of harm, in one style: a detector trained on nothing else learns that style. "
            "Both answers to a question, and all questions of a scenario, share a `goal`; split by it. "
            "Unacceptable answers may offend and may be wrong; do not show them to the public.\n",
        ]
    )


def _public_name(name: str) -> str:
    """What a model is called outside of this machine: without the address of its server or its folder.

    >>> _public_name("openai:qwen3@http://10.0.0.7:8000/v1"), _public_name("hf:/home/ada/models/small")
    ('openai:qwen3', 'small')
    """
    if name.startswith("openai:"):
        return name.partition("@http")[0]
    parts = [Path(part) for part in name.removeprefix("hf:").split("+")]
    return "+".join(part.name if part.is_absolute() or part.exists() else str(part) for part in parts)


def _review_sentence(report: ExportReport) -> str:
    read = report.rows - report.unreviewed
    counts = (
        f"A person passed {read:,} rows ({report.swapped:,} of them with the answers swapped) and dropped "
        f"{report.dropped:,}; {report.undecided:,} without a decision were left out."
    )
    if not report.unreviewed:
        return counts
    return (
        f"**{report.unreviewed:,} of {report.rows:,} rows were read by nobody** (exported with "
        f"--unreviewed), so their labels are the model's own. {counts}"
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(' '.join(str(cell).split()).replace('|', chr(92) + '|') for cell in line)} |"
        for line in lines
    )
