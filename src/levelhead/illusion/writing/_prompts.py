"""What the model is told: write questions, mend one, and answer one without choices.

The first two ask for one JSON object; the schemas that it must fit stand here as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

from levelhead.illusion._questions import SPURIOUS_ANSWERS, Difficulty, Question
from levelhead.illusion.writing._subjects import Subject
from levelhead.records import Prompt
from levelhead.running import SECOND_TRY

QUESTIONS_AT_ONCE = 8
"""Most questions of one request: longer lists are cut off, repeat themselves, and cost more to ask again."""

SYSTEM = (
    "You write questions for a test of general knowledge. Each has one right answer that everybody who knows "
    "the subject would give, and five wrong ones. Reply with the JSON object that is asked for and with "
    "nothing else."
)
_RULES = (
    "Rules:\n"
    "- question: 6 to 25 words, one sentence, ends with a question mark. It can be answered from its words "
    "alone, speaks of no picture and of no choices, and holds none of the answers.\n"
    "- gold: the one right answer: a name or a noun of at most 3 words and 24 characters, plain English "
    "letters, no digits. The fact is certain and will not change.\n"
    "- aliases: every other name by which a person may rightly give the same answer; often none.\n"
    "- spurious: exactly 5 wrong answers of the same kind as gold, each plausible, each certainly wrong, "
    "none of them a part of another answer. Same limits as gold."
)
_LEVELS: dict[Difficulty, str] = {
    "easy": "that most adults and older children can answer",
    "common": "of the kind that a quiz for everybody asks",
    "rare": "that need a real interest in the subject",
}
_WRITE = (
    "Topic: {topic}\n\nWrite {count} different questions about this topic {level}.\n\n{rules}{names}{known}"
)
_NAMES = (
    "\n\nThe right answers are to be these names, spelled as here: {golds}.\n"
    "Take wrong answers from these names where they are of the same kind: {all}."
)
_KNOWN = "\n\nThese are there already; ask for other facts:\n{listed}"
_EXAMPLES = '\n\nExamples: {examples}\n\nReply in this form: {{"questions": [...]}}'
_MEND = (
    "Topic: {topic}\n\nThis question for the test cannot be used:\n{item}\n\nWhat is wrong:\n{faults}"
    "\n\n{rules}\n\nWrite it again without these faults, as one JSON object with the keys question, gold, "
    "aliases and spurious."
)
_ANSWER = "{question}\n\nGive the answer alone, in at most three words."

_MOST_KNOWN = 30
"""Questions that a request is told of, the latest ones: more would crowd a small context."""
_MOST_NAMES = 60


class WrittenQuestion(BaseModel):
    """One question as a model writes it. The linter checks the rest."""

    # Further keys are no harm: many models add a note of their own.
    model_config = ConfigDict(extra="ignore", strict=True)

    question: str
    gold: str
    aliases: list[str]
    spurious: Annotated[list[str], Field(min_length=SPURIOUS_ANSWERS, max_length=SPURIOUS_ANSWERS)]


# One question of the wrong form must not cost the others of its reply, so each is read by itself; a server is
# held to the form of all of them.
_Item = Annotated[JsonValue, WithJsonSchema(WrittenQuestion.model_json_schema())]


class WrittenQuestions(BaseModel):
    """The reply to `ask_questions`."""

    questions: Annotated[list[_Item], Field(min_length=1, max_length=100)]


def wording_hash() -> str:
    """Identity of the wording, so that replies to another one are never mixed in."""
    parts = (SYSTEM, _RULES, *_LEVELS.values(), _WRITE, _NAMES, _KNOWN, _EXAMPLES, _MEND, _ANSWER, SECOND_TRY)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def ask_questions(
    subject: Subject,
    difficulty: Difficulty,
    count: int,
    *,
    golds: Sequence[str],
    known: Sequence[str],
    examples: Sequence[Question],
) -> Prompt:
    """Ask for questions about a subject.

    Args:
        subject: What about.
        difficulty: For whom.
        count: How many.
        golds: Names of the subject that are to be the right answers; empty if any will do.
        known: Questions that are there, the latest last.
        examples: Questions that show the form.
    """
    names = _NAMES.format(golds=", ".join(golds), all=", ".join(subject.names[:_MOST_NAMES])) if golds else ""
    listed = "\n".join(f"- {question}" for question in known[-_MOST_KNOWN:])
    shown = {"questions": [item_of(question).model_dump() for question in examples]}
    text = _WRITE.format(
        topic=subject.topic,
        count=count,
        level=_LEVELS[difficulty],
        rules=_RULES,
        names=names,
        known=_KNOWN.format(listed=listed) if listed else "",
    )
    return Prompt.ask(text + _EXAMPLES.format(examples=json.dumps(shown, ensure_ascii=False)), system=SYSTEM)


def ask_mended(subject: Subject, item: JsonValue, faults: Sequence[str]) -> Prompt:
    """Show one question and what is wrong with it, and ask for it again."""
    text = _MEND.format(
        topic=subject.topic,
        item=json.dumps(item, ensure_ascii=False)[:2000],
        faults="\n".join(f"- {fault}" for fault in faults),
        rules=_RULES,
    )
    return Prompt.ask(text, system=SYSTEM)


def ask_answer(question: str) -> Prompt:
    """Ask the question itself, without choices and without a word about the test."""
    return Prompt.ask(_ANSWER.format(question=question))


def item_of(question: Question) -> WrittenQuestion:
    """A question of a bank in the form in which models write them."""
    return WrittenQuestion(
        question=question.question,
        gold=question.gold,
        aliases=list(question.aliases),
        spurious=list(question.spurious),
    )
