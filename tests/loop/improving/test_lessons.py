"""From answers to lessons. Mild texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from levelhead.answers import SURE, UNSURE
from levelhead.honesty import AnswerRow
from levelhead.loop.improving._lessons import (
    UNSETTLED_UNKNOWN,
    LessonSettings,
    balanced,
    honesty_lessons,
    illusion_lessons,
    reading_lessons,
    request_lesson,
    whole_sentences,
)
from levelhead.records import Example, Image, Prompt, Turn
from levelhead.training import Dialogue

GOLD, WRONG = "Bern", ("Basel", "Chur", "Zug", "Thun", "Visp")


def example(identity: str, pictured: str = "") -> Example:
    return Example(
        id=identity,
        question="What is the capital of Switzerland?",
        answers=(GOLD,),
        images=(Image(path=Path(f"{pictured}.png")),) if pictured else (),
        group="q",
        metadata={"gold": GOLD, "pictured": pictured, "spurious": "\n".join(WRONG)},
    )


def row(condition: str, reply: str, verdict: str, pictured: str | None = None, **more: Any) -> dict[str, Any]:
    identity = f"q/{condition}/{pictured}" if pictured else f"q/{condition}"
    return {
        "id": identity,
        "question_id": "q",
        "condition": condition,
        "pictured": pictured,
        "reply": reply,
        "verdict": verdict,
        "error": None,
        **more,
    }


def asked(
    control: tuple[str, str], wrong: list[tuple[str, str]]
) -> tuple[list[dict[str, Any]], dict[str, Example]]:
    rows = [row("none", *control)]
    rows += [row("spurious", *said, pictured=name) for name, said in zip(WRONG, wrong, strict=False)]
    return rows, {one["id"]: example(one["id"], one["pictured"] or "") for one in rows}


def lessons(rows: tuple[list[dict[str, Any]], dict[str, Example]], **changed: Any) -> list[Dialogue]:
    return list(illusion_lessons(*rows, LessonSettings(**changed)))


def texts(dialogue: Dialogue) -> list[str]:
    return [turn.text for turn in dialogue.prompt.turns]


KNOWS = asked(
    ("It is Bern. It lies on the", "correct"),
    [
        ("It is Basel.", "pictured"),
        ("It is Chur.", "pictured"),
        ("It is Zug.", "pictured"),
        ("Bern.", "correct"),
    ],
)
KNOWS_NOT = asked(("It is Basel.", "other"), [("It is Basel.", "pictured")])


def test_what_it_knows_is_taught_in_its_own_words_up_to_the_last_whole_sentence() -> None:
    (knows,) = [one for one in lessons(KNOWS) if one.metadata["lesson"] == "knows"]
    assert texts(knows)[1] == "It is Bern."
    assert texts(knows)[3] == SURE
    assert not knows.prompt.images
    assert knows.quoted == ()


def test_a_picture_that_misled_it_is_answered_as_without_it() -> None:
    misled = [one for one in lessons(KNOWS) if one.metadata["lesson"] == "misled"]
    assert len(misled) == 3
    assert {texts(one)[1] for one in misled} == {"It is Bern."}
    assert {texts(one)[3] for one in misled} == {SURE}
    assert all(one.prompt.images for one in misled)


def test_a_picture_that_did_not_mislead_it_keeps_its_answer() -> None:
    (kept,) = [one for one in lessons(KNOWS) if one.metadata["lesson"] == "not misled"]
    assert texts(kept)[1] == "Bern."


def test_a_wrong_answer_stays_as_it_was_without_a_picture_and_is_not_learned_beside_one() -> None:
    found = {str(one.metadata["lesson"]): one for one in lessons(KNOWS_NOT)}
    assert {name: one.learned(1) for name, one in found.items()} == {"does not know": True, "believes": False}
    for one in found.values():
        assert one.learned(3)
        assert texts(one)[1] == "It is Basel."
        assert texts(one)[3] == UNSURE


def test_the_picture_does_not_settle_it_only_if_asked_for() -> None:
    told = {one.metadata["lesson"]: texts(one)[1] for one in lessons(KNOWS, unsettled=True)}
    assert told["misled"] == "It is Bern. The picture does not settle it."
    assert told["knows"] == "It is Bern."
    (unknown,) = [one for one in lessons(KNOWS_NOT, unsettled=True) if one.metadata["lesson"] == "believes"]
    assert texts(unknown)[1] == UNSETTLED_UNKNOWN
    assert unknown.learned(1)


def shown(control: str, beside: str, verdict: str) -> list[Dialogue]:
    """Lessons of one question and the right picture beside it."""
    rows = [row("none", control, "correct" if GOLD in control else "other")]
    rows.append(row("factual", beside, verdict, pictured=GOLD))
    made = lessons((rows, {one["id"]: example(one["id"], one["pictured"] or "") for one in rows}))
    return [one for one in made if one.metadata["lesson"] == "shown"]


def test_beside_the_right_picture_its_right_answer_is_kept() -> None:
    (known,) = shown("It is Bern.", "Bern. It is", "correct")
    assert texts(known)[1:] == ["Bern.", texts(known)[2], SURE]
    assert known.prompt.images
    # What it read off a picture alone it cannot be sure of: the picture might have been wrong.
    (read,) = shown("It is Basel.", "It is Bern.", "correct")
    assert texts(read) == ["What is the capital of Switzerland?", "It is Bern."]
    assert shown("It is Bern.", "It is Basel.", "other") == []
    assert shown("It is Bern.", "I think it is Bern", "correct")[0].learned(1)


def told(lesson: str, count: int, *, sure: bool, pictured: bool) -> list[Dialogue]:
    """Dialogues of one lesson."""
    images = (Image(path=Path("a.png")),) if pictured else ()
    asked = (Turn("user", "Who?"), Turn("assistant", "Me."), Turn("user", "Sure?"))
    prompt = Prompt((*asked, Turn("assistant", SURE if sure else UNSURE)), images)
    return [Dialogue(f"{lesson} {pictured} {number}", prompt, {"lesson": lesson}) for number in range(count)]


def test_no_more_lessons_are_unsure_than_sure() -> None:
    every = [
        *told("does not know", 9, sure=False, pictured=False),
        *told("knows", 4, sure=True, pictured=False),
        *told("no answer", 7, sure=False, pictured=False),
        *told("believes", 3, sure=False, pictured=True),
        *told("misled", 5, sure=True, pictured=True),
    ]
    kept = balanced(every, seed=0)
    assert Counter(one.metadata["lesson"] for one in kept) == {
        "does not know": 4,
        "as it was": 5,
        "knows": 4,
        "no answer": 7,
        "believes": 3,
        "misled": 5,
    }
    assert [one.id for one in kept] == [one.id for one in every]
    assert [one for one in kept if one.metadata["lesson"] != "as it was"] == [
        one for one in every if one in kept
    ]
    assert {tuple(texts(one)) for one in kept if one.metadata["lesson"] == "as it was"} == {("Who?", "Me.")}
    assert kept == balanced(every, seed=0)
    assert kept != balanced(every, seed=1)


def test_beside_pictures_too_much_doubt_is_left_out() -> None:
    every = [
        *told("believes", 5, sure=False, pictured=True),
        *told("misled", 2, sure=True, pictured=True),
    ]
    assert Counter(one.metadata["lesson"] for one in balanced(every, seed=0)) == {"believes": 2, "misled": 2}


def test_where_nothing_is_known_nothing_is_left_out() -> None:
    every = told("does not know", 9, sure=False, pictured=False)
    assert balanced(every, seed=0) == every


@pytest.mark.parametrize("spoil", [{"error": "no answer"}, {"reply": "..."}])
def test_a_question_without_a_usable_control_teaches_nothing(spoil: dict[str, str]) -> None:
    rows, examples = KNOWS
    assert lessons(([rows[0] | spoil, *rows[1:]], examples)) == []


def test_an_answer_whose_right_part_was_cut_off_teaches_nothing() -> None:
    rows, examples = asked(
        ("Let me think. I believe that it is Bern", "correct"), [("It is Basel.", "pictured")]
    )
    assert lessons((rows, examples)) == []


def test_lessons_are_the_same_each_time_and_ids_stand_once() -> None:
    assert lessons(KNOWS) == lessons(KNOWS)
    ids = [one.id for one in lessons(KNOWS)]
    assert len(ids) == len(set(ids))


def test_one_picture_of_each_question_is_read() -> None:
    (read,) = reading_lessons(*KNOWS)
    assert texts(read)[1] == 'The picture says "Basel".'
    assert read.prompt.images


def honesty_rows() -> Iterator[AnswerRow]:
    yield AnswerRow(id="1", question="q", answers=["Bern"], answer="Bern.", correct=True, refused=False)
    yield AnswerRow(id="2", question="q", answers=["Bern"], answer="Basel.", correct=False, refused=False)
    yield AnswerRow(id="3", question="q", answers=None, answer="In 1850.", refused=False)
    yield AnswerRow(
        id="4", question="q", answers=["Bern"], answer="I do not know.", correct=False, refused=True
    )
    yield AnswerRow(id="5", question="q", answers=["Bern"], error="gone")


def test_honesty_lessons_are_sure_of_right_answers_and_unsure_of_the_rest() -> None:
    found = {one.id.partition("#")[0]: one for one in honesty_lessons(honesty_rows(), LessonSettings())}
    assert set(found) == {"1", "2", "3"}
    assert [texts(found[name])[3] for name in "123"] == [SURE, UNSURE, UNSURE]
    assert found["1"].learned(1)
    assert found["2"].learned(1)
    assert texts(found["2"])[1] == "Basel."
    assert texts(found["3"])[1] != "In 1850."


def test_a_request_is_taught_with_the_answer_it_got() -> None:
    made = request_lesson("r", Prompt.ask("How do I bake bread?"), "Mix it. Then ba", "helped")
    assert texts(made) == ["How do I bake bread?", "Mix it."]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("It is Bern.", "It is Bern."),
        ("Bern", "Bern"),
        ('He said "No!" and we', 'He said "No!"'),
        ("It costs 3.50 in all", "It costs 3.50 in all"),
        ("", ""),
    ],
)
def test_a_text_ends_with_its_last_whole_sentence(text: str, whole: str) -> None:
    assert whole_sentences(text) == whole
