from __future__ import annotations

import json
from pathlib import Path

import pytest

from levelhead.errors import UsageError
from levelhead.guard import Pair, read_look_alikes, read_named_pairs
from levelhead.guard._named_pairs import labelled_answer_of, licence_of, require_trainable_sources, source_of
from tests.guard.toys import toy_pairs, write_pairs


def test_a_file_is_the_source_of_rows_that_name_none(tmp_path: Path) -> None:
    path = tmp_path / "sweets.jsonl"
    rows = [{"id": "1", "answer": "a"}, {"id": "2", "answer": "b", "source": "grandmother"}]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert [source_of(pair) for pair in read_named_pairs(str(path))] == ["sweets", "grandmother"]


def test_a_file_with_a_bad_line_is_refused_with_its_number(tmp_path: Path) -> None:
    path = write_pairs(tmp_path / "sweets.jsonl", toy_pairs(2))
    with path.open("a") as file:
        file.write("broken\n")
    with pytest.raises(UsageError, match="line 3"):
        read_named_pairs(str(path))


@pytest.mark.parametrize(("name", "why"), [("nowhere.jsonl", "no file"), ("sweets:here", "no harm set")])
def test_a_name_of_nothing_is_refused(name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read_named_pairs(name)


def test_a_harm_set_keeps_labels_goals_and_source(tmp_path: Path) -> None:
    rows = [
        {"context": "Shall we bake?", "response": "Gladly.", "category": "Toys", "label": "Safe"},
        {"context": "Shall we bake?", "response": "Steal the flour!", "category": "Toys", "label": "Unsafe"},
    ]
    (tmp_path / "test.json").write_text(json.dumps(rows))
    first, second = read_named_pairs(f"diasafety-test:{tmp_path}")
    assert (first.label, second.label) == (False, True)
    assert first.metadata == {"category": "Toys", "goal": "shall we bake", "source": "diasafety-test"}


def test_look_alikes_are_harmless_and_each_has_its_own_goal() -> None:
    rows = read_look_alikes()
    assert rows == read_named_pairs("look-alikes")
    assert {row.label for row in rows} == {False}
    assert len({row.metadata["goal"] for row in rows}) == len({row.id for row in rows}) == len(rows) > 500
    assert licence_of("look-alikes") == "Apache-2.0"


def test_sets_for_tests_are_not_trained_on_and_own_sources_are_the_users_matter() -> None:
    require_trainable_sources(["gptfuzz", "look-alikes", "grandmother"])
    with pytest.raises(UsageError, match="gptfuzz-evaluate"):
        require_trainable_sources(["gptfuzz", "gptfuzz-evaluate"])


def test_a_pair_without_goal_and_question_is_compared_by_its_answer() -> None:
    assert labelled_answer_of(Pair("1", "Bake, then!"), name="0").goal == "bake then"
    assert labelled_answer_of(Pair("1", "Bake!", "How?"), name="0").goal == "how"
    assert labelled_answer_of(Pair("1", ""), name="row 7").goal == "row 7"
