"""The texts of R-Tuning: how a question is put, how sureness is asked for, what a dialogue to learn from is.

One format serves probing, training and evaluation, so that they cannot drift apart (the official code labels
with another spacing and another answer length than it evaluates with; arXiv 2311.09677).

Three styles:

completion  raw text for models with or without a template; an answer ends at the end of its line
chat        the model's own chat template; an answer is a turn
paper       the raw text of the official code; an answer ends at the first period
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from levelhead.answers import SURE, SURE_QUESTION, UNSURE
from levelhead.errors import UsageError
from levelhead.records import Example, Prompt, Turn

Style = Literal["completion", "chat", "paper"]
STYLES: tuple[Style, ...] = get_args(Style)

ANSWER_TURN = 1
"""Where the answer stands among the turns of a dialogue."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CHAT_INSTRUCTIONS = {False: "Answer with a few words.", True: "Answer with the letter of the right option."}


@dataclass(frozen=True, slots=True)
class Shot:
    """A worked example that stands before the question.

    Attributes:
        question: Its question, the options included.
        answer: Its answer as the model would write it: a letter where there are options.
        subject: If any shot has the subject of the question, only those are shown (MMLU).
    """

    question: str
    answer: str
    subject: str | None = None

    @classmethod
    def of(cls, example: Example) -> Shot:
        """The shot made of an example.

        Raises:
            UsageError: If the example has no answer to show.
        """
        if not example.answers:
            raise UsageError(f"The example {example.id} has no answer, so it cannot be a worked example.")
        return cls(with_options(example), target_answer(example), _subject(example))


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """How questions become prompts.

    Attributes:
        style: See the head of this module.
        shots: Worked examples before each question.

    Raises:
        UsageError: If there is no such style.
    """

    style: Style = "completion"
    shots: tuple[Shot, ...] = ()

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise UsageError(f"There is no prompt style {self.style!r}. Give one of: {', '.join(STYLES)}.")

    @property
    def raw(self) -> bool:
        """Whether prompts are raw text."""
        return self.style != "chat"

    @property
    def stop(self) -> tuple[str, ...]:
        """Where an answer ends."""
        return {"completion": ("\n",), "chat": (), "paper": (".",)}[self.style]

    def ask(self, example: Example) -> Prompt:
        """The prompt that a model answers."""
        return self._prompt(example, (self._question_turn(example),))

    def ask_sure(self, example: Example, answer: str) -> Prompt:
        """The prompt after which one of `verdicts` follows."""
        answered = Turn("assistant", self.written(answer))
        # A raw prompt goes up to the word that tells, so that no other word takes part in the score.
        asked = Turn("user", f"{self._before_sure}{SURE_QUESTION}{' I am' if self.raw else ''}")
        return self._prompt(example, (self._question_turn(example), answered, asked))

    @property
    def verdicts(self) -> tuple[str, str]:
        """The two continuations of `ask_sure`: sure, unsure."""
        return (SURE.removeprefix("I am"), UNSURE.removeprefix("I am")) if self.raw else (SURE, UNSURE)

    def dialogue(self, example: Example, answer: str, *, sure: bool | None = None) -> Prompt:
        """A dialogue to learn from: the model's turns are the answer and, unless `sure` is None, the tail."""
        turns = [self._question_turn(example), Turn("assistant", self.written(answer))]
        if sure is not None:
            verdict = SURE if sure else UNSURE
            turns.append(Turn("user", f"{self._before_sure}{SURE_QUESTION}"))
            turns.append(Turn("assistant", f" {verdict}" if self.raw else verdict))
        return self._prompt(example, tuple(turns))

    def written(self, answer: str) -> str:
        """An answer as the model writes it, its end included."""
        return {"completion": f" {answer}\n", "chat": answer, "paper": f" {answer}."}[self.style]

    def option(self, place: int) -> str:
        """The continuation that chooses the option at a place."""
        return f" {LETTERS[place]}" if self.raw else LETTERS[place]

    def to_json(self) -> dict[str, object]:
        """The format as plain data."""
        shots = [
            {"question": one.question, "answer": one.answer, "subject": one.subject} for one in self.shots
        ]
        return {"style": self.style, "shots": shots}

    @property
    def _before_sure(self) -> str:
        return " " if self.style == "paper" else ""

    def _prompt(self, example: Example, turns: Sequence[Turn]) -> Prompt:
        return Prompt(tuple(turns), example.images, raw=self.raw)

    def _question_turn(self, example: Example) -> Turn:
        shown = [shot for shot in self.shots if _subject(example) in (None, shot.subject)] or self.shots
        # Shots stand in the turn of the question, in a chat too: they are read, and no turn to be learned.
        before = [
            self._asked(shot.question, shot.answer in LETTERS) + self.written(shot.answer) for shot in shown
        ]
        end = {"completion": "\n", "chat": "\n\n", "paper": "\n\n"}[self.style]
        asked = self._asked(with_options(example), bool(example.choices))
        return Turn("user", "".join(shot + end for shot in before) + asked)

    def _asked(self, question: str, has_options: bool) -> str:
        match self.style:
            case "completion":
                return f"Question: {question}\nAnswer:"
            case "paper":
                return f"{question}\nAnswer:" if has_options else f"Question: {question} Answer:"
            case "chat":
                return f"{question}\n{_CHAT_INSTRUCTIONS[has_options]}"


def _subject(example: Example) -> str | None:
    subject = example.metadata.get("subject")
    return str(subject) if subject else None


def format_from_json(data: dict[str, object]) -> PromptFormat:
    """The format that `PromptFormat.to_json` wrote.

    Raises:
        UsageError: If it has another form.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(PromptFormat).validate_python(data)
    except ValidationError as error:
        raise UsageError(f"This is no prompt format of Levelhead: {error.errors()[0]['msg']}.") from error


def with_options(example: Example) -> str:
    """The question, with its options as lettered lines if it has any.

    Raises:
        UsageError: If there are more options than letters.
    """
    if len(example.choices) > len(LETTERS):
        raise UsageError(
            f"The question {example.id} has {len(example.choices)} choices; at most {len(LETTERS)} have "
            "a letter."
        )
    lines = [f"{letter}. {choice}" for letter, choice in zip(LETTERS, example.choices, strict=False)]
    return "\n".join([example.question, *lines])


def right_option(example: Example) -> int | None:
    """The place of the right choice; None if the question has no choices or no known answer."""
    if not example.choices or not example.answers:
        return None
    letter = example.metadata.get("letter")
    if isinstance(letter, str) and letter in LETTERS[: len(example.choices)]:
        return LETTERS.index(letter)
    return next((place for place, choice in enumerate(example.choices) if choice in example.answers), None)


def target_answer(example: Example) -> str:
    """The answer that a model should write: the letter of the right choice, or the preferred answer.

    Raises:
        UsageError: If the question has none.
    """
    place = right_option(example)
    if place is not None:
        return LETTERS[place]
    if not example.answers:
        raise UsageError(f"The question {example.id} has no answer to teach.")
    return example.answers[0]
