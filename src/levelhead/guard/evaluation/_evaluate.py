"""The evaluation: ask once, guard in every arm, judge all that went out.

What is asked fills a run folder that a killed run goes on with. Guards and judges are no part of what must
stay the same there: a second start with another guard or judge asks the model nothing anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from levelhead.answers import judge as judge_reply
from levelhead.answers import refuses
from levelhead.errors import UsageError
from levelhead.guard.detector._detector import Detector
from levelhead.guard.evaluation._guarding import Guard, Outcome, guard_answers
from levelhead.guard.evaluation._judges import Case, DetectorJudge, Judge, ModelJudge, RefusalJudge
from levelhead.guard.evaluation._numbers import harm_numbers
from levelhead.guard.evaluation._request import Request, hash_of
from levelhead.guard.evaluation._rows import OFF, Arm, ArmRow, HarmRow
from levelhead.models import Model, Sampling
from levelhead.records import JSONValue, Reply, Verdict
from levelhead.running import Manifest, ProgressStyle, RunFolder, ask

NEW_TOKENS = 128
"""Longest answer, in tokens."""


@dataclass(frozen=True)
class Judging:
    """Who judges. The judge that looks for words of refusal always does.

    Attributes:
        detectors: Harm detectors; the first is the one of headlines. They are not closed here.
        model: A language model that is asked; None for none.
        of_guard: Names of those detectors that are the guard's own or hold one of its own.
    """

    detectors: Sequence[Detector]
    model: Model | None = None
    of_guard: frozenset[str] = field(default_factory=frozenset)

    def judges(self, folder: RunFolder, progress: ProgressStyle | None) -> list[Judge]:
        """The judges, those of headlines first: a detector that is not the guard's own, if there is one."""
        detectors = sorted(self.detectors, key=lambda one: one.name in self.of_guard)
        asked = [] if self.model is None else [ModelJudge(self.model, folder, progress)]
        independent = [DetectorJudge(one) for one in detectors if one.name not in self.of_guard]
        own = [DetectorJudge(one) for one in detectors if one.name in self.of_guard]
        return [*independent, *asked, RefusalJudge(), *own]


def evaluate_guard(
    model: Model,
    requests: Sequence[Request],
    out: Path,
    guards: Sequence[Guard],
    judging: Judging,
    *,
    max_new_tokens: int = NEW_TOKENS,
    guard_batch: int = 1,
    with_replies: bool = False,
    described: Mapping[str, JSONValue] | None = None,
    progress: ProgressStyle | None = None,
) -> dict[str, Any]:
    """Ask a model every request, guard its answers, judge what goes out, and fill a run folder.

    Args:
        model: Who is asked.
        requests: Attacks and harmless requests.
        out: The run folder; a run that it holds is gone on with if model, requests and settings are the same.
        guards: The guarded arms; the model alone is always one.
        judging: Who judges.
        max_new_tokens: Longest answer.
        guard_batch: Answers guarded in one call; with 1, the latency is what one answer waits.
        with_replies: Whether the page may hold requests and answers of harmful kind.
        described: What else stands in the summary about guard and judges.
        progress: How progress is shown.

    Returns:
        What was written to `summary.json`.

    Raises:
        UsageError: If there is no request, an id or an arm stands twice, or pictures go to a model that does
            not see.
        ImageError: If a picture cannot be read.
        LevelheadError: If the model, a guard or a judge fails as a whole; what was done before is kept.
        RunFolderError: If the run folder cannot be used.
    """
    arms: list[Arm] = [OFF, *(guard.arm for guard in guards)]
    _check(requests, arms)
    settings = {"suite": "harm", "max_new_tokens": max_new_tokens}
    manifest = Manifest.describe(model, data_hash=hash_of(requests), settings=settings)
    with RunFolder.open(out, manifest) as folder:
        judges = judging.judges(folder, progress)
        answered = _ask(model, requests, max_new_tokens, folder, progress)
        pairs = [one.guarded(reply.text) for one, reply in answered if reply.error is None]
        outcomes = {
            guard.arm: guard_answers(guard, pairs, folder, batch=guard_batch, progress=progress)
            for guard in guards
        }
        rows = _judged(answered, outcomes, judges)
        folder.write_rows(row.model_dump(mode="json") for row in rows)
        facts = {"guard_batch": guard_batch, "with_replies": with_replies, **(described or {})}
        harm = _harm_part(rows, arms, judges, judging.of_guard, facts)
        summary = {"schema": 1, "model": model.name, "harm": harm}
        folder.write_summary(summary)
    return summary


def evaluate_alone(
    model: Model,
    requests: Sequence[Request],
    folder: RunFolder,
    judging: Judging,
    *,
    max_new_tokens: int = NEW_TOKENS,
    described: Mapping[str, JSONValue] | None = None,
) -> tuple[list[HarmRow], dict[str, Any]]:
    """Ask a model every request without any guard, through an open run folder; see `evaluate_guard`.

    Args:
        model: Who is asked.
        requests: Attacks and harmless requests.
        folder: Keeps the replies. Rows and summary are left to the caller, who may have more to write.
        judging: Who judges.
        max_new_tokens: Longest answer.
        described: What else is told about the judges.

    Returns:
        The rows, and the numbers that `evaluate_guard` writes under `harm`, of the one arm `off`.
    """
    _check(requests, [OFF])
    judges = judging.judges(folder, None)
    rows = _judged(_ask(model, requests, max_new_tokens, folder, None), {}, judges)
    facts = {"with_replies": False, **(described or {})}
    return rows, _harm_part(rows, [OFF], judges, judging.of_guard, facts)


def _judged(
    answered: Sequence[tuple[Request, Reply]],
    outcomes: Mapping[Arm, Sequence[Outcome]],
    judges: Sequence[Judge],
) -> list[HarmRow]:
    """One row per request, with what went out in each arm and what the judges say of it."""
    told = [(one, reply) for one, reply in answered if reply.error is None]
    return _rows(answered, _arm_rows(told, outcomes, judges))


def _harm_part(
    rows: Sequence[HarmRow],
    arms: Sequence[Arm],
    judges: Sequence[Judge],
    of_guard: frozenset[str],
    facts: Mapping[str, JSONValue],
) -> dict[str, Any]:
    """The part `harm` of a summary."""
    named = [{"name": one.name, "of_guard": one.name in of_guard} for one in judges]
    setup = {"arms": list(arms), "judges": named, **facts}
    return {"setup": setup, **harm_numbers(rows, arms, [one.name for one in judges])}


def _ask(
    model: Model,
    requests: Sequence[Request],
    max_new_tokens: int,
    folder: RunFolder,
    progress: ProgressStyle | None,
) -> list[tuple[Request, Reply]]:
    prompts = [one.to_prompt() for one in requests]
    sampling = Sampling(max_new_tokens=max_new_tokens)
    replies = ask(model, prompts, sampling, folder=folder, label="asking", progress=progress)
    return [(one, reply) for one, [reply] in zip(requests, replies, strict=True)]


def _check(requests: Sequence[Request], arms: Sequence[Arm]) -> None:
    if not requests:
        raise UsageError("There is nothing to ask: no request was given.")
    if twice := [name for name, count in Counter(one.id for one in requests).items() if count > 1]:
        raise UsageError(f"Two requests have the id {twice[0]!r}. Give each its own.")
    if len(set(arms)) < len(arms):
        raise UsageError(f"The arms are {', '.join(arms)}; each is asked once. Give each guard its own arm.")


def _arm_rows(
    told: Sequence[tuple[Request, Reply]], outcomes: Mapping[Arm, Sequence[Outcome]], judges: Sequence[Judge]
) -> dict[str, dict[Arm, ArmRow]]:
    """By id of the request, what went out in each arm and what the judges say of it."""
    verdicts = _verdicts(told, outcomes, judges)
    found = {}
    for place, (request, reply) in enumerate(told):
        went_out = {arm: of_arm[place] for arm, of_arm in outcomes.items()}
        found[request.id] = {
            OFF: _arm_row(request, reply.text, verdicts),
            **{arm: _arm_row(request, one.answer, verdicts, one) for arm, one in went_out.items()},
        }
    return found


def _verdicts(
    told: Sequence[tuple[Request, Reply]], outcomes: Mapping[Arm, Sequence[Outcome]], judges: Sequence[Judge]
) -> dict[tuple[str, str], dict[str, bool | None]]:
    """By id and text, what each judge says. A text that went out in several arms is judged once."""
    cases = {(one.id, reply.text): Case(one, reply.text) for one, reply in told}
    for of_arm in outcomes.values():
        for (request, _), outcome in zip(told, of_arm, strict=True):
            cases.setdefault((request.id, outcome.answer), Case(request, outcome.answer))
    found: dict[tuple[str, str], dict[str, bool | None]] = {key: {} for key in cases}
    for judge in judges:
        for key, verdict in zip(cases, judge.judge(list(cases.values())), strict=True):
            found[key][judge.name] = verdict
    return found


def _arm_row(
    request: Request,
    answer: str,
    verdicts: Mapping[tuple[str, str], dict[str, bool | None]],
    outcome: Outcome | None = None,
) -> ArmRow:
    facts = {} if outcome is None else outcome.model_dump(exclude={"answer"})
    return ArmRow(
        answer=answer,
        refused=refuses(answer),
        harmful=verdicts[request.id, answer],
        correct=_is_right(request, answer),
        **facts,
    )


def _is_right(request: Request, answer: str) -> bool | None:
    if not request.answers:
        return None
    gold, *aliases = request.answers
    asked = request.intent or request.text
    return judge_reply(answer, question=asked, gold=gold, aliases=aliases) is Verdict.CORRECT


def _rows(answered: Sequence[tuple[Request, Reply]], arms: Mapping[str, dict[Arm, ArmRow]]) -> list[HarmRow]:
    return [
        HarmRow(
            id=request.id,
            source=request.source,
            kind=request.kind,
            category=request.category,
            group=request.group or request.id,
            question=request.text,
            intent=request.intent,
            images=[str(image.path.absolute()) for image in request.images if image.path is not None],
            seen=reply.seen,
            answers=list(request.answers),
            error=reply.error,
            arms=arms.get(request.id, {}),
        )
        for request, reply in answered
    ]
