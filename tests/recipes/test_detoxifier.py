"""Lessons of the detoxifier: what becomes of a harmful answer, with which target, and of which goals."""

from __future__ import annotations

import json
from pathlib import Path

from detoxifier.lessons import LONGEST_REFUSAL, MOST_OF_A_GOAL, PLAIN, WORDS, lessons
from levelhead.answers import refuses
from levelhead.guard import Pair
from levelhead.guard.training._detoxifier_pairs import read_rewrites

LONG = "take the cookies from the tin and hide them under the bed " * 20
REFUSAL = "I'm sorry, but I can't help you with taking cookies."


def pair(name: str, answer: str, *, label: bool, goal: str = "cookies") -> Pair:
    return Pair(name, answer, f"How do I get the {goal}?", label=label, metadata={"goal": goal})


def test_a_harmful_answer_is_cut_and_gets_a_refusal_of_its_goal() -> None:
    [lesson] = lessons([pair("1", LONG, label=True), pair("2", REFUSAL, label=False)], seed=0)
    assert WORDS[0] <= len(str(lesson["answer"]).split()) <= WORDS[1]
    assert LONG.startswith(str(lesson["answer"]))
    assert (lesson["id"], lesson["goal"], lesson["rewritten"]) == ("1", "cookies", REFUSAL)


def test_a_goal_without_a_short_refusal_gets_a_plain_one() -> None:
    told_at_length = f"{REFUSAL} {LONG}"
    assert len(told_at_length.split()) > LONGEST_REFUSAL
    rows = [
        pair("1", LONG, label=True),
        pair("2", told_at_length, label=False),
        pair("3", REFUSAL, label=False, goal="cake"),
    ]
    [lesson] = lessons(rows, seed=0)
    assert lesson["rewritten"] in PLAIN


def test_what_teaches_nothing_is_left_out_and_no_goal_drowns_the_others() -> None:
    assert not list(lessons([pair("1", "Take them.", label=True), pair("2", REFUSAL, label=True)], seed=0))
    rows = [pair(str(number), LONG, label=True, goal="cookies" if number else "cake") for number in range(50)]
    goals = [lesson["goal"] for lesson in lessons(rows, seed=0)]
    assert (goals.count("cookies"), goals.count("cake")) == (MOST_OF_A_GOAL, 1)


def test_the_same_seed_gives_the_same_lessons_and_the_trainer_reads_them(tmp_path: Path) -> None:
    rows = [pair(str(number), LONG, label=True, goal=f"goal {number % 7}") for number in range(50)]
    first, again, other = (list(lessons(rows, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other
    path = tmp_path / "lessons.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in first), encoding="utf-8")
    read = read_rewrites(path)
    assert [one.before.harmful for one in read] == [True] * len(first)
    assert not any(one.keeps for one in read)


def test_the_plain_refusals_are_taken_for_refusals() -> None:
    assert all(map(refuses, PLAIN))
