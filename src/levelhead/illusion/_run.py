"""Ask a model a set: every question without a picture, with a blank, with a right one and with wrong ones.

The order of work is: ask, score, judge, count. Each answer is in the run folder before the next batch starts,
so a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from levelhead.answers import paper_correct
from levelhead.errors import UsageError
from levelhead.illusion._numbers import illusion_numbers
from levelhead.illusion._set import NONE, Row, judge_example, read_set, to_examples
from levelhead.illusion._variants import Exchange, exchange, variant_named
from levelhead.models import Model, Sampling, require_sight
from levelhead.records import Example, Prompt, Reply, Score, Verdict
from levelhead.running import Manifest, RunFolder, score

Mode = Literal["corrected", "paper"]
NEW_TOKENS: dict[Mode, int] = {"corrected": 64, "paper": 30}
"""Longest reply. The official code allows 30 tokens, which cuts off models that describe the picture
first."""

Margins = dict[tuple[str, str], tuple[float, float]]
"""By (example id, wrong answer): log-probabilities of the right answer and of the wrong one."""


def run(
    model: Model,
    data: Path,
    out: Path,
    *,
    limit: int | None = None,
    mode: Mode = "corrected",
    variant: str = "paper",
    with_shift: bool = True,
) -> dict[str, Any]:
    """Run the illusion suite and fill a run folder.

    Args:
        model: Who is asked; it must see.
        data: The set, as `build` makes it.
        out: The run folder. A run that it holds is gone on with if model, set, mode and variant are the
            same.
        limit: Ask only the first so many questions of the set.
        mode: `corrected`, or `paper`: 30 new tokens, and a reply is right if the right answer is a substring
            of it.
        variant: How questions are put, by a name in `VARIANTS`.
        with_shift: Whether to score right and pictured answers too, where the model can: how far does the
            picture move log P(right) - log P(pictured), whatever the reply says? Takes about as long as the
            replies.

    Returns:
        What was written to `summary.json`.

    Raises:
        UsageError: If the set is malformed, there is no such variant or mode, or the model does not see.
        ModelError: If the model fails as a whole.
        RunFolderError: If the run folder cannot be used.
    """
    settings = {"suite": "illusion", **asking_settings(mode, variant)}
    require_sight(model)
    rows = first_questions(read_set(data), limit)
    manifest = Manifest.describe(model, data_hash=hash_of_set(rows), settings=settings, data_path=data)
    with RunFolder.open(out, manifest) as folder:
        scored = ask_set(model, rows, folder, mode=mode, variant=variant, with_shift=with_shift)
        folder.write_rows(scored)
        summary = {
            "schema": 1,
            "model": model.name,
            "mode": mode,
            "variant": variant,
            "questions": len({row.question_id for row in rows}),
            "illusion": illusion_numbers(scored),
        }
        folder.write_summary(summary)
    return summary


def asking_settings(mode: Mode, variant: str) -> dict[str, object]:
    """All that determines the replies of a set, apart from the model, as plain data for a manifest.

    Raises:
        UsageError: If there is no such variant or mode.
    """
    if mode not in NEW_TOKENS:
        raise UsageError(f"There is no mode {mode!r}. Give one of: {', '.join(NEW_TOKENS)}.")
    return {
        "mode": mode,
        "variant": variant,
        "prompt": variant_named(variant).to_json(),
        "sampling": Sampling(max_new_tokens=NEW_TOKENS[mode]).to_json(),
    }


def ask_set(
    model: Model,
    rows: Sequence[Row],
    folder: RunFolder,
    *,
    mode: Mode = "corrected",
    variant: str = "paper",
    with_shift: bool = True,
) -> list[dict[str, object]]:
    """Ask a model the rows of a set, through an open run folder; otherwise as `run`.

    Returns:
        The lines of `rows.jsonl`, each with the suite that it is of.
    """
    examples = to_examples(rows)
    sampling = Sampling(max_new_tokens=NEW_TOKENS[mode])
    exchanges = exchange(model, examples, variant_named(variant), sampling, folder)
    prompts = [one.prompt for one in exchanges]
    margins = _margins(model, examples, prompts, folder) if with_shift and model.can_score else {}
    return [
        _scored_row(example, one, margins, mode=mode, out=folder.path)
        for example, one in zip(examples, exchanges, strict=True)
    ]


def first_questions(rows: Sequence[Row], limit: int | None) -> list[Row]:
    """The rows of the first `limit` questions of a set; all of them if it is None."""
    order = {identity: place for place, identity in enumerate(dict.fromkeys(row.question_id for row in rows))}
    return [row for row in rows if limit is None or order[row.question_id] < limit]


def hash_of_set(rows: Sequence[Row]) -> str:
    """Identity of a set: its rows, and through their hashes its pictures."""
    # What was found out about a picture later changes no answer.
    lines = (row.model_dump_json(exclude={"license", "source", "check_score"}) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _margins(
    model: Model, examples: Sequence[Example], prompts: Sequence[Prompt | None], folder: RunFolder
) -> Margins:
    """Score the right answer against the wrong ones: without a picture, and with the picture of each.

    An example that was not asked, and so has no prompt, is not scored either.
    """
    wanted: list[tuple[int, str]] = []
    pictured: dict[str, list[str]] = {}
    for example in examples:
        if example.metadata["condition"] == "spurious":
            pictured.setdefault(str(example.group), []).append(str(example.metadata["pictured"]))
    for place, example in enumerate(examples):
        if example.metadata["condition"] == NONE:
            wanted += [(place, wrong) for wrong in dict.fromkeys(pictured.get(str(example.group), []))]
        elif example.metadata["condition"] == "spurious":
            wanted.append((place, str(example.metadata["pictured"])))
    wanted = [(place, wrong) for place, wrong in wanted if prompts[place] is not None]
    pairs = [
        (prompt, answer)
        for place, wrong in wanted
        for answer in (_gold(examples[place]), wrong)
        if (prompt := prompts[place]) is not None
    ]
    scores = score(
        model,
        [prompt for prompt, _ in pairs],
        [answer for _, answer in pairs],
        folder=folder,
        label="scoring",
    )
    return {
        (examples[place].id, wrong): (right_score.log_prob, wrong_score.log_prob)
        for (place, wrong), right_score, wrong_score in zip(wanted, scores[::2], scores[1::2], strict=True)
        if _usable(right_score, wrong_score)
    }


def _usable(*scores: Score) -> bool:
    return all(one.error is None for one in scores)


def _gold(example: Example) -> str:
    return str(example.metadata["gold"])


def _scored_row(
    example: Example, exchange: Exchange, margins: Margins, *, mode: Mode, out: Path
) -> dict[str, object]:
    """The line of `rows.jsonl`."""
    facts, reply = example.metadata, exchange.reply
    pictured = str(facts["pictured"])
    with_picture = margins.get((example.id, pictured))
    without = margins.get((f"{example.group}/{NONE}", pictured))
    return {
        "suite": "illusion",
        "id": example.id,
        "question_id": example.group,
        "category": facts["category"],
        "difficulty": facts["difficulty"],
        "condition": facts["condition"],
        "kind": facts["kind"],
        "question": example.question,
        "gold": facts["gold"],
        "pictured": pictured or None,
        "image": _image_path(example, out),
        "reply": reply.text,
        "verdict": judge_reply(example, reply, mode).value,
        "paper_correct": reply.error is None and paper_correct(reply.text, _gold(example)),
        "seen": reply.seen,
        "caption": exchange.caption,
        "log_prob_gold": with_picture[0] if with_picture else None,
        "log_prob_pictured": with_picture[1] if with_picture else None,
        "confidence_shift": (without[0] - without[1]) - (with_picture[0] - with_picture[1])
        if with_picture and without
        else None,
        "error": reply.error,
    }


def judge_reply(example: Example, reply: Reply, mode: Mode) -> Verdict:
    """Judge a reply to an example that `to_examples` made, by the rule of a mode.

    In `paper` mode a reply that holds the right answer as a substring is right, and no other is.
    """
    if reply.error is not None:
        return Verdict.FAILED
    verdict = judge_example(example, reply.text)
    if mode == "corrected":
        return verdict
    if paper_correct(reply.text, _gold(example)):
        return Verdict.CORRECT
    # The official rule knows only right and wrong; which kind of wrong is still ours to say.
    return Verdict.OTHER if verdict is Verdict.CORRECT else verdict


def _image_path(example: Example, out: Path) -> str | None:
    """Where the picture lies: relative to the run folder if it is inside, so that the folder can be moved."""
    if not example.images or (path := example.images[0].path) is None:
        return None
    inside, folder = path.resolve(), out.resolve()
    return os.fspath(inside.relative_to(folder) if inside.is_relative_to(folder) else inside)
