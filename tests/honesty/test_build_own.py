from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import UsageError
from levelhead.honesty import _tuned_probe
from levelhead.honesty._build import BuildReport, build
from levelhead.honesty._build_folder import OwnCounts, read_build
from levelhead.honesty._build_own import judge_own_answers
from levelhead.honesty._build_settings import BuildSettings
from levelhead.honesty._labels import OwnAnswer
from levelhead.honesty._prompts import PromptFormat
from levelhead.honesty._refusals import is_taught_refusal
from levelhead.honesty._rows import ProbeRow
from levelhead.records import Example
from levelhead.training import read_dialogues
from tests.honesty.probed import GOLD, mixed_rows, probe_folder, probe_row, unanswerable_row
from tests.honesty.workshop import FakeWorkshop, count_letters


def failed_row(name: str) -> ProbeRow:
    """A question that a model failed to answer."""
    return probe_row(name, answer=None, correct=None, correct_paper=None, error="too long")


@pytest.fixture(autouse=True)
def loss(monkeypatch: pytest.MonkeyPatch) -> None:
    count_letters(monkeypatch)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeWorkshop:
    """Models that know the questions whose id begins with k."""
    fake = FakeWorkshop(lambda example: probe_row(example.id, right=example.id[0] == "k"))
    monkeypatch.setattr(_tuned_probe, "tune", fake.tune)
    return fake


def made(tmp_path: Path, rows: Sequence[ProbeRow], fake: FakeWorkshop, **settings: Any) -> BuildReport:
    probe = probe_folder(tmp_path / "probe", rows)
    settings = {"method": "sure-own", **settings}
    return build([probe], tmp_path / "data", BuildSettings(**settings), probe_model=fake.probe)


def verdicts(folder: Path) -> dict[str, list[str]]:
    """For each dialogue all that the model says in it, learned or quoted."""
    return {
        one.id: [turn.text.strip() for turn in one.prompt.turns if turn.role == "assistant"]
        for one in read_dialogues(folder / "train.jsonl")
    }


def own(**rows: ProbeRow) -> dict[str, dict[str, ProbeRow]]:
    """What one model of each partition answered to the question q."""
    return {partition: {"q": row} for partition, row in rows.items()}


def test_right_and_wrong_answers_are_told_apart_by_the_rule() -> None:
    rows = [probe_row("a"), probe_row("b")]
    found = {
        "question": {
            "a": probe_row("a", answer="one", correct=True, correct_paper=False),
            "b": probe_row("b", answer="two", correct=False, correct_paper=True),
        }
    }
    corrected = judge_own_answers(rows, found, "corrected")
    assert corrected.sure == {"a": True, "b": False}
    assert corrected.wrong == {"a": (), "b": (OwnAnswer("two", "#own"),)}
    paper = judge_own_answers(rows, found, "paper")
    assert paper.sure == {"a": False, "b": True}
    assert paper.wrong == {"a": (OwnAnswer("one", "#own"),), "b": ()}


@pytest.mark.parametrize("answer", ["", " \n", None])
def test_an_empty_answer_is_wrong_and_nothing_to_quote(answer: str | None) -> None:
    found = own(question=probe_row("q", right=False, answer=answer))
    judged = judge_own_answers([probe_row("q")], found, "corrected")
    assert (judged.sure, judged.wrong) == ({"q": False}, {"q": ()})
    assert judged.counts["question"] == OwnCounts(right=0, wrong=1, empty=1, repeated=0, failed=0)


def test_wrong_answers_of_two_partitions_are_quoted_once_each() -> None:
    found = own(
        question=probe_row("q", right=False, answer="lead"),
        relation=probe_row("q", right=False, answer="tin"),
    )
    judged = judge_own_answers([probe_row("q")], found, "corrected")
    assert judged.wrong == {"q": (OwnAnswer("lead", "#own-question"), OwnAnswer("tin", "#own-relation"))}
    assert {name: count.repeated for name, count in judged.counts.items()} == {"question": 0, "relation": 0}


def test_the_same_wrong_answer_of_two_partitions_is_quoted_once_and_counted() -> None:
    row = probe_row("q", right=False, answer="lead")
    judged = judge_own_answers([probe_row("q")], own(question=row, relation=row), "corrected")
    assert judged.wrong == {"q": (OwnAnswer("lead", "#own-question"),)}
    assert judged.counts["question"] == OwnCounts(right=0, wrong=1, empty=0, repeated=0, failed=0)
    assert judged.counts["relation"] == OwnCounts(right=0, wrong=1, empty=0, repeated=1, failed=0)


@pytest.mark.parametrize("first", [True, False])
def test_a_question_is_sure_if_any_partition_answers_it_rightly(first: bool) -> None:
    found = own(question=probe_row("q", right=first), relation=probe_row("q", right=not first))
    judged = judge_own_answers([probe_row("q")], found, "corrected")
    assert judged.sure == {"q": True}
    suffix = "#own-relation" if first else "#own-question"
    assert judged.wrong == {"q": (OwnAnswer("lead", suffix),)}


def test_a_question_that_one_partition_failed_to_answer_is_judged_by_the_other() -> None:
    found = own(question=failed_row("q"), relation=probe_row("q", right=False))
    judged = judge_own_answers([probe_row("q")], found, "corrected")
    assert judged.wrong == {"q": (OwnAnswer("lead", "#own-relation"),)}
    assert judged.counts["question"] == OwnCounts(right=0, wrong=0, empty=0, repeated=0, failed=1)
    judged = judge_own_answers([probe_row("q")], own(question=failed_row("q")), "corrected")
    assert (judged.sure, judged.wrong) == ({}, {})


def test_tuned_models_decide_and_not_the_base(tmp_path: Path, fake: FakeWorkshop) -> None:
    rows = [probe_row("k", right=False), probe_row("k2"), probe_row("u"), probe_row("u2", right=False)]
    made(tmp_path, rows, fake)
    assert verdicts(tmp_path / "data") == {
        "k": [GOLD, "I am sure."],
        "k2": [GOLD, "I am sure."],
        "u": [GOLD],
        "u#own": ["lead", "I am unsure."],
        "u2": [GOLD],
        "u2#own": ["lead", "I am unsure."],
    }


def test_the_rule_and_the_number_of_folds_are_those_of_the_settings(
    tmp_path: Path, fake: FakeWorkshop
) -> None:
    fake.answer = lambda example: probe_row(example.id, correct=True, correct_paper=example.id[0] == "k")
    facts = made(tmp_path, mixed_rows(3, 3), fake, rule="paper", folds=3).facts
    assert len(fake.tuned) == 3
    assert facts.own_answers is not None
    assert (facts.own_answers.partitions["question"].right, facts.own_answers.quoted) == (3, 3)


def test_spaces_around_the_names_of_partitions_mean_nothing() -> None:
    assert BuildSettings(method="sure-own").partitions == ("question",)
    named = BuildSettings(method="sure-own", folds_by="question, relation ")
    assert named.partitions == ("question", "relation")


def test_a_question_without_an_answer_is_refused_and_unsure_and_never_asked_of_a_fold(
    tmp_path: Path, fake: FakeWorkshop
) -> None:
    made(tmp_path, [*mixed_rows(2, 2), unanswerable_row("n")], fake)
    [refusal, tail] = verdicts(tmp_path / "data")["n"]
    assert is_taught_refusal(refusal)
    assert tail == "I am unsure."
    assert "n" not in {name for asked, _ in fake.asked.values() for name in asked}


def test_the_facts_count_answers_questions_and_dialogues(tmp_path: Path, fake: FakeWorkshop) -> None:
    fake.answer = lambda example: (
        failed_row(example.id)
        if example.id == "k0"
        else probe_row(example.id, right=False, answer="")
        if example.id == "u0"
        else probe_row(example.id, right=example.id[0] == "k")
    )
    report = made(tmp_path, mixed_rows(4, 5), fake)
    facts = read_build(tmp_path / "data")
    assert facts == report.facts
    assert facts.own_answers is not None
    assert facts.own_answers.partitions == {
        "question": OwnCounts(right=3, wrong=5, empty=1, repeated=0, failed=1)
    }
    assert facts.own_answers.quoted == 4
    [task] = facts.tasks.values()
    assert (task.sure, task.unsure, task.dropped) == (3, 5, {"the model gave no answer": 1})
    assert facts.dialogues == 12 == len(read_dialogues(tmp_path / "data" / "train.jsonl"))
    assert facts.tuning is not None
    assert facts.crossfit is None


def test_the_share_of_unsure_counts_questions_and_takes_their_quotes_along(
    tmp_path: Path, fake: FakeWorkshop
) -> None:
    facts = made(tmp_path, mixed_rows(6, 10), fake, unsure_share=0.25).facts
    [task] = facts.tasks.values()
    assert (task.sure, task.unsure) == (6, 2)
    assert facts.own_answers is not None
    assert (facts.own_answers.partitions["question"].wrong, facts.own_answers.quoted) == (10, 2)
    names = set(verdicts(tmp_path / "data"))
    assert {f"{name}#own" for name in names if name[0] == "u" and "#" not in name} == {
        name for name in names if "#" in name
    }


def test_wrong_answers_that_are_all_empty_teach_no_doubt_and_are_refused(
    tmp_path: Path, fake: FakeWorkshop
) -> None:
    fake.answer = lambda example: probe_row(example.id, right=example.id[0] == "k", answer="")
    with pytest.raises(UsageError, match="None of the 3 unsure questions has a wrong answer to judge"):
        made(tmp_path, mixed_rows(3, 3), fake)


def test_the_example_shows_what_is_learned_and_a_quoted_answer(tmp_path: Path, fake: FakeWorkshop) -> None:
    first, second = made(tmp_path, mixed_rows(2, 2), fake).example.split("\n\n")
    assert first.endswith("I am sure.")
    assert "lead" in second
    assert second.endswith("I am unsure.")


class OfTwoKinds(FakeWorkshop):
    """Models that were tuned on other relations know less."""

    def probe(
        self, model: str, examples: Sequence[Example], folder: Path, form: PromptFormat
    ) -> list[ProbeRow]:
        super().probe(model, examples, folder, form)
        by_question = "/folds/question/" in model
        knows = [one.id[0] == "k" if by_question else one.id == "kx" for one in examples]
        wrong = "lead" if by_question else "tin"
        return [
            probe_row(one.id, right=right, answer=GOLD if right else wrong)
            for one, right in zip(examples, knows, strict=True)
        ]


def test_two_partitions_give_each_question_the_answers_of_both_and_the_gold_one_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = OfTwoKinds()
    monkeypatch.setattr(_tuned_probe, "tune", fake.tune)
    rows = [
        probe_row(name, metadata={"relation": relation})
        for name, relation in [("kx", "P1"), ("k", "P1"), ("u", "P2"), ("k2", "P2")]
    ]
    facts = made(tmp_path, rows, fake, folds_by="question,relation").facts
    assert verdicts(tmp_path / "data") == {
        "kx": [GOLD, "I am sure."],
        "k": [GOLD, "I am sure."],
        "k#own-relation": ["tin", "I am unsure."],
        "u": [GOLD],
        "u#own-question": ["lead", "I am unsure."],
        "u#own-relation": ["tin", "I am unsure."],
        "k2": [GOLD, "I am sure."],
        "k2#own-relation": ["tin", "I am unsure."],
    }
    assert facts.own_answers is not None
    counts = {name: (one.right, one.wrong) for name, one in facts.own_answers.partitions.items()}
    assert counts == {"question": (3, 1), "relation": (1, 3)}
    assert facts.dialogues == 8


def test_the_folds_of_sure_crossfit_are_those_of_sure_own(tmp_path: Path, fake: FakeWorkshop) -> None:
    rows = [*mixed_rows(4, 4), unanswerable_row("n")]
    made(tmp_path / "own", rows, fake)
    own_lessons, own_tuned = fake.lessons, fake.tuned
    fake.lessons, fake.tuned = [], {}
    made(tmp_path / "crossfit", rows, fake, method="sure-crossfit")
    assert fake.lessons == own_lessons

    def placed(tuned: dict[Path, list[str]], folder: str) -> dict[Path, list[str]]:
        return {path.relative_to(tmp_path / folder / "data"): names for path, names in tuned.items()}

    assert placed(fake.tuned, "crossfit") == placed(own_tuned, "own")
    assert list(placed(own_tuned, "own")) == [Path("folds/1/adapter"), Path("folds/2/adapter")]


def test_sure_crossfit_can_be_labelled_by_models_of_other_relations(
    tmp_path: Path, fake: FakeWorkshop
) -> None:
    rows = [row.model_copy(update={"metadata": {"relation": row.id[1]}}) for row in mixed_rows(4, 4)]
    facts = made(tmp_path, rows, fake, method="sure-crossfit", folds_by="relation").facts
    assert [str(path.parent.relative_to(tmp_path / "data")) for path in fake.tuned] == [
        "folds/relation/1",
        "folds/relation/2",
    ]
    assert facts.crossfit is not None
    assert facts.own_answers is None
