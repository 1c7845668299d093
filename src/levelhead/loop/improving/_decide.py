"""One decision at run time: a policy found on what was watched, and what it does to what is tested.

Asked are questions without a picture, beside the right one and beside two wrong ones; of each answer the
model says how sure it is, and each answer beside a picture is held against the one without.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levelhead.answers import SURE, SURE_QUESTION, UNSURE, same_claim
from levelhead.errors import UsageError
from levelhead.guard import DECISION_FILE, DecisionAction, Evidence, JudgedAnswer, fit_decision
from levelhead.illusion import read_set, to_examples
from levelhead.metrics import mean, proportion
from levelhead.models import Model
from levelhead.records import Example, Prompt, Turn, Verdict
from levelhead.running import DATA_FOLDER, Manifest, Run, RunFolder, json_text, score

_ANSWERS = (Verdict.CORRECT.value, Verdict.PICTURED.value, Verdict.OTHER.value)
"""Verdicts of replies that answer; whoever declines needs no decision."""
_WRONG_PICTURES = 2


@dataclass(frozen=True, slots=True)
class AskedAnswer:
    """An answer, how sure the model is of it, and what it was."""

    question: str
    condition: str
    judged: JudgedAnswer


def answers_with_sureness(model: Model, run: Run, out: Path) -> list[AskedAnswer]:
    """Ask a model how sure it is of answers that it gave.

    Args:
        model: The one that gave them.
        run: The measurement that holds them.
        out: The run folder of the asking; gone on with if model and answers are the same.

    Raises:
        ModelError: If the model fails as a whole.
        RunFolderError: If the folder cannot be used.
    """
    examples = {one.id: one for one in to_examples(read_set(run.path / DATA_FOLDER / "illusion"))}
    rows = _chosen(run.rows)
    controls = {row["question_id"]: row["reply"] for row in rows if row["condition"] == "none"}
    prompts = [_asked(examples[row["id"]], row["reply"]) for row in rows]
    manifest = Manifest.describe(
        model,
        data_hash=hashlib.sha256(
            json_text([[row["id"], row["reply"]] for row in rows]).encode("ascii")
        ).hexdigest(),
        settings={"sureness of": run.path.name},
    )
    with RunFolder.open(out, manifest) as folder:
        scores = score(
            model,
            [prompt for prompt in prompts for _ in (SURE, UNSURE)],
            [verdict for _ in prompts for verdict in (SURE, UNSURE)],
            folder=folder,
            label="sureness",
        )
    return [
        AskedAnswer(
            row["question_id"],
            row["condition"],
            JudgedAnswer(
                _share(sure.log_prob, unsure.log_prob),
                row["verdict"] == Verdict.CORRECT.value,
                _kept(row, controls),
            ),
        )
        for row, sure, unsure in zip(rows, scores[::2], scores[1::2], strict=True)
        if sure.error is None and unsure.error is None
    ]


def decide_at_run_time(
    watched: Sequence[AskedAnswer], tested: Sequence[AskedAnswer], out: Path, *, harm_threshold: float
) -> dict[str, Any]:
    """Find a policy on the one, save it, and tell what it does to the other.

    Args:
        watched: Answers that no lesson was made of.
        tested: Others, of other categories and another style of pictures.
        out: Folder that `decision.json` goes into.
        harm_threshold: Of the guard's detector.

    Returns:
        The thresholds; of the tested answers the shares that go out plainly, with a caveat and not at all, of
        right and of wrong ones; and what a decision costs on average, deciding and answering always. Where
        there are no right or no wrong answers to find a policy on, `reason` alone.
    """
    try:
        policy = fit_decision([one.judged for one in watched], harm_threshold=harm_threshold)
    except UsageError as error:
        return {"reason": str(error)}
    policy.save(out / DECISION_FILE)
    decided = [policy.decide(Evidence(one.judged.p_sure, kept=one.judged.kept)).action for one in tested]
    questions = [one.question for one in tested]
    costs = [
        policy.cost_of(action, right=one.judged.right) for action, one in zip(decided, tested, strict=True)
    ]
    always = [policy.cost_of("answer", right=one.judged.right) for one in tested]
    return {
        "caveat_below": policy.caveat_below,
        "abstain_below": policy.abstain_below,
        "stop_from": policy.stop_from,
        "abstain_budget": policy.abstain_budget,
        "caveat_budget": policy.caveat_budget,
        "right": _shares(tested, decided, right=True),
        "wrong": _shares(tested, decided, right=False),
        "cost": {
            "decided": mean(costs, clusters=questions).to_json(),
            "always": mean(always, clusters=questions).to_json(),
            "saved": mean([a - b for a, b in zip(always, costs, strict=True)], clusters=questions).to_json(),
        },
    }


def _chosen(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of each question the answers without a picture, beside the right one and beside two wrong ones."""
    found: list[Mapping[str, Any]] = []
    wrong: dict[str, int] = {}
    for row in rows:
        if row["suite"] != "illusion" or row["verdict"] not in _ANSWERS or row["condition"] == "blank":
            continue
        if row["condition"] == "spurious":
            wrong[row["question_id"]] = wrong.get(row["question_id"], 0) + 1
            if wrong[row["question_id"]] > _WRONG_PICTURES:
                continue
        found.append(row)
    return found


def _kept(row: Mapping[str, Any], controls: Mapping[str, str]) -> bool | None:
    """Whether an answer beside a picture is the one without; None where there is nothing to compare."""
    if row["condition"] == "none" or row["question_id"] not in controls:
        return None
    return same_claim(controls[row["question_id"]], row["reply"], row["question"])


def _asked(example: Example, reply: str) -> Prompt:
    turns = (Turn("user", example.question), Turn("assistant", reply), Turn("user", SURE_QUESTION))
    return Prompt(turns, example.images)


def _share(sure: float, unsure: float) -> float:
    return 1 / (1 + math.exp(max(-700.0, min(700.0, unsure - sure))))


def _shares(
    tested: Sequence[AskedAnswer], decided: Sequence[DecisionAction], *, right: bool
) -> dict[str, Any]:
    of = [
        (one.question, action)
        for one, action in zip(tested, decided, strict=True)
        if one.judged.right == right
    ]
    return {
        name: proportion(
            [action == name for _, action in of], clusters=[question for question, _ in of]
        ).to_json()
        for name in ("answer", "caveat", "abstain")
    }
