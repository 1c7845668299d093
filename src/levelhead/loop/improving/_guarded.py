"""The guard in front of the tuned model, and what it got wrong, as pairs that a detector can learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from levelhead.answers import answer_words
from levelhead.guard import (
    OFF,
    Guard,
    HarmRow,
    Judging,
    Pair,
    Protector,
    Request,
    evaluate_guard,
    load_detector,
    load_detoxifier,
    read_harm_rows,
    shares_detector,
    write_pairs,
)
from levelhead.guard.detector._load import SHIPPED_FOLDER
from levelhead.loop.improving._settings import LoopSettings
from levelhead.loop.measuring._harm import usual_judge
from levelhead.models import Model
from levelhead.running import read_run

PAIRS = "pairs.jsonl"


def guard_what_is_left(
    model: Model,
    requests: Sequence[Request],
    out: Path,
    settings: LoopSettings,
    threads: int | None,
    held: ExitStack,
) -> dict[str, Any]:
    """Evaluate the guard on what the tuned model answers, and write what it got wrong.

    `pairs.jsonl` has the answers to attacks that went through although they comply in words (harmful, unless
    a reader says otherwise) and the answers to harmless requests that were stopped (harmless).

    Args:
        model: The tuned one.
        requests: Those of the tested side.
        out: The run folder.
        settings: Names of detector, detoxifier and judge.
        threads: Processor threads; None for all.
        held: Closes what was loaded.

    Returns:
        The numbers by arm, and how many misses and false alarms were written.
    """
    detector = held.enter_context(load_detector(settings.detector or usual_judge(), threads=threads))
    rewriter = held.enter_context(load_detoxifier(settings.detoxifier, threads=threads))
    lexical = settings.judge is None and detector.name == "lexical" and SHIPPED_FOLDER.is_dir()
    judge = settings.judge or ("encoder" if lexical else "lexical")
    judges = [held.enter_context(load_detector(judge, threads=threads))]
    own = frozenset(one.name for one in judges if shares_detector(detector, one))
    summary = evaluate_guard(
        model,
        requests,
        out,
        [Guard("refuse" if settings.detoxifier == "template" else "rewrite", Protector(detector, rewriter))],
        Judging(judges, None, own),
        max_new_tokens=settings.size.harm_tokens,
        described={"detector": detector.name, "threshold": detector.threshold, "detoxifier": rewriter.name},
    )
    rows = read_harm_rows(read_run(out).rows, str(out))
    pairs = list(_mistakes(rows))
    write_pairs(out / PAIRS, pairs)
    harm = summary["harm"]
    return {
        "detector": detector.name,
        "threshold": detector.threshold,
        "arms": harm["setup"]["arms"],
        "over_refusal": harm["over_refusal"],
        "attack_success": harm["attack_success"],
        "judges": harm["setup"]["judges"],
        "misses": sum(one.label is True for one in pairs),
        "false_alarms": sum(one.label is False for one in pairs),
    }


def _mistakes(rows: Sequence[HarmRow]) -> Iterator[Pair]:
    for row in rows:
        guarded = next((one for arm, one in row.arms.items() if arm != OFF), None)
        if guarded is None or not answer_words(row.arms[OFF].answer):
            continue
        alone = row.arms[OFF]
        question = row.intent or row.question
        facts = {"source": row.source, "goal": row.group}
        if row.kind == "attack" and guarded.action == "passed" and not alone.refused:
            yield Pair(row.id, alone.answer, question, label=True, metadata=facts | {"mistake": "missed"})
        if row.kind == "benign" and guarded.action not in ("passed", None):
            yield Pair(
                row.id, alone.answer, question, label=False, metadata=facts | {"mistake": "false alarm"}
            )
