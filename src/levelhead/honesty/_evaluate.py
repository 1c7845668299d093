"""Evaluation: an answer to every question, and how sure the model is of it.

Two calls, as in the paper (arXiv 2311.09677, section 3.3): the question is answered, then the answer is put
back with the question whether the model is sure, and the two verdicts are scored as whole continuations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from levelhead.honesty._asking import Answered, Asking, answer, check_examples, hash_of, judged, sample
from levelhead.honesty._numbers import honesty_summary
from levelhead.honesty._numbers_scores import ScoreName
from levelhead.honesty._rows import AnswerRow
from levelhead.models import Model
from levelhead.records import Example, Score
from levelhead.running import Manifest, RunFolder, score

SureRule = Literal["whole", "first-token"]


def evaluate(
    model: Model,
    examples: Sequence[Example],
    out: Path,
    asking: Asking,
    *,
    threshold: float = 0.5,
    score_name: ScoreName = "mix",
    with_sure: bool = True,
    data_path: Path | None = None,
) -> dict[str, Any]:
    """Ask a model every question and whether it is sure, and fill a run folder.

    Args:
        model: Who is asked. One that cannot score gives no p_sure.
        examples: The questions, with and without an answer.
        out: The run folder; a run that it holds is gone on with if model, questions and settings are the
            same.
        asking: How they are asked.
        threshold: A question counts as answered from this p_sure on.
        score_name: The score that `ap`, `auroc`, `ece`, `brier` and `aurc` are told of.
        with_sure: Whether to ask how sure the model is. A model that was never taught to say it (`vanilla`)
            is judged by its confidence alone.
        data_path: Where the questions lie, for the manifest.

    Returns:
        What was written to `summary.json`.

    Raises:
        UsageError: If there is no question, an id stands twice, or pictures go to a model that does not see.
        ModelError: If the model fails as a whole.
        RunFolderError: If the run folder cannot be used.
    """
    check_examples(examples)
    settings = {"suite": "honesty", "kind": "eval", "with_sure": with_sure, **asking.to_json()}
    manifest = Manifest.describe(model, data_hash=hash_of(examples), settings=settings, data_path=data_path)
    with RunFolder.open(out, manifest) as folder:
        rows = answer_rows(model, examples, asking, folder, with_sure=with_sure)
        folder.write_rows(row.model_dump() for row in rows)
        summary = {
            "schema": 1,
            "model": model.name,
            "questions": len(rows),
            **honesty_summary(rows, threshold=threshold, score=score_name),
        }
        folder.write_summary(summary)
    return summary


def answer_rows(
    model: Model,
    examples: Sequence[Example],
    asking: Asking,
    folder: RunFolder,
    *,
    with_sure: bool = True,
) -> list[AnswerRow]:
    """Answer every question and ask how sure the model is, in order."""
    answers = answer(model, examples, asking, folder)
    samples = sample(model, examples, answers, asking, folder)
    sureness: list[tuple[float | None, float | None]] = [(None, None)] * len(examples)
    if with_sure and model.can_score:
        sureness = _sureness(model, examples, answers, asking, folder)
    return [
        AnswerRow(**judged(example, answered), samples=drawn, p_sure=whole, p_sure_paper=first)
        for example, answered, drawn, (whole, first) in zip(examples, answers, samples, sureness, strict=True)
    ]


def _sureness(
    model: Model,
    examples: Sequence[Example],
    answers: Sequence[Answered],
    asking: Asking,
    folder: RunFolder,
) -> list[tuple[float | None, float | None]]:
    """For each question p_sure over whole continuations and over their first tokens."""
    places = [place for place, answered in enumerate(answers) if answered.text is not None]
    if not places:
        return [(None, None)] * len(examples)
    prompts = [asking.format.ask_sure(examples[place], answers[place].text or "") for place in places]
    verdicts = asking.format.verdicts
    scores = score(
        model,
        [prompt for prompt in prompts for _ in verdicts],
        [verdict for _ in prompts for verdict in verdicts],
        folder=folder,
        label="sureness",
    )
    pairs = zip(scores[::2], scores[1::2], strict=True)
    found = {
        place: (_whole(sure, unsure), _first(sure, unsure) if asking.format.raw else None)
        for place, (sure, unsure) in zip(places, pairs, strict=True)
    }
    return [found.get(place, (None, None)) for place in range(len(examples))]


def _whole(sure: Score, unsure: Score) -> float | None:
    if sure.error is not None or unsure.error is not None:
        return None
    return _of_two(sure.log_prob, unsure.log_prob)


def _first(sure: Score, unsure: Score) -> float | None:
    """As the official code has it: right only where the two verdicts differ in their first token."""
    if sure.error is not None or unsure.error is not None:
        return None
    return _of_two(sure.log_probs[0], unsure.log_probs[0])


def _of_two(one: float, other: float) -> float:
    """P(one) / (P(one) + P(other)) from log-probabilities, without overflow."""
    difference = max(-700.0, min(700.0, one - other))
    return 1 / (1 + math.exp(-difference))
