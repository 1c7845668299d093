"""The readers on the real files, against what was counted in these by other means."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from levelhead.datasets import (
    normalized,
    questions_with_several_answers,
    read_falseqa,
    read_fever,
    read_halueval_general,
    read_halueval_qa,
    read_hotpotqa,
    read_mmlu,
    read_mmlu_csv,
    read_mmlu_shots,
    read_nq_open,
    read_pararel,
    read_pararel_cloze,
    read_truthfulqa,
    read_unknownbench,
    read_wice,
    remove_near_duplicates,
)

DATA = Path(__file__).parents[3] / "shared" / "data"
PARAREL = DATA / "r_tuning_data" / "pararel"
MMLU = DATA / "r_tuning_data" / "MMLU"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the public data sets are not in ../shared/data")


def test_every_row_of_the_released_files_is_read_under_an_id_of_its_own() -> None:
    sets = {
        "pararel train": (read_pararel(PARAREL / "training_data.json"), 5575),
        "pararel ID": (read_pararel(PARAREL / "ID_test_pararel.json"), 5584),
        "pararel OOD": (read_pararel(PARAREL / "OOD_test_pararel.json"), 13974),
        "mmlu train": (read_mmlu(MMLU / "MMLU_ID_train.json"), 2448),
        "mmlu ID": (read_mmlu(MMLU / "MMLU_ID_test.json"), 2439),
        "mmlu OOD": (read_mmlu_csv(DATA / "mmlu_ood" / "test"), 9155),
        "fever": (read_fever(DATA / "fever" / "paper_dev.jsonl"), 9999),
        "hotpotqa": (read_hotpotqa(DATA / "hotpotqa" / "hotpot_dev_v1_simplified.json"), 7405),
        "wice dev": (read_wice(DATA / "wice" / "dev.jsonl"), 1043),
        "wice test": (read_wice(DATA / "wice" / "test.jsonl"), 1070),
        "nq": (read_nq_open(DATA / "nq_open" / "NQ-open.dev.jsonl"), 3610),
        "efficientqa": (read_nq_open(DATA / "nq_open" / "NQ-open.efficientqa.dev.1.1.jsonl"), 1800),
        "halueval qa": (read_halueval_qa(DATA / "halueval" / "qa_one-turn_data.json"), 500),
        "halueval": (read_halueval_general(DATA / "halueval" / "general_data.json"), 4507),
        "falseqa train": (read_falseqa(DATA / "falseqa" / "train.csv"), 2374),
        "falseqa valid": (read_falseqa(DATA / "falseqa" / "valid.csv"), 982),
        "falseqa test": (read_falseqa(DATA / "falseqa" / "test.csv"), 1374),
        "nec 0": (read_unknownbench(DATA / "unknownbench" / "NEC" / "NEC_answerable.json"), 2072),
        "nec 1": (read_unknownbench(DATA / "unknownbench" / "NEC" / "NEC_unanswerable.json"), 2078),
        "refunq 0": (read_unknownbench(DATA / "unknownbench" / "RefuNQ" / "RefuNQ_answerable.json"), 2266),
        "refunq 1": (read_unknownbench(DATA / "unknownbench" / "RefuNQ" / "RefuNQ_unanswerable.json"), 2173),
        "truthfulqa": (read_truthfulqa(DATA / "truthfulqa" / "TruthfulQA.csv"), 790),
    }
    assert {name: len(examples) for name, (examples, _) in sets.items()} == {
        name: rows for name, (_, rows) in sets.items()
    }
    ids = [one.id for examples, _ in sets.values() for one in examples]
    assert len(set(ids)) == len(ids)


def test_half_of_falseqa_has_no_answer_and_each_of_these_has_a_twin() -> None:
    for name in ("train", "valid", "test"):
        examples = read_falseqa(DATA / "falseqa" / f"{name}.csv")
        half = len(examples) // 2
        assert sum(one.answers is None for one in examples) == half
        assert len({one.group for one in examples}) == half


def test_the_prompts_hold_five_shots_for_each_subject() -> None:
    for name, subjects in (("ID", 28), ("OOD", 29)):
        shots = read_mmlu_shots(MMLU / f"MMLU_{name}_prompt.json")
        assert [len(given) for given in shots.values()] == [5] * subjects


def test_raw_pararel_is_asked_in_39_relations() -> None:
    examples = read_pararel_cloze(DATA / "pararel")
    assert len({one.metadata["relation"] for one in examples}) == 39
    assert len({one.group for one in examples}) == len(examples)


def test_the_published_pararel_split_leaks_and_the_leak_is_found() -> None:
    train = read_pararel(PARAREL / "training_data.json")
    test = read_pararel(PARAREL / "ID_test_pararel.json")
    # 110 by the letter; blanks around one question hide that it has a second answer.
    assert questions_with_several_answers(train) == 111
    kept, report = remove_near_duplicates(train, test)
    by_id = {one.id: one for one in test}
    exact = [by_id[pair.test_id] for pair in report.removed if pair.exact]
    assert len({normalized(one.question) for one in exact}) == 175

    taught = {question for question, _, _ in json.loads((PARAREL / "training_data.json").read_text())}
    rows = json.loads((PARAREL / "ID_test_pararel.json").read_text())
    verbatim = [one.id for one, (question, _, _) in zip(test, rows, strict=True) if question in taught]
    assert len(verbatim) == 296
    assert set(verbatim) <= {one.id for one in exact}
    assert not {normalized(one.question) for one in kept} & {normalized(one.question) for one in train}


def test_no_question_of_the_other_relations_is_taught() -> None:
    train = read_pararel(PARAREL / "training_data.json")
    _, report = remove_near_duplicates(train, read_pararel(PARAREL / "OOD_test_pararel.json"))
    assert report.exact == 0


def test_of_73_mmlu_questions_in_both_sets_a_third_have_other_choices() -> None:
    train, test = read_mmlu(MMLU / "MMLU_ID_train.json"), read_mmlu(MMLU / "MMLU_ID_test.json")
    both = {one.question for one in train} & {one.question for one in test}
    assert len(both) == 73
    bare = [[replace(one, choices=()) for one in examples] for examples in (train, test)]
    _, report = remove_near_duplicates(*bare, threshold=1)
    assert {one.id for one in test if one.question in both} <= {pair.test_id for pair in report.removed}
    _, report = remove_near_duplicates(train, test)
    assert report.exact == 49
