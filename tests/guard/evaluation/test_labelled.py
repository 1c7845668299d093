"""Detectors on labelled answers: numbers by hand, scores that are kept, and no text in what is written."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import RunFolderError, UsageError
from levelhead.guard import (
    Detector,
    Judgement,
    LabelledSet,
    Pair,
    evaluate_detectors,
    read_labelled_sets,
)
from levelhead.guard.evaluation._labelled_numbers import detector_numbers, paired_numbers

SECRET = "the quiet password of the cookie jar"


class Scripted(Detector):
    """Says of each id what the script says; None is a failure that quotes the answer."""

    def __init__(
        self,
        name: str,
        script: Callable[[Pair], float | None],
        *,
        threshold: float = 0.5,
        breaks_after: int | None = None,
    ) -> None:
        self.name, self.fingerprint, self.threshold = name, f"print of {name}", threshold
        self.judged: list[Pair] = []
        self._script, self._breaks_after = script, breaks_after

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        if self._breaks_after is not None and len(self.judged) >= self._breaks_after:
            raise KeyboardInterrupt
        self.judged += pairs
        scores = [self._script(pair) for pair in pairs]
        return [
            Judgement.failed(f"cannot read {pair.answer!r}") if score is None else Judgement.of(score)
            for pair, score in zip(pairs, scores, strict=True)
        ]


def by_id(scores: Mapping[str, float | None]) -> Callable[[Pair], float | None]:
    return lambda pair: scores[pair.id]


def answers(labels: Mapping[str, bool], *, question: str | None = "How do I open it?") -> LabelledSet:
    pairs = [
        Pair(name, f"{SECRET} {name}", question, label=label, metadata={"goal": f"{SECRET} goal {name[0]}"})
        for name, label in labels.items()
    ]
    return LabelledSet.of("toys", pairs)


TOYS = answers({"a1": True, "a2": True, "b1": False, "b2": False, "c1": False})
GOOD = by_id({"a1": 0.9, "a2": 0.4, "b1": 0.6, "b2": 0.2, "c1": 0.1})


def test_the_numbers_of_five_answers_are_those_found_by_hand() -> None:
    found = detector_numbers(
        [0.9, 0.4, 0.6, 0.2, 0.1], [True, True, False, False, False], [0, 0, 1, 1, 2], threshold=0.5
    )
    # Of six pairs of a harmful and a harmless answer five are in order; 0.4 is below 0.6.
    assert found["auroc"].value == pytest.approx(5 / 6)
    # The harmful ones stand first and third: (1/1 + 2/3) / 2.
    assert found["ap"].value == pytest.approx(5 / 6)
    # Flagged are 0.9, rightly, and 0.6, wrongly; 0.4 is missed.
    assert found["f1"].value == pytest.approx(1 / 2)
    assert found["recall"].value == pytest.approx(1 / 2)
    assert found["false_positive_rate"].value == pytest.approx(1 / 3)
    # Nine in ten of two are two: the threshold falls to 0.4, and 0.6 is flagged with them.
    assert found["false_positive_rate_at_recall_90"].value == pytest.approx(1 / 3)
    assert [found[name].n for name in ("auroc", "recall", "false_positive_rate")] == [5, 2, 3]
    assert all(one.low <= one.value <= one.high for one in found.values())


def test_a_score_at_the_threshold_is_flagged() -> None:
    found = detector_numbers([0.5, 0.4], [True, False], [0, 1], threshold=0.5)
    assert (found["recall"].value, found["false_positive_rate"].value) == (1, 0)


def test_answers_that_were_not_inspected_are_counted_and_left_out() -> None:
    found = detector_numbers([0.9, None, 0.1, None], [True, True, False, False], [0, 1, 2, 3], threshold=0.5)
    assert (found["not_inspected"].value, found["not_inspected"].n) == (0.5, 4)
    assert (found["recall"].value, found["recall"].n, found["auroc"].n) == (1, 1, 2)


def test_a_set_without_harm_has_a_false_positive_rate_and_no_ranking() -> None:
    found = detector_numbers([0.9, 0.1], [False, False], [0, 1], threshold=0.5)
    assert found["false_positive_rate"].value == 0.5
    for name in ("auroc", "ap", "f1", "recall", "false_positive_rate_at_recall_90"):
        assert math.isnan(found[name].value), name


def test_answers_to_one_goal_are_worth_less_than_answers_to_many() -> None:
    scores = [0.9, 0.8, 0.7, 0.3, 0.6, 0.4, 0.2, 0.1] * 5
    harmful = [True, True, True, True, False, False, False, False] * 5
    many = detector_numbers(scores, harmful, list(range(40)), threshold=0.5)
    few = detector_numbers(scores, harmful, [place % 8 for place in range(40)], threshold=0.5)
    for name in ("auroc", "ap", "f1", "recall", "false_positive_rate"):
        assert many[name].value == few[name].value
        assert many[name].high - many[name].low < few[name].high - few[name].low, name


def test_a_difference_is_taken_over_the_answers_that_both_have() -> None:
    labels, goals = [True, False, True, False], [0, 1, 2, 3]
    found = paired_numbers([0.9, 0.1, 0.8, None], [0.1, 0.9, 0.7, 0.6], labels, goals)
    # On the first three: a orders both pairs rightly, b none.
    assert found["auroc"].value == pytest.approx(1.0)
    assert found["auroc"].n == 3


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans()), min_size=1, max_size=12))
def test_a_difference_turned_over_changes_its_sign(rows: list[tuple[float, float, bool]]) -> None:
    a, b = [row[0] for row in rows], [row[1] for row in rows]
    labels, goals = [row[2] for row in rows], list(range(len(rows)))
    there, back = paired_numbers(a, b, labels, goals), paired_numbers(b, a, labels, goals)
    for name in there:
        assert there[name].value == pytest.approx(-back[name].value, nan_ok=True)


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(UsageError, match="2 scores, 1 labels"):
        detector_numbers([0.1, 0.2], [True], [0, 1], threshold=0.5)


def test_the_summary_holds_each_detector_and_its_difference_from_the_first(tmp_path: Path) -> None:
    worse = by_id({"a1": 0.1, "a2": 0.4, "b1": 0.6, "b2": 0.2, "c1": 0.9})
    report = evaluate_detectors([Scripted("good", GOOD), Scripted("worse", worse)], [TOYS], tmp_path / "out")
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == report.summary
    part = report.summary["detection"]["toys"]
    assert (part["rows"], part["harmful"], part["goals"], part["unlabelled"]) == (5, 2, 3, 0)
    assert part["detectors"]["good"]["as_given"]["auroc"]["value"] == pytest.approx(5 / 6)
    (difference,) = part["differences"]
    assert (difference["a"], difference["b"]) == ("worse", "good")
    assert difference["as_given"]["auroc"]["value"] == pytest.approx(1 / 6 - 5 / 6)


def test_without_the_question_there_is_a_second_column_and_what_it_changes(tmp_path: Path) -> None:
    def needs_question(pair: Pair) -> float | None:
        return GOOD(pair) if pair.question else 0.3

    detector = Scripted("asker", needs_question)
    report = evaluate_detectors([detector], [TOYS], tmp_path / "out", without_question=True)
    numbers = report.summary["detection"]["toys"]["detectors"]["asker"]
    assert numbers["without_question"]["auroc"]["value"] == pytest.approx(0.5)
    assert numbers["change_without_question"]["auroc"]["value"] == pytest.approx(0.5 - 5 / 6)
    assert [pair.question for pair in detector.judged[5:]] == [None] * 5


def test_a_set_without_questions_is_not_judged_twice(tmp_path: Path) -> None:
    detector = Scripted("d", lambda pair: 0.3)
    alone = answers({"a1": True, "b1": False}, question=None)
    report = evaluate_detectors([detector], [alone], tmp_path / "out", without_question=True)
    assert "without_question" not in report.summary["detection"]["toys"]["detectors"]["d"]
    assert len(detector.judged) == 2


def test_a_killed_test_goes_on_where_it_stopped_and_gives_the_same_numbers(tmp_path: Path) -> None:
    whole = evaluate_detectors([Scripted("d", GOOD)], [TOYS], tmp_path / "whole", batch=2)
    with pytest.raises(KeyboardInterrupt):
        evaluate_detectors([Scripted("d", GOOD, breaks_after=2)], [TOYS], tmp_path / "out", batch=2)
    assert not (tmp_path / "out" / "summary.json").exists()
    detector = Scripted("d", GOOD)
    again = evaluate_detectors([detector], [TOYS], tmp_path / "out", batch=2)
    assert [pair.id for pair in detector.judged] == ["b1", "b2", "c1"]
    assert again.summary == whole.summary


def test_a_detector_that_is_added_later_leaves_the_scores_of_the_first(tmp_path: Path) -> None:
    evaluate_detectors([Scripted("first", GOOD)], [TOYS], tmp_path / "out")
    first, second = Scripted("first", GOOD), Scripted("second", lambda pair: 0.2)
    report = evaluate_detectors([first, second], [TOYS], tmp_path / "out")
    assert (len(first.judged), len(second.judged)) == (0, 5)
    assert list(report.summary["detection"]["toys"]["detectors"]) == ["first", "second"]


def test_nothing_that_is_written_holds_a_text(tmp_path: Path) -> None:
    broken = Scripted("broken", lambda pair: None if pair.id == "b1" else 0.3)
    report = evaluate_detectors([broken], [TOYS], tmp_path / "out", without_question=True)
    assert report.not_inspected == 2
    assert report.first_reason is not None
    assert report.first_reason.startswith("b1: ")
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {"rows.jsonl", "summary.json", "manifest.json", "toys.jsonl"} <= {path.name for path in written}
    for path in written:
        for text in (SECRET, "How do I open it", "cannot read"):
            assert text not in path.read_text(), path


def test_rows_hold_label_goal_and_every_score(tmp_path: Path) -> None:
    evaluate_detectors([Scripted("d", GOOD)], [TOYS], tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    assert rows[1] == {
        "set": "toys",
        "id": "a2",
        "harmful": True,
        "goal": 0,
        "scores": {"as_given": {"d": 0.4}},
    }
    assert [row["goal"] for row in rows] == [0, 0, 1, 1, 2]


def test_other_texts_under_the_same_ids_are_refused(tmp_path: Path) -> None:
    evaluate_detectors([Scripted("d", GOOD)], [TOYS], tmp_path / "out")
    other = LabelledSet.of("toys", [Pair("a1", "another answer", label=True)])
    with pytest.raises(RunFolderError, match="a1"):
        evaluate_detectors([Scripted("d", GOOD)], [other], tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "content"), [("notes.txt", "mine"), ("manifest.json", "{}")], ids=["notes", "a broken manifest"]
)
def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(RunFolderError, match="Nothing was"):
        evaluate_detectors([Scripted("d", GOOD)], [TOYS], tmp_path)
    assert (tmp_path / name).read_text() == content
    assert not (tmp_path / "summary.json").exists()


def test_a_detector_or_a_set_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="detector d is given twice"):
        evaluate_detectors([Scripted("d", GOOD), Scripted("d", GOOD)], [TOYS], tmp_path)
    with pytest.raises(UsageError, match="set toys is given twice"):
        evaluate_detectors([Scripted("d", GOOD)], [TOYS, TOYS], tmp_path)
    with pytest.raises(UsageError, match="0 detectors and 1 sets"):
        evaluate_detectors([], [TOYS], tmp_path)


def write(path: Path, *rows: Mapping[str, object]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_a_file_is_a_set_of_its_name_whose_unlabelled_answers_are_counted(tmp_path: Path) -> None:
    name = write(
        tmp_path / "mine.jsonl",
        {"id": 1, "answer": "yes", "question": "Why?", "label": True},
        {"id": 2, "answer": "no", "question": "why?", "label": False},
        {"id": 3, "answer": "perhaps"},
    )
    (found,) = read_labelled_sets([name])
    assert (found.name, found.labels, found.unlabelled) == ("mine", [True, False], 1)
    assert found.goals == (0, 0)  # one question, in the same words


def test_a_harm_set_keeps_its_goals(tmp_path: Path) -> None:
    (tmp_path / "all_repsonses_gpt.csv").write_text(
        "prompt,response,is harmful?\nBake bread?,Take flour.,No\nbake bread,Take it from her.,Yes\n"
    )
    (tmp_path / "all_repsonses_llama.csv").write_text("prompt,response,is harmful?\nSing?,La.,No\n")
    (found,) = read_labelled_sets([f"llm_self_defense:{tmp_path}"])
    assert (found.name, found.goals, found.labels) == ("llm_self_defense", (0, 0, 1), [False, True, False])


def test_a_draw_is_the_same_each_time_and_keeps_the_order(tmp_path: Path) -> None:
    name = write(tmp_path / "mine.jsonl", *({"id": n, "answer": "a", "label": n < 9} for n in range(40)))
    (once,) = read_labelled_sets([name], limit=10, seed=1)
    (twice,) = read_labelled_sets([name], limit=10, seed=1)
    (other,) = read_labelled_sets([name], limit=10, seed=2)
    places = [int(pair.id) for pair in once.pairs]
    assert once == twice != other
    assert len(places) == 10
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": 1, "answer": "a"}], "no labelled answer"),
        (
            [{"id": 1, "answer": "a", "label": True}, {"id": "1", "answer": "b", "label": True}],
            "stands twice",
        ),
        ([{"id": 1, "answer": "a", "label": True}, {"answer": "b"}], "line 2"),
    ],
    ids=["no label", "one id twice", "a line without an id"],
)
def test_a_file_that_cannot_be_tested_on_is_refused(
    tmp_path: Path, rows: list[Mapping[str, object]], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        read_labelled_sets([write(tmp_path / "mine.jsonl", *rows)])


def test_two_sets_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    row = {"id": 1, "answer": "a", "label": True}
    names = [write(tmp_path / "mine.jsonl", row), write(tmp_path / "b" / "mine.jsonl", row)]
    with pytest.raises(UsageError, match="Two sets are called mine"):
        read_labelled_sets(names)
