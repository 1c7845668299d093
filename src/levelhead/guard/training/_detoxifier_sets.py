"""Where pairs of a detoxifier come from, by name: rewritings, and harmless answers to keep.

HH-RLHF (arXiv 2204.05862): the rejected answer becomes the chosen one. "Refusal is mediated by a single
direction" (arXiv 2406.11717): a harmful answer of a model whose refusal was taken out becomes a safe one of a
model as it is. The files hold offensive text, so no message quotes a row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from levelhead.datasets import (
    HARM_SETS,
    LabelledAnswer,
    read_hh_rlhf,
    read_refusal_direction,
    read_safe_answers,
)
from levelhead.errors import UsageError
from levelhead.guard._named_pairs import labelled_answer_of, read_named_pairs
from levelhead.guard.training._detoxifier_pairs import RewritePair, read_rewrites

SAFE_ANSWERS = "adv_training"
"""Safe answers to harmful requests, without harmful ones, from the lists of AdversariaLLM."""
_SAFE_ANSWERS_FILE = "adv_training_behaviors_safe_responses_longer.csv"


def read_hh_rewrites(folder: Path) -> list[RewritePair]:
    """Read the pairs of HH-RLHF: of each row the rejected answer, to be rewritten as the chosen one.

    The rejected answer is only the worse one. Neither is labelled, so let a detector judge them. Rows with a
    blank answer are left out.

    Raises:
        UsageError: If the file cannot be read, or its rows are malformed or have two different contexts.
    """
    answers = read_hh_rlhf(folder)
    pairs = []
    for chosen, rejected in zip(answers[::2], answers[1::2], strict=True):
        if (chosen.question, chosen.metadata["context"]) != (rejected.question, rejected.metadata["context"]):
            raise UsageError(
                f"{folder}: the two dialogues of row {chosen.metadata['pair']} differ before their answers."
            )
        if chosen.answer and rejected.answer:
            pairs.append(RewritePair(rejected, chosen.answer))
    return pairs


def read_refusal_rewrites(folder: Path) -> list[RewritePair]:
    """Read the pairs of "Refusal is mediated by a single direction".

    Of each goal, every answer of a model without its direction of refusal that is labelled harmful, to be
    rewritten as an answer of a model as it is: a safe one of the same model, else of another. Where no model
    gave a safe one, a harmful one takes the place, and is labelled so.

    Raises:
        UsageError: If a file cannot be read or rows are malformed.
    """
    plain: dict[str, list[LabelledAnswer]] = {}
    ablated: list[LabelledAnswer] = []
    for answer in read_refusal_direction(folder):
        if answer.metadata["setting"] == "baseline" and answer.answer:
            plain.setdefault(answer.goal, []).append(answer)
        elif answer.metadata["setting"] == "ablation" and answer.harmful and answer.answer:
            ablated.append(answer)
    pairs = []
    for before in ablated:
        model = before.metadata["model"]
        targets = sorted(
            plain.get(before.goal, []), key=lambda one: (one.harmful, one.metadata["model"] != model)
        )
        if targets:
            pairs.append(RewritePair(before, targets[0].answer, rewritten_harmful=targets[0].harmful))
    return pairs


REWRITE_SETS = {"hh_rlhf_harmless": read_hh_rewrites, "refusal_direction": read_refusal_rewrites}
"""Readers of rewritings, by the name of their set."""


def read_rewrite_source(name: str) -> list[RewritePair]:
    """Read pairs by the name of their source.

    Args:
        name: A `REWRITES.jsonl` file, or `SET:FOLDER` with a set of `REWRITE_SETS`.

    Raises:
        UsageError: If there is no such file or set, or it cannot be read.
    """
    chosen, _, folder = name.partition(":")
    if chosen in REWRITE_SETS and folder:
        return REWRITE_SETS[chosen](Path(folder))
    if Path(name).is_file():
        return read_rewrites(Path(name))
    if chosen in (*HARM_SETS, SAFE_ANSWERS):
        raise UsageError(
            f"{name!r} gives no rewritings: {chosen} does not pair harmful answers with harmless ones. Its "
            "harmless answers can be kept as they are: --keep."
        )
    raise UsageError(
        f"{name!r} is no file and no set of rewritings. Give a REWRITES.jsonl file, or SET:FOLDER with one "
        f"of: {', '.join(REWRITE_SETS)}."
    )


def read_harmless(name: str) -> list[LabelledAnswer]:
    """Read harmless answers, which a detoxifier is to leave as they are.

    Args:
        name: As `read_named_pairs` takes it, or `adv_training:FOLDER`.

    Returns:
        The answers that are labelled harmless and not blank.

    Raises:
        UsageError: If there is no such file or set, it cannot be read, or no answer is labelled harmless.
    """
    chosen, _, folder = name.partition(":")
    if chosen == SAFE_ANSWERS and folder:
        return _safe_answers(Path(folder) / _SAFE_ANSWERS_FILE)
    pairs = read_named_pairs(name)
    harmless = [one for one in pairs if one.label is False and one.answer.strip()]
    if not harmless:
        raise UsageError(f"{name} holds no answer that is labelled harmless, so none of it can be kept.")
    return [labelled_answer_of(one, name=one.id) for one in harmless]


def forbidden_sources(sources: Iterable[str]) -> dict[str, str]:
    """The sources that weights which ship must not learn from, and why."""
    reasons: Mapping[str, str | None] = {
        **{name: one.forbidden for name, one in HARM_SETS.items()},
        SAFE_ANSWERS: "its licence is not stated",
    }
    return {name: why for name in sorted(set(sources)) if (why := reasons.get(name)) is not None}


def require_allowed(sources: Iterable[str], experiments: Collection[str]) -> None:
    """Check that weights which ship may learn from the sources.

    Args:
        sources: Of the pairs.
        experiments: Sets that are allowed all the same, since the weights are not to ship.

    Raises:
        UsageError: If a source is forbidden and not named as an experiment; each is told with the reason.
            Also if an experiment is named that is not among the sources, or needs no permission.
    """
    forbidden = forbidden_sources(sources)
    if idle := sorted(set(experiments) - forbidden.keys()):
        raise UsageError(
            f"{', '.join(idle)} was named for an experiment, and no forbidden source of this name is used. "
            "Leave it out."
        )
    if refused := [f"{name} ({why})" for name, why in forbidden.items() if name not in experiments]:
        raise UsageError(
            f"Not for training: {', '.join(refused)}. Leave it out; or, for an experiment whose weights do "
            "not ship, name it with --experiment-with."
        )


def _safe_answers(path: Path) -> list[LabelledAnswer]:
    return [
        LabelledAnswer(
            id=example.id,
            question=example.question,
            answer=(example.answers or ("",))[0],
            harmful=False,
            goal=str(example.metadata["goal"]),
            source=SAFE_ANSWERS,
        )
        for example in read_safe_answers(path)
    ]
