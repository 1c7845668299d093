"""A table comes back as it was written, whatever a spreadsheet did to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.running import read_table, write_table

HEAD = ("id", "decision", "text")
# A cell that begins with an apostrophe may not be told from one that was guarded by it.
CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(
    lambda text: text == text.strip() and not text.startswith("'")
)


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS)))
def test_what_is_written_is_read_back(
    rows: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("table") / "t.csv"
    write_table(path, HEAD, rows)
    assert [tuple(row.cells[name] for name in HEAD) for row in read_table(path, HEAD, HEAD)] == rows


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@now"])
def test_no_cell_begins_like_a_formula(text: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_table(path, ("id",), [(text,)])
    assert f"\n'{text}" in path.read_text(encoding="utf-8-sig")
    assert read_table(path, ("id",), ("id",))[0].cells["id"] == text


def test_separators_of_other_countries_blank_lines_and_short_lines_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id;decision;text\na; keep \n;;\nb;drop;long\n")
    rows = read_table(path, HEAD, HEAD)
    assert [(row.number, row.cells) for row in rows] == [
        (2, {"id": "a", "decision": "keep", "text": ""}),
        (4, {"id": "b", "decision": "drop", "text": "long"}),
    ]


def test_a_lost_column_is_told_with_the_head_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,text\na,b\n")
    with pytest.raises(UsageError, match=r"no column 'decision'.*id,decision,text"):
        read_table(path, HEAD, ("id", "decision"))


def test_a_wrong_row_is_named_by_its_number(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", HEAD, [("a", "b", "c")])
    (row,) = read_table(tmp_path / "t.csv", HEAD, HEAD)
    assert "Row 2 of" in str(row.wrong("odd"))
