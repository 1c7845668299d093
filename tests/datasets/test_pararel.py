from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.datasets import questions_with_several_answers, read_pararel, read_pararel_cloze
from levelhead.errors import UsageError
from tests.datasets.files import write_json, write_jsonl

ROWS = [
    ["Which town is Larkdale's twin?", "Upford", "P190(twinned body)"],
    ["What does Ida Moss do?", "baker", "P106(occupation)"],
    ["Which town is Larkdale's twin?", "Netherby", "P190(twinned body)"],
    ["What does Ida Moss do?", "baker", "P106(occupation)"],
]


def test_each_row_accepts_the_answers_of_all_rows_with_its_question_its_own_first(tmp_path: Path) -> None:
    examples = read_pararel(write_json(tmp_path / "training.json", ROWS))
    assert [one.answers for one in examples] == [
        ("Upford", "Netherby"),
        ("baker",),
        ("Netherby", "Upford"),
        ("baker",),
    ]
    assert len({one.id for one in examples}) == 4
    assert examples[0].group == examples[2].group != examples[1].group
    assert examples[0].metadata == {"relation": "P190(twinned body)"}


def test_questions_with_several_answers_are_counted_once_each(tmp_path: Path) -> None:
    assert questions_with_several_answers(read_pararel(write_json(tmp_path / "training.json", ROWS))) == 1


def test_a_row_of_another_shape_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="row 2"):
        read_pararel(write_json(tmp_path / "training.json", [ROWS[0], ["only a question"]]))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    facts, graphs = tmp_path / "trex_lms_vocab", tmp_path / "pattern_data" / "graphs_json"
    facts.mkdir(parents=True)
    graphs.mkdir(parents=True)
    write_jsonl(
        facts / "P19.jsonl",
        [
            {"sub_label": "Ida Moss", "obj_label": "Larkdale", "uuid": "1"},
            {"sub_label": "Ida Moss", "obj_label": "Moorshire", "uuid": "2"},
            {"sub_label": "The [Y] Band", "obj_label": "Upford", "uuid": "3"},
        ],
    )
    write_jsonl(
        graphs / "P19.jsonl", [{"pattern": "[X] comes from [Y] ."}, {"pattern": "[Y] is home to [X]."}]
    )
    write_jsonl(facts / "P101.jsonl", [{"sub_label": "Ida Moss", "obj_label": "baking", "uuid": "4"}])
    write_jsonl(graphs / "P101.jsonl", [{"pattern": "[X] works in [Y]."}])
    write_jsonl(facts / "P31.jsonl", [{"sub_label": "Ida Moss", "obj_label": "human", "uuid": "5"}])
    return tmp_path


def test_each_subject_is_a_gap_to_fill_that_accepts_all_its_objects(release: Path) -> None:
    examples = read_pararel_cloze(release)
    assert [(one.question, one.answers) for one in examples] == [
        ("Fill in the blank: Ida Moss comes from ____ .", ("Larkdale", "Moorshire")),
        ("Fill in the blank: The [Y] Band comes from ____ .", ("Upford",)),
        ("Fill in the blank: Ida Moss works in ____.", ("baking",)),
    ]


def test_all_patterns_of_a_subject_are_one_group(release: Path) -> None:
    examples = read_pararel_cloze(release, relations=["P19"], patterns=None)
    assert [one.group for one in examples] == ["P19: Ida Moss"] * 2 + ["P19: The [Y] Band"] * 2
    assert len({one.id for one in examples}) == 4


def test_a_prefix_is_given_only_where_the_gap_ends_the_sentence(release: Path) -> None:
    examples = read_pararel_cloze(release, relations=["P19"], patterns=None)
    assert [one.metadata.get("prefix") for one in examples] == [
        "Ida Moss comes from",
        None,
        "The [Y] Band comes from",
        None,
    ]


def test_a_relation_without_patterns_is_refused_by_name(release: Path) -> None:
    with pytest.raises(UsageError, match=r"P31\.jsonl cannot be read"):
        read_pararel_cloze(release, relations=["P31"])
    with pytest.raises(UsageError, match="patterns is 0"):
        read_pararel_cloze(release, patterns=0)
    with pytest.raises(UsageError, match="holds no ParaRel"):
        read_pararel_cloze(release / "pattern_data")
