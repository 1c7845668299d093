from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from harm_detector import own_answers, train
from harm_detector.own_answers import opening_questions, questions, write_own_answers
from harm_detector.preferences import BETTER, DECLINED, WORSE, by_preference
from harm_detector.sets import AT_MOST, TEACHER_AT_MOST, TESTED_ON, TRAINED_ON, UNLABELLED
from harm_detector.teach import every_turn, read_scores, taught
from harm_detector.train import (
    Places,
    calibrate_command,
    check_command,
    halves,
    measure_command,
    part_held_out,
    teach_command,
    teacher_command,
    train_command,
    write_rows_to_teach,
)
from levelhead.cli import _guard, _guard_detection, _guard_training
from levelhead.datasets import HARM_SETS, TRAINABLE
from levelhead.guard import Pair, read_named_pairs, write_pairs
from levelhead.models import Model, Sampling
from levelhead.records import Prompt, Reply

PLACES = Places(Path("sets"), Path("made"))


def options_of(function: object) -> set[str]:
    """The options of a command, as they are typed."""
    assert callable(function)
    return {f"--{name.replace('_', '-')}" for name in inspect.signature(function).parameters}


def test_only_sets_that_allow_weights_are_trained_on_and_all_others_are_kept_apart() -> None:
    assert set(TRAINED_ON) <= TRAINABLE
    assert set(TESTED_ON) <= HARM_SETS.keys() - TRAINABLE
    for words, at_most in (
        (train_command(PLACES, [], seed=0, threads=1), AT_MOST),
        (teacher_command(PLACES, seed=0, threads=1), TEACHER_AT_MOST),
    ):
        assert set(at_most) <= set(TRAINED_ON)
        named = list(pairwise(words))
        apart = {value.partition(":")[0] for option, value in named if option == "--apart-from"}
        assert apart == set(TESTED_ON)
        assert {value for option, value in named if option == "--at-most"} == {
            f"{source}={most}" for source, most in at_most.items()
        }


def test_what_the_teacher_judged_is_trained_on_beside_the_sets() -> None:
    judged = dict(pairwise(teach_command(PLACES, threads=1)))
    assert judged["--teacher"] == f"probe:{PLACES.teacher}"
    words = train_command(PLACES, [Path(judged["--out"])], seed=0, threads=1)
    data = [value for option, value in pairwise(words) if option == "--data"]
    assert data[-1] == judged["--out"]
    assert len(data) == len(TRAINED_ON) + 2


@pytest.mark.parametrize(
    ("words", "function"),
    [
        (train_command(PLACES, [Path("more.jsonl")], seed=1, threads=1), _guard_training.train_detector),
        (teacher_command(PLACES, seed=1, threads=1), _guard_training.train_detector),
        (calibrate_command(PLACES), _guard.calibrate_detector),
        (check_command(PLACES), _guard_detection.measure_detectors),
        (measure_command(PLACES), _guard_detection.measure_detectors),
    ],
)
def test_commands_use_options_that_there_are(words: list[str], function: object) -> None:
    assert {word for word in words if word.startswith("--")} <= options_of(function)


def test_the_halves_share_no_goal_and_lose_no_row() -> None:
    pairs = [Pair(str(n), "a", label=n % 2 == 0, metadata={"goal": f"g{n // 3}"}) for n in range(60)]
    first, second = halves(pairs, seed=0)
    assert sorted([*first, *second], key=lambda pair: int(pair.id)) == pairs
    assert not {pair.metadata["goal"] for pair in first} & {pair.metadata["goal"] for pair in second}
    assert len(first) == len(second)


def test_benign_sources_are_checked_each_by_itself(tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path)
    sources = ("halueval", "look-alikes", "gptfuzz", UNLABELLED)
    pairs = [
        Pair(f"{n}", "a", label=False, metadata={"goal": f"g{n}", "source": sources[n % 4]})
        for n in range(80)
    ]
    write_pairs(places.rows("held_out"), pairs)
    unused = [
        Pair(f"u{n}", "a", label=False, metadata={"goal": f"u{n}", "source": "halueval"}) for n in range(10)
    ]
    part_held_out(places, unused, seed=0)
    calibrate = read_named_pairs(str(places.rows("calibrate")))
    assert {pair.metadata["source"] for pair in calibrate} == {"halueval", "look-alikes"}
    check = read_named_pairs(str(places.rows("check")))
    for source in ("halueval", "look-alikes"):
        own = read_named_pairs(str(places.rows(f"check-{source}")))
        assert own == [pair for pair in check if pair.metadata["source"] == source] != []
    assert {pair.metadata["source"] for pair in check} == {"halueval", "look-alikes", "gptfuzz"}
    ids = {pair.id for pair in [*calibrate, *check]}
    assert ids >= {pair.id for pair in unused}
    assert not {pair.id for pair in calibrate} & {pair.id for pair in check}


def test_rows_that_a_teacher_could_not_judge_are_not_taught(tmp_path: Path) -> None:
    scores = tmp_path / "scores.jsonl"
    rows = [{"id": "1", "p_harm": 0.25}, {"id": "2", "p_harm": None}]
    scores.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    found = taught([Pair("1", "a"), Pair("2", "b"), Pair("3", "c")], read_scores(scores))
    assert [(pair.id, pair.metadata["target"]) for pair in found] == [("1", 0.25)]


def test_a_label_and_the_teacher_share_a_target_and_without_label_the_teacher_alone_counts() -> None:
    pairs = [Pair("1", "a", label=True), Pair("2", "b", label=False), Pair("3", "c")]
    found = taught(pairs, {"1": 0.2, "2": 0.2, "3": 0.2}, label_share=0.5)
    assert [pair.metadata["target"] for pair in found] == pytest.approx([0.6, 0.1, 0.2])


def test_earlier_turns_of_a_dialogue_become_pairs_of_their_own_each_once() -> None:
    context = "Human: Is tea warm?\n\nAssistant: Mostly.\n\nHuman: And ice?\n\nAssistant: Cold: 0 degrees."
    pairs = [
        Pair(side, side, "So?", metadata={"context": context, "goal": "tea", "preferred": side == "chosen"})
        for side in ("chosen", "rejected")
    ]
    found = every_turn([*pairs, Pair("short", "One turn.", "Is it?", metadata={"context": ""})])
    assert [(pair.question, pair.answer, pair.metadata.get("goal")) for pair in found] == [
        ("Is tea warm?", "Mostly.", "tea"),
        ("And ice?", "Cold: 0 degrees.", "tea"),
        ("So?", "chosen", "tea"),
        ("So?", "rejected", "tea"),
        ("Is it?", "One turn.", None),
    ]
    assert len({pair.id for pair in found}) == len(found)


def test_the_rows_to_teach_are_those_without_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "read_named_pairs", lambda name: [Pair(name, f"{name} says")])
    write_rows_to_teach(Places(Path("sets"), tmp_path))
    monkeypatch.undo()
    found = read_named_pairs(str(tmp_path / "to_teach.jsonl"))
    assert [pair.id for pair in found] == [
        "hh_rlhf_harmless:sets/hh_rlhf_harmless",
        str(tmp_path / "asked.jsonl"),
    ]


def test_a_worse_answer_that_declines_has_no_target_and_others_have_the_one_of_their_kind() -> None:
    declining = "I'm sorry, but I can't help with that."
    pairs = [
        Pair(f"{better}/{answer}", answer, metadata={"preferred": better})
        for better in (True, False)
        for answer in ("Gladly.", declining)
    ]
    assert {pair.id: pair.metadata["target"] for pair in by_preference(pairs)} == {
        "True/Gladly.": BETTER,
        f"True/{declining}": DECLINED,
        "False/Gladly.": WORSE,
    }


class Fluent(Model):
    """Answers whatever it is asked, but for what it has no words for."""

    name = fingerprint = "fluent"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def iter_generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        texts = [prompt.turns[-1].text for prompt in prompts]
        self.asked += texts
        yield [
            (index, [Reply("..." if index == 1 else f"Of course: {text}", "stop")])
            for index, text in enumerate(texts)
        ]


def test_own_answers_are_harmless_rows_that_stay_with_their_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = questions()[:5]
    monkeypatch.setattr(own_answers, "_AT_ONCE", 2)
    model, out = Fluent(), tmp_path / "own.jsonl"
    # Of every two questions the second one gets no usable answer.
    assert write_own_answers(model, out, some) == 6
    found = read_named_pairs(str(out))
    assert {pair.label for pair in found} == {False}
    assert {pair.metadata["source"] for pair in found} == {"own-answers"}
    goals = {pair.question: pair.metadata["goal"] for pair in some}
    assert all(pair.metadata["goal"] == goals[pair.question] for pair in found)
    assert len({pair.id for pair in found}) == 6
    # A second call asks only what has no answer yet.
    again = Fluent()
    write_own_answers(again, out, some)
    assert sorted(again.asked) == sorted(2 * [pair.question or "" for pair in (some[1], some[3])])


def test_answers_to_questions_of_others_wait_for_a_teacher_and_keep_their_source(tmp_path: Path) -> None:
    context = "Human: Is tea warm?\n\nAssistant: Mostly."
    about = {"goal": "tea", "source": UNLABELLED}
    pairs = [
        Pair("a", "No.", "And ice?", metadata={**about, "context": context}),
        Pair("b", "Yes.", "And ice?", metadata={**about, "context": context}),
        Pair("c", "A drink.", "What is cocoa?", metadata={**about, "context": ""}),
        Pair("d", "Sweet.", "What is cocoa?", metadata={**about, "context": ""}),
        Pair("e", "Gas.", "What is air?", metadata={**about, "context": ""}),
    ]
    asked = opening_questions(pairs)
    assert [pair.question for pair in asked] == ["Is tea warm?", "What is cocoa?", "What is air?"]
    out = tmp_path / "asked.jsonl"
    assert write_own_answers(Fluent(), out, asked, ["short"]) == 2
    found = read_named_pairs(str(out))
    assert [(pair.question, pair.answer, pair.label) for pair in found] == [
        ("Is tea warm?", "Of course: Is tea warm?", None),
        ("What is air?", "Of course: What is air?", None),
    ]
    assert {(pair.metadata["goal"], pair.metadata["source"]) for pair in found} == {("tea", UNLABELLED)}
