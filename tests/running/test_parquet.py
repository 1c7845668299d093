"""Rows as a Parquet table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import UsageError
from levelhead.running import _parquet, write_parquet

parquet = pytest.importorskip("pyarrow.parquet")


def written(rows: list[dict[str, Any]], tmp_path: Path) -> Any:
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert write_parquet(source, tmp_path / "rows.parquet") == len(rows)
    return parquet.read_table(tmp_path / "rows.parquet")


def test_a_table_holds_every_value_and_missing_ones_are_null(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "é", "p": 1, "flags": True, "names": ["a"]},
        {"id": "b", "p": 0.5, "names": [], "late": 3},
        {"id": "c", "p": None, "flags": False, "names": None},
    ]
    table = written(rows, tmp_path)
    names = ["id", "p", "flags", "names", "late"]
    assert table.column_names == names
    assert table.to_pylist() == [{name: row.get(name) for name in names} for row in rows]
    assert [str(kind) for kind in table.schema.types[:4]] == [
        "string",
        "double",
        "bool",
        "list<element: string>",
    ]


def test_objects_and_values_with_nothing_in_common_are_json_texts(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"meta": {"kind": "x"}, "mixed": 1, "deep": [{"a": 1}]},
        {"meta": None, "mixed": "two", "deep": []},
        {"meta": {"other": [1]}, "mixed": True},
    ]
    table = written(rows, tmp_path)
    columns = [table.column(name).to_pylist() for name in ("meta", "mixed", "deep")]
    told = [[None if value is None else json.loads(value) for value in column] for column in columns]
    assert told == [
        [{"kind": "x"}, None, {"other": [1]}],
        [1, "two", True],
        [[{"a": 1}], [], None],
    ]


def test_columns_of_later_pieces_and_their_types_count_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_parquet, "ROW_GROUP", 2)
    rows: list[dict[str, Any]] = [{"n": None}, {"n": 1}, {"n": 2}, {"n": 2.5}, {"n": 3, "new": "x"}]
    table = written(rows, tmp_path)
    assert table.column("n").to_pylist() == [None, 1, 2, 2.5, 3]
    assert table.column("new").to_pylist() == [None] * 4 + ["x"]
    assert parquet.ParquetFile(tmp_path / "rows.parquet").num_row_groups == 3


@pytest.mark.parametrize(
    ("text", "out", "match"),
    [
        ("{}\n[1]\n", "rows.parquet", "Line 2 of .* is no JSON object"),
        ("{\n", "rows.parquet", "Line 1 of .* is not JSON"),
        ("", "rows.parquet", "holds no row"),
        ('{"a": 1}\n', "rows.csv", r"does not end with \.parquet"),
        (None, "rows.parquet", "cannot be read"),
    ],
)
def test_a_source_that_is_no_table_is_refused_and_nothing_is_written(
    text: str | None, out: str, match: str, tmp_path: Path
) -> None:
    source = tmp_path / "rows.jsonl"
    if text is not None:
        source.write_text(text)
    with pytest.raises(UsageError, match=match):
        write_parquet(source, tmp_path / out)
    assert {path.name for path in tmp_path.iterdir()} <= {"rows.jsonl"}
