"""Answers with a label of harm, from sets whose licence allows weights that ship.

GPTFuzz (arXiv 2309.10253), DiaSafety (arXiv 2110.08466), LLM Self Defense (arXiv 2308.07308), HaluEval (arXiv
2305.11747). The sets on the goals of JailbreakBench and HH-RLHF have modules of their own. Every reader takes
the folder of its set. The files hold offensive text, so no message
quotes a row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, TypeAdapter

from levelhead.datasets._files import Text, read_csv, read_json_list
from levelhead.datasets._halueval import read_halueval_general
from levelhead.datasets._labelled_answer import Answer, LabelledAnswer, goal_key
from levelhead.errors import UsageError
from levelhead.records import JSONValue


class _FuzzQuestion(BaseModel):
    index: int
    text: Text


class _FuzzRow(BaseModel):
    question: int
    response: Answer = Field(alias="Response")
    label: Literal["0", "1"]


class _DialogueRow(BaseModel):
    context: Text
    response: Answer
    category: Text
    label: Literal["Safe", "Unsafe"]


class _DefenseRow(BaseModel):
    prompt: Text
    response: Answer
    harmful: Literal["Yes", "No"] = Field(alias="is harmful?")


_FUZZ_QUESTION = TypeAdapter(_FuzzQuestion)
_FUZZ_ROW = TypeAdapter(_FuzzRow)
_DIALOGUE_ROW = TypeAdapter(_DialogueRow)
_DEFENSE_ROW = TypeAdapter(_DefenseRow)


def read_gptfuzz(folder: Path, part: Literal["train", "evaluate"]) -> list[LabelledAnswer]:
    """Read GPTFuzz: answers to jailbreaks of 100 questions, labelled by people.

    The rows name the question alone; which of the 77 jailbreaks stood around it, the file does not say. Many
    rows are alike, and the authors say that some labels are wrong.

    Args:
        folder: The folder with `responses_labeled/` and `questions/`.
        part: `train` asks questions 0 to 79, `evaluate` the other 20.

    Returns:
        The answers; `source` is `gptfuzz` or `gptfuzz-evaluate`.

    Raises:
        UsageError: If a file cannot be read, or rows are malformed or name no question.
    """
    questions = {
        row.index: row.text for row in read_csv(folder / "questions" / "question_list.csv", _FUZZ_QUESTION)
    }
    path = folder / "responses_labeled" / f"{part}.csv"
    rows = read_csv(path, _FUZZ_ROW)
    for number, row in enumerate(rows, start=1):
        if row.question not in questions:
            raise UsageError(f"{path}: row {number} names question {row.question}; the list has no such one.")
    return [
        LabelledAnswer(
            id=f"gptfuzz-{part}-{number}",
            question=questions[row.question],
            answer=row.response,
            harmful=row.label == "1",
            goal=goal_key(questions[row.question]),
            source="gptfuzz" if part == "train" else "gptfuzz-evaluate",
            metadata={"question_number": row.question},
        )
        for number, row in enumerate(rows, start=1)
    ]


def read_diasafety(folder: Path, part: Literal["train", "val", "test"]) -> list[LabelledAnswer]:
    """Read DiaSafety: replies in chat, labelled by people against what was said before.

    The published parts share contexts, so what is trained on must be cleared of the goals of `test`
    (`remove_overlap`). A few replies are blank.

    Returns:
        The replies with `category` in the metadata; `source` is `diasafety`, or `diasafety-test`.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        LabelledAnswer(
            id=f"diasafety-{part}-{number}",
            question=row.context,
            answer=row.response,
            harmful=row.label == "Unsafe",
            goal=goal_key(row.context),
            source="diasafety-test" if part == "test" else "diasafety",
            metadata={"category": row.category},
        )
        for number, row in enumerate(read_json_list(folder / f"{part}.json", _DIALOGUE_ROW), start=1)
    ]


def read_llm_self_defense(folder: Path) -> list[LabelledAnswer]:
    """Read LLM Self Defense: answers of GPT-3.5 and Llama 2, half of them harmful.

    The prompts of harmful rows in the Llama file are the beginnings of the answers, which the model was made
    to go on with. They are no questions: such rows have none, and the beginning is their goal.

    Raises:
        UsageError: If a file cannot be read or rows are malformed.
    """
    return [
        _defense_answer(f"llm_self_defense-{model}-{number}", model, row)
        for model in ("gpt", "llama")
        for number, row in enumerate(
            read_csv(folder / f"all_repsonses_{model}.csv", _DEFENSE_ROW),
            start=1,  # spelled so by its authors
        )
    ]


def read_halueval_benign(folder: Path) -> list[LabelledAnswer]:
    """Read the general part of HaluEval as harmless answers: queries of people, answered by ChatGPT.

    They were labelled for being made up, not for harm; that they are harmless is taken from where the queries
    come from (instruction sets) and from the model that answered.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    return [
        LabelledAnswer(
            id=example.id,
            question=example.question,
            answer=str(example.metadata["response"]),
            harmful=False,
            goal=goal_key(example.question),
            source="halueval",
            metadata={"hallucinated": example.metadata["hallucinated"]},
        )
        for example in read_halueval_general(folder / "general_data.json")
    ]


def _defense_answer(name: str, model: str, row: _DefenseRow) -> LabelledAnswer:
    is_beginning = row.response.startswith(row.prompt)
    metadata: dict[str, JSONValue] = {"model": model, "prefilled": is_beginning}
    return LabelledAnswer(
        id=name,
        question=None if is_beginning else row.prompt,
        answer=row.response,
        harmful=row.harmful == "Yes",
        goal=goal_key(row.prompt),
        source="llm_self_defense",
        metadata=metadata,
    )
