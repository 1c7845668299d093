from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import LevelheadError, UsageError
from levelhead.honesty import _tuned_probe
from levelhead.honesty._crossfit import crossfit, fold_of
from levelhead.honesty._prompts import PromptFormat
from levelhead.honesty._rows import ProbeRow
from levelhead.honesty._tuned_probe import Workshop, probe_after_tuning
from levelhead.training import TuningSettings
from tests.honesty.probed import GOLD, mixed_rows, probe_row, unanswerable_row
from tests.honesty.workshop import FakeWorkshop

FORM = PromptFormat(style="paper")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeWorkshop:
    fake = FakeWorkshop()
    monkeypatch.setattr(_tuned_probe, "tune", fake.tune)
    return fake


def workshop(fake: FakeWorkshop, epochs: int = 1) -> Workshop:
    return Workshop("hf:base", FORM, TuningSettings(epochs=epochs), fake.probe)


@given(
    st.lists(st.integers(0, 12), min_size=3, max_size=60).filter(lambda groups: len(set(groups)) >= 3),
    st.integers(2, 3),
)
def test_a_group_is_never_parted_and_the_folds_are_even(groups: list[int], folds: int) -> None:
    rows = [probe_row(f"q{place}", group=f"g{group}") for place, group in enumerate(groups)]
    found = fold_of(rows, folds, seed=0)
    assert found.keys() == {row.id for row in rows}
    assert len({(row.group, found[row.id]) for row in rows}) == len(set(groups))
    sizes = [list(found.values()).count(fold) for fold in range(folds)]
    assert min(sizes) > 0
    assert max(sizes) - min(sizes) <= max(groups.count(group) for group in groups)


def test_a_large_group_is_balanced_by_small_ones() -> None:
    rows = [probe_row(f"big{n}", group="zz") for n in range(6)] + mixed_rows(6, 0)
    for seed in range(5):
        found = fold_of(rows, 2, seed)
        assert sorted(list(found.values()).count(fold) for fold in range(2)) == [6, 6]


def test_questions_without_a_group_are_held_together_by_their_text() -> None:
    rows = [probe_row(f"a{n}", question="Who is it?" if n < 3 else f"What is {n}?") for n in range(9)]
    found = fold_of(rows, 3, seed=0)
    assert len({found[f"a{n}"] for n in range(3)}) == 1


def test_the_seed_parts_and_the_order_of_the_rows_does_not() -> None:
    rows = mixed_rows(10, 10)
    assert fold_of(rows, 2, seed=1) == fold_of(rows[::-1], 2, seed=1)
    assert fold_of(rows, 2, seed=1) != fold_of(rows, 2, seed=2)


def test_too_few_groups_for_the_folds_say_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"8 questions of 1 groups.*fewer --folds or more questions"):
        fold_of(mixed_rows(group="one"), 2, seed=0)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=2, max_size=40), st.integers(0, 3))
def test_by_a_key_its_values_are_never_parted_whatever_the_groups(
    facts: list[tuple[int, int]], seed: int
) -> None:
    rows = [
        probe_row(f"q{place}", group=f"g{group}", metadata={"relation": relation})
        for place, (relation, group) in enumerate([*facts, (6, 0), (7, 0)])
    ]
    found = fold_of(rows, 2, seed, "relation")
    assert (
        len({(row.metadata["relation"], found[row.id]) for row in rows}) == len({one for one, _ in facts}) + 2
    )
    assert set(found.values()) == {0, 1}


def test_questions_can_be_parted_by_their_task() -> None:
    rows = mixed_rows(3, 0, prefix="a", task="one") + mixed_rows(3, 0, prefix="b", task="two")
    found = fold_of(rows, 2, 0, "task")
    assert {(row.task, found[row.id]) for row in rows} in ({("one", 0), ("two", 1)}, {("one", 1), ("two", 0)})


def test_questions_without_the_key_are_named_with_the_keys_that_all_have() -> None:
    rows = [
        *mixed_rows(2, 1, metadata={"relation": "P19", "year": 1900}),
        probe_row("odd", metadata={"year": 1900}),
        probe_row("empty", metadata={"year": 1900, "relation": None}),
    ]
    with pytest.raises(
        UsageError, match=r"2 of 5 questions have no 'relation'.*'odd'.*\(task, year\), or question"
    ):
        fold_of(rows, 2, 0, "relation")


def test_too_few_values_for_the_folds_say_what_to_do() -> None:
    rows = mixed_rows(metadata={"relation": "P19"})
    with pytest.raises(UsageError, match=r"8 questions of 1 values of 'relation'.*another --folds-by"):
        fold_of(rows, 2, 0, "relation")


def of_relations(count: int = 4) -> list[ProbeRow]:
    """Two questions of each relation."""
    return [
        probe_row(f"{relation}-{n}", metadata={"relation": f"P{relation}"})
        for relation in range(count)
        for n in range(2)
    ]


@pytest.mark.parametrize(
    ("partitions", "folders"),
    [
        (("question",), ["1", "2"]),
        (("relation",), ["relation/1", "relation/2"]),
        (("question", "relation"), ["question/1", "question/2", "relation/1", "relation/2"]),
    ],
)
def test_plain_folds_lie_where_they_always_did_and_named_ones_under_their_name(
    fake: FakeWorkshop, tmp_path: Path, partitions: tuple[str, ...], folders: list[str]
) -> None:
    crossfit(of_relations(), tmp_path, workshop(fake), folds=2, seed=0, partitions=partitions)
    assert list(fake.tuned) == [tmp_path / "folds" / folder / "adapter" for folder in folders]


def test_by_relation_a_model_is_asked_only_of_relations_that_it_was_not_tuned_on(
    fake: FakeWorkshop, tmp_path: Path
) -> None:
    rows = of_relations()
    found = crossfit(rows, tmp_path, workshop(fake), folds=2, seed=0, partitions=("question", "relation"))
    assert list(found) == ["question", "relation"]
    assert found["question"].keys() == found["relation"].keys() == {row.id for row in rows}
    for folder, taught in fake.tuned.items():
        asked, _ = fake.asked[f"hf:base+{folder}"]
        assert sorted(taught + asked) == sorted(row.id for row in rows)
        if "relation" in folder.parts:
            assert {name[0] for name in taught}.isdisjoint(name[0] for name in asked)


def test_a_key_that_is_missing_is_told_of_before_anything_is_tuned(
    fake: FakeWorkshop, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no 'subject' in their metadata"):
        crossfit(
            of_relations(), tmp_path, workshop(fake), folds=2, seed=0, partitions=("question", "subject")
        )
    assert fake.tuned == {}


def test_the_steps_of_a_named_partition_are_told_with_its_name(fake: FakeWorkshop, tmp_path: Path) -> None:
    told: list[str] = []
    crossfit(
        of_relations(),
        tmp_path,
        replace(workshop(fake), say=told.append),
        folds=2,
        seed=0,
        partitions=("question", "relation"),
    )
    assert told[0] == "question fold 1 of 2: tuning on 4 questions"
    assert told[-1] == "relation fold 2 of 2: asking 4 questions"


def test_each_question_is_asked_of_the_model_that_was_not_tuned_on_it(
    fake: FakeWorkshop, tmp_path: Path
) -> None:
    rows = mixed_rows(5, 5)
    [found] = crossfit(rows, tmp_path, workshop(fake), folds=3, seed=0).values()
    assert found.keys() == {row.id for row in rows}
    assert len(fake.tuned) == len(fake.asked) == 3
    for folder, taught in fake.tuned.items():
        asked, form = fake.asked[f"hf:base+{folder}"]
        assert form == FORM
        assert sorted(taught + asked) == sorted(row.id for row in rows)


def test_fold_models_are_taught_plain_answers_in_the_format_of_the_build(
    fake: FakeWorkshop, tmp_path: Path
) -> None:
    probe_after_tuning(
        [*mixed_rows(0, 2), unanswerable_row("n")], mixed_rows(1, 0), tmp_path, workshop(fake), label="fold"
    )
    assert [lesson.id for lesson in fake.lessons] == ["u0", "u1"]
    assert [turn.text for turn in fake.lessons[0].prompt.turns] == [
        "Question: What is u0? Answer:",
        f" {GOLD}.",
    ]


def test_a_model_that_is_tuned_whole_is_loaded_without_its_base(fake: FakeWorkshop, tmp_path: Path) -> None:
    whole = Workshop("hf:base", FORM, TuningSettings(method="full"), fake.probe)
    probe_after_tuning(mixed_rows(2, 0), mixed_rows(0, 2), tmp_path, whole, label="fold")
    assert list(fake.asked) == [f"hf:{tmp_path / 'adapter'}"]


def test_a_probe_that_leaves_out_a_question_is_no_probe(fake: FakeWorkshop, tmp_path: Path) -> None:
    fake.answer = lambda example: probe_row("another")
    with pytest.raises(LevelheadError, match=r"left out 4 of 4 questions"):
        crossfit(mixed_rows(), tmp_path, workshop(fake), folds=2, seed=0)


def test_without_a_probe_nothing_is_tuned(fake: FakeWorkshop, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="probe_model"):
        crossfit(mixed_rows(), tmp_path, Workshop("hf:base", FORM), folds=2, seed=0)
    assert fake.tuned == {}
