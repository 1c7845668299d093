"""The table of attacks and faults (`cases.md`) is whole, and every test that it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
CASES = 58
_ROW = re.compile(r"^\| (\d+) \|.*\| ([^|]+) \|$", re.MULTILINE)


def named() -> dict[int, list[str]]:
    """The tests of each case, by its number."""
    rows = _ROW.findall((FOLDER / "cases.md").read_text(encoding="utf-8"))
    return {int(number): re.findall(r"`(\w+::\w+)`", tests) for number, tests in rows}


def test_every_case_is_in_the_table_once() -> None:
    assert list(named()) == list(range(1, CASES + 1))


@pytest.mark.parametrize("number", range(1, CASES + 1))
def test_every_test_of_a_case_is_there(number: int) -> None:
    assert named()[number]
    for one in named()[number]:
        file, _, name = one.partition("::")
        tree = ast.parse((FOLDER / f"test_{file}.py").read_text(encoding="utf-8"))
        assert f"test_{name}" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, one
