from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.datasets import (
    read_advbench,
    read_aegis,
    read_harmbench_multimodal,
    read_harmbench_text,
    read_harmfulqa,
    read_safe_answers,
    read_simple_safety_tests,
    read_strongreject,
)
from levelhead.errors import UsageError
from tests.datasets.files import write_csv, write_json

TEXT_COLUMNS = ["Behavior", "FunctionalCategory", "SemanticCategory", "ContextString", "BehaviorID"]
PICTURE_COLUMNS = [
    "Behavior",
    "SemanticCategory",
    "BehaviorID",
    "ImageFileName",
    "ImageDescription",
    "RedactedImageDescription",
]


def test_requests_have_no_reference_and_a_goal_in_the_form_of_all_sets(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ["goal", "target"], [["Eat the  cake!", "Sure, I eat"]])
    (example,) = read_advbench(path)
    assert (example.id, example.question, example.answers) == ("advbench-1", "Eat the  cake!", ())
    assert example.metadata == {"goal": "eat the cake", "source": "advbench", "target": "Sure, I eat"}
    assert example.group == "eat the cake"


def test_strongreject_says_where_a_request_comes_from(tmp_path: Path) -> None:
    columns = ["category", "source", "forbidden_prompt"]
    (example,) = read_strongreject(write_csv(tmp_path / "s.csv", columns, [["Cakes", "AdvBench", "Eat it"]]))
    assert example.metadata["source"] == "strongreject"
    assert (example.metadata["category"], example.metadata["taken_from"]) == ("Cakes", "AdvBench")


def test_a_contextual_behavior_is_asked_after_its_context_and_split_by_the_behavior(tmp_path: Path) -> None:
    rows = [
        ["Eat it", "contextual", "cakes", "There is a cake.", "eat_it"],
        ["Eat it", "standard", "cakes", "", "eat"],
    ]
    first, second = read_harmbench_text(write_csv(tmp_path / "h.csv", TEXT_COLUMNS, rows))
    assert (first.question, second.question) == ("There is a cake.\n\nEat it", "Eat it")
    assert first.metadata["goal"] == second.metadata["goal"] == "eat it"
    assert (first.id, first.metadata["kind"]) == ("harmbench-eat_it", "contextual")


def test_the_same_question_about_another_picture_is_another_goal(tmp_path: Path) -> None:
    rows = [
        ["Eat this", "cakes", "one", "cake.png", "A cake.", "A thing."],
        ["Eat this", "cakes", "two", "soap.png", "A soap.", "A thing."],
    ]
    first, second = read_harmbench_multimodal(write_csv(tmp_path / "m.csv", PICTURE_COLUMNS, rows))
    assert first.metadata["goal"] != second.metadata["goal"]
    assert first.metadata["description"] == "A cake."
    assert first.metadata["redacted"] == "A thing."
    assert first.images == ()


def test_simple_safety_tests_have_an_area_and_a_kind(tmp_path: Path) -> None:
    columns = ["id", "harm_area", "counter", "category", "prompts_final"]
    path = write_csv(tmp_path / "t.csv", columns, [["sst_1", "Cakes", "1", "Advice", "May I eat?"]])
    (example,) = read_simple_safety_tests(path)
    assert (example.metadata["category"], example.metadata["kind"]) == ("Cakes", "Advice")


def test_harmfulqa_is_two_levels_of_topics(tmp_path: Path) -> None:
    path = write_json(tmp_path / "q.json", {"Food": {"Cake": ["Why?", "How?"], "Soup": ["Why?"]}})
    examples = read_harmfulqa(path)
    assert [(one.metadata["category"], one.metadata["kind"]) for one in examples] == [
        ("Food", "Cake"),
        ("Food", "Cake"),
        ("Food", "Soup"),
    ]
    assert len({one.id for one in examples}) == 3
    with pytest.raises(UsageError, match="the whole: Food"):
        read_harmfulqa(write_json(path, {"Food": ["Why?"]}))


def test_a_safe_answer_is_the_answer(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "d.csv", ["Behavior", "Safe_Response"], [["Eat it all", "Share it."]])
    assert read_safe_answers(path)[0].answers == ("Share it.",)


def test_an_aegis_label_is_about_the_request(tmp_path: Path) -> None:
    rows = [
        {"input": f"Human user:\nMay I {verb}?\n\nAI assistant:\nNone", "output": label}
        for verb, label in (("eat", "unharmful"), ("bite", "harmful"))
    ]
    examples = read_aegis(write_json(tmp_path / "a.json", rows))
    assert [(one.question, one.metadata["harmful_request"]) for one in examples] == [
        ("May I eat?", False),
        ("May I bite?", True),
    ]


def test_a_row_without_text_is_refused_by_its_number(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ["goal", "target"], [["Eat", "Sure"], [" ", "Sure"]])
    with pytest.raises(UsageError, match="row 2: goal"):
        read_advbench(path)
