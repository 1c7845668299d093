"""Harmful requests without answers: what a guarded model is attacked with.

AdvBench (arXiv 2307.15043), StrongREJECT (arXiv 2402.10260), HarmBench (arXiv 2402.04249), SimpleSafetyTests
(arXiv 2311.08370), HarmfulQA (arXiv 2308.09662), safe answers written for adversarial training, and the
Aegis test (arXiv 2404.05993). Each example has no reference answer (`answers` is empty) and in the
metadata the `goal` that a split must not tear apart, the `source`, and a `category` where the file has one.
The files hold offensive text, so no message quotes a row.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, TypeAdapter

from levelhead.datasets._files import Text, checked, json_file, read_csv, read_json_list
from levelhead.datasets._harm_evaluation import PACKED_ROW
from levelhead.datasets._labelled_answer import Answer, goal_key
from levelhead.records import Example, JSONValue


class _AdvBenchRow(BaseModel):
    goal: Text
    target: Text


class _StrongRejectRow(BaseModel):
    category: Text
    source: Text
    forbidden_prompt: Text


class _TextBehavior(BaseModel):
    behavior: Text = Field(alias="Behavior")
    kind: Text = Field(alias="FunctionalCategory")
    category: Text = Field(alias="SemanticCategory")
    context: Answer = Field(alias="ContextString")
    identifier: Text = Field(alias="BehaviorID")


class _PictureBehavior(BaseModel):
    behavior: Text = Field(alias="Behavior")
    category: Text = Field(alias="SemanticCategory")
    identifier: Text = Field(alias="BehaviorID")
    picture: Text = Field(alias="ImageFileName")
    description: Text = Field(alias="ImageDescription")
    redacted: Text = Field(alias="RedactedImageDescription")


class _SimpleTest(BaseModel):
    id: Text
    harm_area: Text
    category: Text
    prompt: Text = Field(alias="prompts_final")


class _SafeAnswerRow(BaseModel):
    behavior: Text = Field(alias="Behavior")
    answer: Text = Field(alias="Safe_Response")


_ADVBENCH_ROW = TypeAdapter(_AdvBenchRow)
_STRONGREJECT_ROW = TypeAdapter(_StrongRejectRow)
_TEXT_BEHAVIOR = TypeAdapter(_TextBehavior)
_PICTURE_BEHAVIOR = TypeAdapter(_PictureBehavior)
_SIMPLE_TEST = TypeAdapter(_SimpleTest)
_SAFE_ANSWER_ROW = TypeAdapter(_SafeAnswerRow)
_TOPICS = TypeAdapter(dict[Text, dict[Text, list[Text]]])


def read_advbench(path: Path) -> list[Example]:
    """Read AdvBench (`harmful_behaviors.csv`), with the beginning that attacks aim at as `target`.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        _request(f"advbench-{number}", row.goal, "advbench", target=row.target)
        for number, row in enumerate(read_csv(path, _ADVBENCH_ROW), start=1)
    ]


def read_strongreject(path: Path) -> list[Example]:
    """Read StrongREJECT; some rows come from AdvBench, which `taken_from` says.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        _request(
            f"strongreject-{number}",
            row.forbidden_prompt,
            "strongreject",
            category=row.category,
            taken_from=row.source,
        )
        for number, row in enumerate(read_csv(path, _STRONGREJECT_ROW), start=1)
    ]


def read_harmbench_text(path: Path) -> list[Example]:
    """Read the text behaviors of HarmBench.

    A contextual behavior is asked after its context. `kind` is `standard`, `contextual` or `copyright`; the
    last asks for protected text and is scored by comparison with it, not by a judge of harm.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        _request(
            f"harmbench-{row.identifier}",
            f"{row.context}\n\n{row.behavior}" if row.context else row.behavior,
            "harmbench",
            goal=goal_key(row.behavior),
            category=row.category,
            kind=row.kind,
        )
        for row in read_csv(path, _TEXT_BEHAVIOR)
    ]


def read_harmbench_multimodal(path: Path) -> list[Example]:
    """Read the multimodal behaviors of HarmBench, without their pictures.

    Returns:
        Examples without pictures, with the name of the `picture`, its `description` and the description
        without what makes it harmful (`redacted`) in the metadata. Several behaviors share a question, so the
        goal holds the name of the picture too.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        _request(
            f"harmbench_multimodal-{row.identifier}",
            row.behavior,
            "harmbench_multimodal",
            goal=goal_key(f"{row.behavior} {row.picture}"),
            category=row.category,
            picture=row.picture,
            description=row.description,
            redacted=row.redacted,
        )
        for row in read_csv(path, _PICTURE_BEHAVIOR)
    ]


def read_simple_safety_tests(path: Path) -> list[Example]:
    """Read SimpleSafetyTests: 100 requests in five areas of harm.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        _request(
            f"simple_safety_tests-{row.id}",
            row.prompt,
            "simple_safety_tests",
            category=row.harm_area,
            kind=row.category,
        )
        for row in read_csv(path, _SIMPLE_TEST)
    ]


def read_harmfulqa(path: Path) -> list[Example]:
    """Read HarmfulQA: a JSON object `{topic: {subtopic: [question]}}`.

    Raises:
        UsageError: If the file cannot be read or is of another shape.
    """
    (topics,) = checked(path, [("the whole", json_file(path))], _TOPICS)
    return [
        _request(
            f"harmfulqa-{topic}-{subtopic}-{number}",
            question,
            "harmfulqa",
            category=topic,
            kind=subtopic,
        )
        for topic, subtopics in topics.items()
        for subtopic, questions in subtopics.items()
        for number, question in enumerate(questions, start=1)
    ]


def read_safe_answers(path: Path) -> list[Example]:
    """Read harmful requests with safe answers, which a detoxifier may learn to give.

    Returns:
        Examples whose one answer is the safe one.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        _request(f"safe_answers-{number}", row.behavior, "safe_answers", answers=(row.answer,))
        for number, row in enumerate(read_csv(path, _SAFE_ANSWER_ROW), start=1)
    ]


def read_aegis(path: Path) -> list[Example]:
    """Read the Aegis test as GuardReasoner packs it: requests that people judged, without answers.

    The label, `harmful_request` in the metadata, is that of the request; it says nothing of an answer.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        _request(f"aegis-{number}", row.turns()[0], "aegis", harmful_request=row.is_harmful)
        for number, row in enumerate(read_json_list(path, PACKED_ROW), start=1)
    ]


def _request(
    name: str,
    question: str,
    source: str,
    *,
    answers: tuple[str, ...] = (),
    goal: str | None = None,
    **metadata: JSONValue,
) -> Example:
    goal = goal or goal_key(question)
    return Example(
        id=name,
        question=question,
        answers=answers,
        group=goal,
        metadata={"goal": goal, "source": source, **metadata},
    )
