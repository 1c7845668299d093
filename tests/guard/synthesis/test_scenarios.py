from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.errors import UsageError
from levelhead.guard import Scenario, read_scenarios, read_topics


def test_a_text_file_has_one_scenario_a_line(tmp_path: Path) -> None:
    path = tmp_path / "SCENARIOS.txt"
    path.write_text("\ufeff# mild\n\n giving away   an ending \nbeing rude to a waiter\n", encoding="utf-8")
    assert read_scenarios(path) == [
        Scenario("giving away an ending", "giving away an ending"),
        Scenario("being rude to a waiter", "being rude to a waiter"),
    ]
    assert read_topics(path) == ["giving away an ending", "being rude to a waiter"]


def test_a_jsonl_file_may_name_categories(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text('{"scenario": "loud phones", "category": "trains"}\n\n{"scenario": "queues"}\n')
    assert read_scenarios(path) == [Scenario("loud phones", "trains"), Scenario("queues", "queues")]


@pytest.mark.parametrize(
    "line", ["queues", "{}", '{"scenario": " "}', '{"scenario": "a", "kind": "b"}', "[1]"]
)
def test_a_wrong_line_is_told_by_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(f'{{"scenario": "queues"}}\n{line}\n')
    with pytest.raises(UsageError, match="Line 2"):
        read_scenarios(path)


def test_a_file_without_a_scenario_or_without_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_text("# nothing yet\n")
    with pytest.raises(UsageError, match="holds no line"):
        read_scenarios(path)
    path.write_bytes(b"caf\xe9\n")
    with pytest.raises(UsageError, match="UTF-8"):
        read_scenarios(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_topics(tmp_path / "nowhere.txt")
