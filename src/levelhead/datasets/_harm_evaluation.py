"""Answers with a label of harm, from sets whose licence forbids weights that ship: for evaluation only.

Do-Not-Answer (arXiv 2308.13387), the sets of JailbreakEval (arXiv 2406.09321), and BeaverTails (arXiv
2307.04657) as GuardReasoner packs it. The files hold offensive text, so no message quotes a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, TypeAdapter

from levelhead.datasets._files import Text, checked, read_csv, read_json_list
from levelhead.datasets._labelled_answer import Answer, LabelledAnswer, goal_key
from levelhead.records import JSONValue

_Flag = Literal["0", "1"]

DO_NOT_ANSWER_MODELS = ("GPT4", "ChatGPT", "Claude", "ChatGLM2", "llama2-7b-chat", "vicuna-7b")
JAILBREAKEVAL_SETS = ("Safe-RLHFmini", "JAILJUDGEmini")
_HUMAN, _ASSISTANT = "Human user:\n", "\n\nAI assistant:\n"


class _RiskyQuestion(BaseModel, extra="allow"):
    id: int
    risk_area: Text
    types_of_harm: Text
    question: Text

    def answer_of(self, model: str) -> dict[str, object]:
        columns = self.model_extra or {}
        return {name: columns.get(f"{model}_{name}") for name in ("response", "harmful", "action")}


class _JudgedAnswer(BaseModel):
    response: Answer
    harmful: _Flag
    action: Literal["0", "1", "2", "3", "4", "5"]


class _JailbreakRow(BaseModel):
    question: Text
    answer: Answer
    label: _Flag
    hazard: Text | None = Field(default=None, alias="hazard_cate_llamaguard3")
    complexity: Text | None = Field(default=None, alias="prompt_complexity_cate")


def _two_turns(text: str) -> str:
    if not text.startswith(_HUMAN) or text.count(_ASSISTANT) != 1:
        raise ValueError("it is not one human turn and one of the assistant")
    return text


class PackedRow(BaseModel):
    """A row of GuardReasoner's benchmarks: two turns as text, and a label that is its last word."""

    input: Annotated[str, AfterValidator(_two_turns)]
    output: Annotated[str, StringConstraints(pattern=r"\b(un)?harmful\s*$")]

    @property
    def is_harmful(self) -> bool:
        """What the last word says."""
        return self.output.split()[-1] == "harmful"

    def turns(self) -> tuple[str, str]:
        """What the human said and what the assistant said."""
        question, answer = self.input.removeprefix(_HUMAN).split(_ASSISTANT)
        return question.strip(), answer.strip()


_RISKY_QUESTION = TypeAdapter(_RiskyQuestion)
_JUDGED_ANSWER = TypeAdapter(_JudgedAnswer)
_JAILBREAK_ROW = TypeAdapter(_JailbreakRow)
PACKED_ROW = TypeAdapter(PackedRow)


def read_do_not_answer(folder: Path, *, models: Sequence[str] = DO_NOT_ANSWER_MODELS) -> list[LabelledAnswer]:
    """Read Do-Not-Answer: six models on 939 questions, labelled by people. Non-commercial.

    Three in a hundred answers are harmful, so report AP beside AUROC.

    Args:
        folder: The folder with `data_en.csv`.
        models: Whose answers.

    Returns:
        The answers, question by question, with `category` (the risk area), `kind`, `model` and `action` (how
        the model dealt with the question; 0 is a refusal) in the metadata.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    path = folder / "data_en.csv"
    rows = read_csv(path, _RISKY_QUESTION)
    parts = [(row, model) for row in rows for model in models]
    judged = checked(
        path,
        ((f"question {row.id}, {model}", row.answer_of(model)) for row, model in parts),
        _JUDGED_ANSWER,
    )
    return [
        LabelledAnswer(
            id=f"do_not_answer-{row.id}-{model}",
            question=row.question,
            answer=answer.response,
            harmful=answer.harmful == "1",
            goal=goal_key(row.question),
            source="do_not_answer",
            metadata={
                "category": row.risk_area,
                "kind": row.types_of_harm,
                "model": model,
                "action": int(answer.action),
            },
        )
        for (row, model), answer in zip(parts, judged, strict=True)
    ]


def read_jailbreakeval(folder: Path, part: Literal["Safe-RLHFmini", "JAILJUDGEmini"]) -> list[LabelledAnswer]:
    """Read a set of JailbreakEval: CSV `question,answer,label`, where 1 is an unsafe answer.

    In JAILJUDGE most questions are whole attacks, so its goals are attacks too.

    Returns:
        The answers; `source` is the name of the part with `jailbreakeval-` before it. Those of JAILJUDGE have
        `category` and `complexity` in the metadata.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    answers: list[LabelledAnswer] = []
    for number, row in enumerate(read_csv(folder / f"{part}.csv", _JAILBREAK_ROW), start=1):
        metadata: dict[str, JSONValue] = {}
        if row.hazard is not None:
            metadata = {"category": row.hazard, "complexity": row.complexity}
        answers.append(
            LabelledAnswer(
                id=f"jailbreakeval-{part}-{number}",
                question=row.question,
                answer=row.answer,
                harmful=row.label == "1",
                goal=goal_key(row.question),
                source=f"jailbreakeval-{part}",
                metadata=metadata,
            )
        )
    return answers


def read_beavertails(folder: Path) -> list[LabelledAnswer]:
    """Read the test set of BeaverTails as GuardReasoner packs it; the label is the last word of a row.

    Many of its questions are first turns of HH-RLHF: clear training data of them (`remove_overlap`).

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    answers: list[LabelledAnswer] = []
    for number, row in enumerate(read_json_list(folder / "0_A_beaver_tails.json", PACKED_ROW), start=1):
        question, answer = row.turns()
        answers.append(
            LabelledAnswer(
                id=f"beavertails-{number}",
                question=question,
                answer=answer,
                harmful=row.is_harmful,
                goal=goal_key(question),
                source="beavertails",
            )
        )
    return answers
