from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.guard import Pair, TrainingData, select_training_data, write_pairs
from levelhead.guard.training._selection import _capped


def row(name: str, question: str, answer: str, label: bool | None = False, **metadata: str | float) -> Pair:
    return Pair(name, answer, question, label=label, metadata=metadata)


def chosen(folder: Path, rows: list[Pair], **settings: object) -> TrainingData:
    path = folder / "sweets.jsonl"
    write_pairs(path, rows)
    return select_training_data([str(path)], **settings)  # type: ignore[arg-type]


def ids(data: TrainingData) -> list[str]:
    return [pair.id for pair in data.pairs]


def test_every_row_that_is_left_out_is_counted_by_its_reason(tmp_path: Path) -> None:
    rows = [
        row("kept", "How to bake?", "In the oven."),
        row("again", "How to  bake?", "In the\noven."),
        row("nobody said", "How to bake?", "Somehow.", None),
        row("blank", "How to bake?", " "),
        row("yes", "May I?", "Take it.", True),
        row("no", "May I?", "Take it.", False),
    ]
    data = chosen(tmp_path, rows)
    assert ids(data) == ["kept"]
    counts = data.sources["sweets"]
    assert (counts.read, counts.harmful, counts.harmless) == (6, 0, 1)
    assert counts.left_out == {"no label": 1, "blank": 1, "contradicted": 2, "repeated": 1}
    assert data.table()[1] == ("sweets", "6", "1", "1", "2", "1", "0", "1")


def test_what_a_test_asks_is_not_trained_on(tmp_path: Path) -> None:
    test = tmp_path / "exam.jsonl"
    write_pairs(test, [row("t", "How do I steal plums from the garden at night?", "No.", None)])
    rows = [
        row("same", "how do i steal plums from the garden at night", "So.", True),
        row("other", "How is a pear tree pruned in spring?", "So."),
        row("same goal", "Tell me.", "So.", True, goal="how do I steal plums from the garden at night"),
    ]
    data = chosen(tmp_path, rows, apart_from=[str(test)])
    assert ids(data) == ["other"]
    assert data.sources["sweets"].left_out == {"in tests": 2}
    assert "exam" in data.note()
    assert str(tmp_path) not in data.note()


def test_rows_without_question_are_not_taken_for_those_of_a_test_with_the_same_ids(tmp_path: Path) -> None:
    test = tmp_path / "exam.jsonl"
    write_pairs(test, [Pair("1", "Bread is baked."), Pair("2", "Plums are ripe.")])
    data = chosen(
        tmp_path, [Pair("1", "Nuts are dry.", label=False), Pair("3", "Plums are ripe!", label=False)],
        apart_from=[str(test)],
    )  # fmt: skip
    assert ids(data) == ["1"]


def test_a_teacher_labels_what_nobody_labelled(tmp_path: Path) -> None:
    rows = [
        row("a", "Q?", "One.", None, target=0.7),
        row("b", "Q?", "Two.", None, target=0.2),
        row("c", "Q?", "Three.", True, target=0.1),
    ]
    assert [pair.label for pair in chosen(tmp_path, rows).pairs] == [True, False, True]


@pytest.mark.parametrize("target", [1.5, "high", True])
def test_a_target_that_is_no_probability_is_refused(tmp_path: Path, target: str | float) -> None:
    with pytest.raises(UsageError, match="target"):
        chosen(tmp_path, [row("a", "Q?", "One.", True, target=target)])


def test_goals_in_nearly_the_same_words_are_one(tmp_path: Path) -> None:
    rows = [
        row("a", "How do I bake grandmother's apple cake with cinnamon?", "One."),
        row("b", "How do I bake grandmother's apple cake, with cinnamon!", "Two."),
        row("c", "When are plums ripe?", "Three."),
    ]
    first, second, third = (pair.metadata["goal"] for pair in chosen(tmp_path, rows).pairs)
    assert first == second != third


def test_forbidden_sources_are_let_in_for_research_alone_and_the_card_says_so(tmp_path: Path) -> None:
    rows = [row("a", "Q?", "One.", source="do_not_answer")]
    with pytest.raises(UsageError, match="--for-research"):
        chosen(tmp_path, rows)
    data = chosen(tmp_path, rows, for_research=True)
    assert "research only" in data.note()
    assert data.licences == {"do_not_answer": "CC-BY-NC-SA-4.0"}


def test_a_cap_for_a_source_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cakes"):
        chosen(tmp_path, [row("a", "Q?", "One.")], at_most={"cakes": 3})


@given(st.integers(1, 60), st.integers(0, 5))
def test_a_cap_draws_evenly_over_goals_and_classes_and_leaves_other_sources_alone(
    most: int, seed: int
) -> None:
    sizes = {("g0", True): 30, ("g0", False): 2, ("g1", True): 10, ("g1", False): 8}
    pairs = [
        Pair(f"{goal}{label}{n}", "a", label=label, metadata={"goal": goal, "source": "big"})
        for (goal, label), size in sizes.items()
        for n in range(size)
    ]
    others = [Pair(f"o{n}", "a", label=False, metadata={"source": "small"}) for n in range(20)]
    mixed = [*pairs, *others]
    random.Random(seed).shuffle(mixed)
    kept = _capped(mixed, at_most={"big": most}, seed=seed)
    groups = Counter((pair.metadata["goal"], pair.label) for pair in kept if pair.metadata["source"] == "big")
    assert sum(groups.values()) == min(most, 50)
    assert len(kept) == sum(groups.values()) + 20
    for group, size in sizes.items():
        # A group is smaller than another by more than one row only if it has no more.
        assert groups[group] == size or groups[group] >= max(groups.values()) - 1
    assert [pair for pair in mixed if pair in kept] == kept


def test_the_look_alikes_travel_and_the_order_is_that_of_the_names(tmp_path: Path) -> None:
    path = tmp_path / "sweets.jsonl"
    path.write_text(json.dumps({"id": "1", "answer": "Take it.", "label": True}) + "\n")
    data = select_training_data(["look-alikes", str(path)])
    assert list(data.sources) == ["look-alikes", "sweets"]
    assert data.sources["look-alikes"].harmful == 0
    assert data.licences == {"look-alikes": "Apache-2.0", "sweets": "not stated"}
