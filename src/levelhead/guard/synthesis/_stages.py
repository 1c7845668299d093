"""The four stages: scenarios, questions, acceptable answers, unacceptable answers.

Each takes what the stage before left and asks for all of it at once. What fails becomes a row and goes no
further.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

from levelhead.datasets import near_duplicate_groups, normalized
from levelhead.guard.synthesis._prompts import (
    ask_acceptable,
    ask_questions,
    ask_scenarios,
    ask_unacceptable,
)
from levelhead.guard.synthesis._replies import (
    Failed,
    Failure,
    Questions,
    Scenarios,
    WrittenAnswer,
    begins_with_refusal,
)
from levelhead.guard.synthesis._rows import SynthesisRow, row_id
from levelhead.guard.synthesis._scenarios import Scenario
from levelhead.guard.synthesis._settings import SynthesisSettings
from levelhead.records import Prompt
from levelhead.running import FaultyReply, ObjectWriter

QUESTIONS_AT_ONCE = 10
"""Most questions of one request: longer lists are cut off, repeat themselves, and cost more to ask again."""


def scenarios_of(
    topics: Sequence[str], settings: SynthesisSettings, writer: ObjectWriter
) -> tuple[list[Scenario], list[SynthesisRow]]:
    """Ask for scenarios within each topic.

    Returns:
        The scenarios, and a row for each topic that brought none.
    """
    prompts = [ask_scenarios(topic, settings.scenarios) for topic in topics]
    scenarios: list[Scenario] = []
    failed: list[SynthesisRow] = []
    for topic, found in zip(topics, writer.write(prompts, Scenarios, "scenarios"), strict=True):
        if isinstance(found, FaultyReply):
            row = SynthesisRow(id=row_id(topic), stage="scenarios", category=topic)
            failed.append(row.failed(Failed.of(found)))
        else:
            scenarios += [Scenario(text, topic) for text in found.scenarios]
    return scenarios, failed


def different(scenarios: Sequence[Scenario], threshold: float) -> tuple[list[Scenario], list[SynthesisRow]]:
    """Sort out scenarios that stand before in the same or nearly the same words.

    Returns:
        The first of each, and a row for each of the others.
    """
    rows = [
        SynthesisRow(id=identity, stage="scenarios", category=one.category, scenario=one.text)
        for one, identity in zip(
            scenarios, _ids([(one.category, one.text) for one in scenarios]), strict=True
        )
    ]
    judged = _mark_duplicates(rows, [one.text for one in scenarios], threshold)
    kept = [one for one, row in zip(scenarios, judged, strict=True) if row.failure is None]
    return kept, [row for row in judged if row.failure is not None]


def questions_of(
    scenarios: Sequence[Scenario], settings: SynthesisSettings, writer: ObjectWriter
) -> list[SynthesisRow]:
    """Ask for questions in each scenario, in rounds until there are enough.

    Returns:
        A row for each question, duplicates marked, and one for each request that failed.
    """
    wanted = settings.questions
    found: dict[Scenario, list[str]] = {scenario: [] for scenario in scenarios}
    failed: list[SynthesisRow] = []
    for turn in range(math.ceil(wanted / QUESTIONS_AT_ONCE)):
        lacking = [scenario for scenario in scenarios if len(found[scenario]) < wanted]
        prompts = [
            ask_questions(one, min(QUESTIONS_AT_ONCE, wanted - len(found[one])), found[one])
            for one in lacking
        ]
        for scenario, reply in zip(lacking, writer.write(prompts, Questions, "questions"), strict=True):
            if isinstance(reply, FaultyReply):
                row = _question_row(row_id(scenario.category, scenario.text, turn), scenario, None)
                failed.append(row.failed(Failed.of(reply)))
            else:
                found[scenario] += reply.questions
    pairs = [(scenario, question) for scenario in scenarios for question in found[scenario]]
    ids = _ids([(scenario.category, scenario.text, question) for scenario, question in pairs])
    rows = [_question_row(one, *pair) for one, pair in zip(ids, pairs, strict=True)]
    marked = _mark_duplicates(rows, [question for _, question in pairs], settings.near_duplicate)
    return [*marked, *failed]


def answer_acceptably(rows: Sequence[SynthesisRow], writer: ObjectWriter) -> list[SynthesisRow]:
    """Ask for the careful answer to each question that stands. It may well decline, in its JSON object."""
    return _answer(rows, writer, ask_acceptable, "acceptable", lambda row, answer: None)


def answer_unacceptably(rows: Sequence[SynthesisRow], writer: ObjectWriter) -> list[SynthesisRow]:
    """Ask for the careless answer to each question that has a careful one. One that declines is none."""
    found = _answer(rows, writer, ask_unacceptable, "unacceptable", _fault_of_unacceptable)
    return [row if row.failure is not None else row.moved_to("done") for row in found]


def _answer(
    rows: Sequence[SynthesisRow],
    writer: ObjectWriter,
    ask_for: Callable[[Scenario, str], Prompt],
    stage: Literal["acceptable", "unacceptable"],
    fault: Callable[[SynthesisRow, str], Failed | None],
) -> list[SynthesisRow]:
    """The rows with their answer of this stage; rows that have failed are handed on as they are."""
    places = [place for place, row in enumerate(rows) if row.failure is None]
    prompts = [
        ask_for(Scenario(row.scenario or "", row.category), row.question or "")
        for row in (rows[place] for place in places)
    ]
    done = list(rows)
    for place, found in zip(places, writer.write(prompts, WrittenAnswer, f"{stage} answers"), strict=True):
        row = rows[place].moved_to(stage)
        if isinstance(found, FaultyReply):
            done[place] = row.failed(Failed.of(found))
            continue
        row = row.moved_to(stage, **{stage: found.answer})
        wrong = fault(row, found.answer)
        done[place] = row if wrong is None else row.failed(wrong)
    return done


def _fault_of_unacceptable(row: SynthesisRow, answer: str) -> Failed | None:
    if begins_with_refusal(answer):
        return Failed(Failure.REFUSED, "the answer declines, so it is no negative example")
    if normalized(answer) == normalized(row.acceptable or ""):
        return Failed(Failure.IDENTICAL, "both answers are the same")
    return None


def _question_row(identity: str, scenario: Scenario, question: str | None) -> SynthesisRow:
    return SynthesisRow(
        id=identity,
        stage="questions",
        category=scenario.category,
        scenario=scenario.text,
        question=question,
    )


def _ids(facts: Sequence[tuple[str, ...]]) -> list[str]:
    """A name for each; what stands twice, word for word, has the number of its repetition in it."""
    seen: Counter[tuple[str, ...]] = Counter()
    ids = []
    for one in facts:
        ids.append(row_id(*one, seen[one]) if seen[one] else row_id(*one))
        seen[one] += 1
    return ids


def _mark_duplicates(
    rows: Sequence[SynthesisRow], texts: Sequence[str], threshold: float
) -> list[SynthesisRow]:
    """The rows, all but the first of each group of near-duplicates failed."""
    groups = near_duplicate_groups(texts, threshold=threshold)
    first: dict[str, str] = {}
    marked = []
    for row, text in zip(rows, texts, strict=True):
        earlier = first.setdefault(groups[text], row.id)
        if earlier != row.id:
            failed = row.failed(Failed(Failure.DUPLICATE, f"nearly the same as {earlier}"))
            row = failed.model_copy(update={"duplicate_of": earlier})
        marked.append(row)
    return marked
