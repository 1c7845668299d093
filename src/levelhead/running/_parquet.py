"""Rows of a run, or any JSONL file, as a Parquet table: read twice and in pieces, in constant memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levelhead.errors import MissingExtraError, RunFolderError, UsageError
from levelhead.running._json import cannot, draft_of

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 10_000
"""Rows that are read, and written as one row group, at once."""


def write_parquet(source: Path, out: Path) -> int:
    """Write a JSONL file as a Parquet table, whole or not at all.

    A column has the type that all its values have in common: whole numbers and fractions become fractions,
    lists of one type stay lists. Objects, and what has nothing in common, are kept as JSON texts. Where a
    line lacks a column, the cell is null.

    Args:
        source: One JSON object a line; of a run, `rows.jsonl`.
        out: The table, for one that ends with `.parquet`.

    Returns:
        How many rows were written.

    Raises:
        UsageError: If the source is not there, has no row or a line that is no object, or `out` does not
            end with `.parquet`.
        MissingExtraError: If pyarrow is not installed.
        RunFolderError: If the table cannot be written.
    """
    if out.suffix != ".parquet":
        raise UsageError(f"{out} does not end with .parquet, the form that is written.")
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError as error:
        raise MissingExtraError("Parquet tables", extra="parquet", module="pyarrow") from error
    schema = _schema(source)
    texts = [name for name in schema.names if (schema.field(name).metadata or {}).get(b"form") == b"json"]
    draft, count = draft_of(out), 0
    try:
        try:
            with parquet.ParquetWriter(draft, schema, compression="zstd") as writer:
                for rows in _pieces(source):
                    writer.write_table(_table(rows, schema, texts))
                    count += len(rows)
            draft.replace(out)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise cannot("write", out, error) from error
    except ArrowException as error:
        raise RunFolderError(f"{source} changed while it was read ({error}). Try again.") from error
    return count


def _schema(source: Path) -> pa.Schema:
    """The columns of a file, in the order in which they come up."""
    import pyarrow as pa

    found: dict[str, pa.DataType | None] = {}  # None: nothing in common
    for rows in _pieces(source):
        for name in dict.fromkeys(name for row in rows for name in row):
            found[name] = _common(found.get(name, pa.null()), [row.get(name) for row in rows])
    if not found:
        raise UsageError(f"{source} holds no row.")
    as_json = {b"form": b"json"}
    return pa.schema(
        pa.field(name, pa.string(), metadata=as_json) if kind is None else pa.field(name, kind)
        for name, kind in found.items()
    )


def _common(known: pa.DataType | None, values: list[Any]) -> pa.DataType | None:
    """The type that values have in common with those before; None if there is none, or they hold objects."""
    import pyarrow as pa

    if known is None:
        return None
    try:
        found = pa.array(values).type
        fields = [pa.schema([("value", kind)]) for kind in (known, found)]
        both = pa.unify_schemas(fields, promote_options="permissive").field("value").type
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return None
    inner = both
    while pa.types.is_list(inner):
        inner = inner.value_type
    return None if pa.types.is_struct(inner) else both


def _table(rows: list[dict[str, Any]], schema: pa.Schema, texts: list[str]) -> pa.Table:
    import pyarrow as pa

    for row in rows:
        for name in texts:
            if row.get(name) is not None:
                row[name] = json.dumps(row[name], ensure_ascii=False)
    return pa.Table.from_pylist(rows, schema=schema)


def _pieces(source: Path) -> Iterator[list[dict[str, Any]]]:
    try:
        with source.open(encoding="utf-8") as file:
            numbered = enumerate(file, start=1)
            while lines := list(islice(numbered, ROW_GROUP)):
                yield [_parsed(line, number, source) for number, line in lines if line.strip()]
    except OSError as error:
        raise UsageError(f"{source} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{source} is not UTF-8 text (byte {error.start}).") from error


def _parsed(line: str, number: int, source: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UsageError(f"Line {number} of {source} is not JSON ({error}).") from error
    if not isinstance(row, dict):
        raise UsageError(f"Line {number} of {source} is no JSON object.")
    return row
