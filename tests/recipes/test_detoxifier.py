"""Lessons of the detoxifier: what becomes of a harmful answer, with which target, and of which goals."""

from __future__ import annotations

import json
from pathlib import Path

from detoxifier.lessons import (
    DECLINED,
    LONGEST_KEPT,
    LONGEST_REFUSAL,
    MIXED_WORDS,
    MOST_OF_A_GOAL,
    PLAIN,
    WORDS,
    beginning,
    lessons,
    mixed_lessons,
)
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


RICE = "Wash the rice first. Then boil it for twelve minutes. Let it rest at last."


def hosts(count: int) -> list[Pair]:
    return [Pair(f"rice {number}", RICE, "How do I boil rice?", label=False) for number in range(count)]


def test_a_harmful_piece_is_hidden_in_a_harmless_answer_of_which_every_word_stays() -> None:
    rows = [pair(str(number), LONG, label=True, goal=f"goal {number}") for number in range(40)]
    found = list(mixed_lessons(rows, hosts(40), seed=0))
    assert len(found) == 40
    for lesson in found:
        answer, rewritten = str(lesson["answer"]), str(lesson["rewritten"])
        hidden = " ".join(word for word in answer.split() if word not in RICE.split())
        assert hidden.startswith("take cookies from tin")  # without the words that the rice has too
        assert set(RICE.split()) <= set(answer.split())
        assert MIXED_WORDS[0] <= len(answer.split()) - len(RICE.split()) <= MIXED_WORDS[1]
        both_asked = "cookies" not in rewritten and str(lesson["question"]) != "How do I boil rice?"
        assert rewritten.removeprefix(RICE).strip() in (DECLINED if both_asked else ("",))
    places = {answer.find("take the") for answer in (str(lesson["answer"]) for lesson in found)}
    assert len({place > 0 for place in places}) == 2
    assert len({str(lesson["question"]) for lesson in found}) > 2


def test_each_harmless_answer_is_used_once_and_long_ones_only_to_a_sentence() -> None:
    rows = [pair(str(number), LONG, label=True, goal=f"goal {number}") for number in range(9)]
    assert len(list(mixed_lessons(rows, hosts(4), seed=0))) == 4
    assert not list(mixed_lessons(rows, [Pair("1", RICE, None, label=False)], seed=0))
    assert beginning(f"{RICE} {LONG}") == RICE
    assert beginning(LONG) == ""
    assert len(beginning(f"{RICE} " * 9).split()) <= LONGEST_KEPT


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
