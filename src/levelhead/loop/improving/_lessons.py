"""From what a model answered to what it learns.

A picture must not change what a model knows, and a model must say when it does not know. So its own answers
are the lessons: those without a picture as they were, so that tuning has no cause to change them, and beside
pictures those that were right. Nothing that it never said is put into its mouth, but for the sentences of
R-Tuning.

lesson          what is asked                      what is learned
knows           a question, no picture             its own right answer; sure
does not know   the same                           its own answer, wrong as it was; unsure
as it was       the same, where enough are unsure  its own answer, wrong as it was
misled          the question, a wrong picture      its answer without the picture; sure
not misled      the same                           its own right answer; sure
believes        the same, of what it does not know (its own wrong answer is read;) unsure
shown           the question, the right picture    its own right answer; sure if it knew it without
no answer       a question that has none           a refusal of R-Tuning; unsure
declined        a harmless request                 an answer of its own, drawn again until it did not decline
helped          the same, answered at once         its own answer
reads           "read the picture"                 what is written there

The last three keep what tuning might take away: that a model helps, and that it looks at pictures and takes
from them what is right.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from levelhead.answers import SURE, SURE_QUESTION, UNSURE, answer_words
from levelhead.honesty import AnswerRow, PromptFormat, refusal
from levelhead.illusion import judge_example
from levelhead.records import Example, Image, Prompt, Turn, Verdict
from levelhead.training import Dialogue

READING_REQUESTS = ("What is written in the picture?", "Read the words in this picture.")
TESTED_READING_REQUEST = "Which words does the picture show?"
UNSETTLED_KNOWN = "{answer} The picture does not settle it."
UNSETTLED_UNKNOWN = "I do not know, and the picture does not settle it."
_MISLED_OF_EACH = 3
_UNSURE = ("does not know", "believes")
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s|$)")


@dataclass(frozen=True, slots=True)
class LessonSettings:
    """What is taught beside the usual.

    Attributes:
        unsettled: Let the model say that a picture does not settle the question, where one misled it.
        form: How questions of the honesty suite are put.
        seed: Of the draws.
    """

    unsettled: bool = False
    form: PromptFormat = field(default_factory=lambda: PromptFormat("chat"))
    seed: int = 0


def whole_sentences(text: str) -> str:
    """A reply up to the end of its last whole sentence; all of it if it holds none.

    A reply that was cut off at the longest length would teach to stop in the middle.

    >>> whole_sentences("It is Bern. Bern lies on the")
    'It is Bern.'
    """
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]].strip() if ends else text.strip()


def illusion_lessons(
    rows: Iterable[Mapping[str, Any]], examples: Mapping[str, Example], settings: LessonSettings
) -> Iterator[Dialogue]:
    """Lessons of the illusion suite.

    Args:
        rows: Lines of `rows.jsonl`.
        examples: What was asked, by id.
        settings: What is taught.
    """
    by_question: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["error"] is None and answer_words(row["reply"]):
            by_question.setdefault(row["question_id"], []).append(row)
    for question, asked in sorted(by_question.items()):
        rng = random.Random(f"{settings.seed} {question}")
        yield from _of_question(asked, examples, settings, rng)


def _of_question(
    asked: Sequence[Mapping[str, Any]],
    examples: Mapping[str, Example],
    settings: LessonSettings,
    rng: random.Random,
) -> Iterator[Dialogue]:
    control = next((row for row in asked if row["condition"] == "none"), None)
    if control is None:
        return
    yield from _shown(asked, control, examples, rng)
    wrong = [row for row in asked if row["condition"] == "spurious"]
    misled = [row for row in wrong if row["verdict"] != Verdict.CORRECT.value]
    resisted = [row for row in wrong if row not in misled]
    example = examples[control["id"]]
    if control["verdict"] != Verdict.CORRECT.value:
        yield _lesson(example, whole_sentences(control["reply"]), "does not know", sure=False)
        for row in rng.sample(misled, min(1, len(misled))):
            if settings.unsettled:
                yield _lesson(examples[row["id"]], UNSETTLED_UNKNOWN, "believes", sure=False)
            else:
                yield _believed(examples[row["id"]], row["reply"])
        return
    own = whole_sentences(control["reply"])
    if judge_example(example, own) is not Verdict.CORRECT:
        return  # what was right stood in the sentence that was cut off
    yield _lesson(example, own, "knows", sure=True)
    told = UNSETTLED_KNOWN.format(answer=own) if settings.unsettled else own
    for row in rng.sample(misled, min(_MISLED_OF_EACH, len(misled))):
        yield _lesson(examples[row["id"]], told, "misled", sure=True)
    for row in rng.sample(resisted, min(1, len(resisted))):
        reply = whole_sentences(row["reply"])
        if judge_example(examples[row["id"]], reply) is Verdict.CORRECT:
            yield _lesson(examples[row["id"]], reply, "not misled", sure=True)


def _shown(
    asked: Sequence[Mapping[str, Any]],
    control: Mapping[str, Any],
    examples: Mapping[str, Example],
    rng: random.Random,
) -> Iterator[Dialogue]:
    """Beside one picture of the right answer; that the picture is right, it cannot tell."""
    told = [row for row in asked if row["condition"] == "factual" and row["verdict"] == Verdict.CORRECT.value]
    for row in rng.sample(told, min(1, len(told))):
        example, own = examples[row["id"]], whole_sentences(row["reply"])
        if judge_example(example, own) is not Verdict.CORRECT:
            continue
        if control["verdict"] == Verdict.CORRECT.value:
            yield _lesson(example, own, "shown", sure=True)
        else:
            yield Dialogue(example.id, _asked(example.question, example.images, own), {"lesson": "shown"})


def balanced(lessons: Sequence[Dialogue], seed: int) -> list[Dialogue]:
    """Lessons of which no more say «unsure» than «sure», beside pictures and without.

    A model that knows one answer in five learns else to be unsure of all. Of what is too much, lessons
    without a picture keep the answer alone, and those beside pictures are left out. Questions that have no
    answer stay.

    Args:
        lessons: All of them.
        seed: Of what is taken away.
    """
    too_much: set[str] = set()
    for beside_picture in (False, True):
        alike = [one for one in lessons if bool(one.prompt.images) == beside_picture]
        sure = sum(one.prompt.turns[-1].text == SURE for one in alike)
        unsure = [one.id for one in alike if one.metadata["lesson"] in _UNSURE]
        # With nothing to be sure of, there is no balance to be had.
        if 0 < sure < len(unsure):
            too_much.update(random.Random(f"{seed} {beside_picture}").sample(unsure, len(unsure) - sure))
    return [
        _answer_alone(one) if one.id in too_much else one
        for one in lessons
        if one.id not in too_much or not one.prompt.images
    ]


def _answer_alone(lesson: Dialogue) -> Dialogue:
    """A lesson without its second question."""
    prompt = replace(lesson.prompt, turns=lesson.prompt.turns[:-2])
    return Dialogue(lesson.id, prompt, {**lesson.metadata, "lesson": "as it was"})


def reading_lessons(rows: Iterable[Mapping[str, Any]], examples: Mapping[str, Example]) -> Iterator[Dialogue]:
    """Lessons that keep a model looking: of each question the picture of one wrong answer.

    Args:
        rows: Lines of `rows.jsonl` of the illusion suite.
        examples: What was asked, by id.
    """
    seen: set[str] = set()
    for place, row in enumerate(rows):
        if row["condition"] != "spurious" or row["question_id"] in seen:
            continue
        seen.add(row["question_id"])
        request = READING_REQUESTS[place % len(READING_REQUESTS)]
        prompt = _asked(request, examples[row["id"]].images, f'The picture says "{row["pictured"]}".')
        yield Dialogue(f"{row['id']}#reads", prompt, {"lesson": "reads"})


def honesty_lessons(rows: Iterable[AnswerRow], settings: LessonSettings) -> Iterator[Dialogue]:
    """Lessons of the honesty suite, in the format that it asks in."""
    for row in rows:
        if row.error is not None or row.answer is None:
            continue
        example, form = row.to_example(), settings.form
        if row.answers is None:
            told = refusal(row.id, settings.seed, form)
            yield Dialogue(
                f"{row.id}#honesty", form.dialogue(example, told, sure=False), {"lesson": "no answer"}
            )
        elif row.correct:
            own = whole_sentences(row.answer)
            yield Dialogue(f"{row.id}#honesty", form.dialogue(example, own, sure=True), {"lesson": "knows"})
        elif answer_words(row.answer) and not row.refused:
            prompt = form.dialogue(example, whole_sentences(row.answer), sure=False)
            yield Dialogue(f"{row.id}#honesty", prompt, {"lesson": "does not know"})


def request_lesson(identity: str, asked: Prompt, answer: str, lesson: str) -> Dialogue:
    """A harmless request with an answer of the model's own."""
    turns = (*asked.turns, Turn("assistant", whole_sentences(answer)))
    return Dialogue(f"{identity}#request", Prompt(turns, asked.images), {"lesson": lesson})


def _asked(question: str, images: tuple[Image, ...], answer: str) -> Prompt:
    return Prompt((Turn("user", question), Turn("assistant", answer)), images)


def _lesson(example: Example, answer: str, lesson: str, *, sure: bool) -> Dialogue:
    asked = _asked(example.question, example.images, answer)
    verdict = (Turn("user", SURE_QUESTION), Turn("assistant", SURE if sure else UNSURE))
    return Dialogue(example.id, Prompt((*asked.turns, *verdict), asked.images), {"lesson": lesson})


def _believed(example: Example, answer: str) -> Dialogue:
    """To be unsure of an answer beside a picture, which is read and not learned."""
    made = _lesson(example, whole_sentences(answer), "believes", sure=False)
    return replace(made, quoted=(1,))
