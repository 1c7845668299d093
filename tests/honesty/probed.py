"""Rows of a probe and their run folders, made by hand, for the tests of the build."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from levelhead.honesty._agreement import clusters, entropy, text_entropy
from levelhead.honesty._prompts import PromptFormat
from levelhead.honesty._rows import ProbeRow, SampleFacts
from levelhead.running import Manifest, RunFolder
from tests.fakes import FakeModel

GOLD = "gold"


def sampled(texts: Sequence[str]) -> SampleFacts:
    """What these samples say of a question whose answer is `GOLD`."""
    found = clusters(texts, "words")
    right = sum(text == GOLD for text in texts)
    return SampleFacts(
        texts=list(texts),
        correct=right,
        correct_paper=right,
        agreement=1.0,
        vote=texts[found[0][0]],
        vote_share=len(found[0]) / len(texts),
        entropy=text_entropy(texts),
        semantic_entropy=entropy(map(len, found)),
    )


def probe_row(name: str, *, right: bool = True, texts: Sequence[str] = (), **fields: Any) -> ProbeRow:
    """A question whose answer is `GOLD`, answered rightly or not, with samples if texts are given."""
    usual: dict[str, Any] = {
        "id": name,
        "question": f"What is {name}?",
        "answers": [GOLD],
        "answer": GOLD if right else "lead",
        "confidence": 0.9 if right else 0.2,
        "refused": False,
        "correct": right,
        "correct_paper": right,
        "samples": sampled(texts) if texts else None,
    }
    return ProbeRow(**(usual | fields))


def choice_row(name: str, log_probs: Sequence[float], **fields: Any) -> ProbeRow:
    """A question with two choices, the second being right, as scored."""
    right = log_probs[1] > log_probs[0]
    return probe_row(
        name,
        right=right,
        choices=["lead", GOLD],
        answer="B" if right else "A",
        option_log_probs=list(log_probs),
        **fields,
    )


def unanswerable_row(name: str, **fields: Any) -> ProbeRow:
    """A question that has no answer."""
    return probe_row(name, answers=None, correct=None, correct_paper=None, **fields)


def mixed_rows(known: int = 4, unknown: int = 4, *, prefix: str = "", **fields: Any) -> list[ProbeRow]:
    """So many known questions, and so many unknown ones."""
    return [probe_row(f"{prefix}k{number}", **fields) for number in range(known)] + [
        probe_row(f"{prefix}u{number}", right=False, **fields) for number in range(unknown)
    ]


def probe_folder(
    path: Path,
    rows: Sequence[ProbeRow],
    *,
    form: PromptFormat | None = None,
    model: FakeModel | None = None,
    kind: str = "probe",
    temperature: float | None = None,
) -> Path:
    """A finished probe run with these rows."""
    settings = {
        "suite": "honesty",
        "kind": kind,
        "format": (form or PromptFormat()).to_json(),
        "temperature": temperature,
    }
    manifest = Manifest.describe(model or FakeModel(), data_hash="d", settings=settings)
    with RunFolder.open(path, manifest) as folder:
        folder.write_rows(row.model_dump() for row in rows)
        folder.write_summary({"schema": 1})
    return path
